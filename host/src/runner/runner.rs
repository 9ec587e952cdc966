//! Runs the schemas of a configuration: one, or all of them side by side.
//!
//! In multi mode a schema that fails leaves the others alone; the report, `/health` and the exit
//! code show it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    commit::sha256,
    context::SchemaContext,
    desk::Desk,
    error::RunError,
    letters::OpenLetters,
    presence::{Held, Takeover, Waiting},
    processor::{
        Adopted, Checked, Choice, Completion, Dropped, Listed, Order, Ordered, Repaired, Retried,
        SchemaProcessor, SchemaStatus, Teardown, Verified, Verify, Waits, adopt, check, decide,
        drop_tables, foresee, list_letters, order, repair, retry, settle_letters, status,
        tear_down, verify, waits,
    },
    retained::Retained,
    side::{self, Connectors, Endpoint},
    starts::Starts,
};
use crate::{
    config::{Resync, WarpConfig},
    model::{LetterFilter, Operation},
    monitor::{Health, Metrics, ParkedTable},
    telemetry::Progress,
};

/// What a run uses beside its configuration.
#[derive(Clone)]
pub struct Surroundings {
    pub metrics: Metrics,
    pub health: Health,
    pub progress: Progress,
    /// Where orders come in while it runs.
    pub desk: Desk,
    /// Ends when the source reports no more.
    pub until_caught_up: bool,
    /// Waits for schemas that another run holds, instead of taking them over.
    pub standby: bool,
    /// When it is cancelled, every schema ends: the batch in flight is committed, plugins are closed.
    pub stop: CancellationToken,
}

/// Letters that one retry of a command is about (I7).
const RETRIED_LETTERS_MAX: usize = 1_000_000;

/// Schemas whose rows are compared at a time: each has connections and up to some 100 MiB of its own (I7).
const PROOFS_AT_ONCE: usize = 1;

/// Runs a configuration.
pub struct WarpRunner {
    config: Arc<WarpConfig>,
    pipeline: String,
    processors: Vec<Arc<SchemaProcessor>>,
    source: Endpoint,
    destination: Endpoint,
    desk: Desk,
    held: Arc<Held>,
    waiting: Option<Arc<Waiting>>,
}

/// How a schema's run went.
#[derive(Debug)]
pub struct SchemaReport {
    pub end: Result<Completion, RunError>,
    /// Committed rows by table, indexed by [`Operation`]; in a dry run, rows that were read.
    pub rows: BTreeMap<String, [u64; Operation::ALL.len()]>,
    pub dead_letters: u64,
    /// Tables that are left out because they failed.
    pub parked: BTreeMap<String, ParkedTable>,
}

impl WarpRunner {
    /// Prepares a run; nothing is opened yet.
    pub fn new(
        config: Arc<WarpConfig>,
        connectors: &Connectors,
        surroundings: &Surroundings,
    ) -> Result<Self, RunError> {
        let run = run_name();
        let config_sha256 = sha256(&serde_json::to_vec(config.as_ref()).unwrap_or_default());
        let source = side::source(&config, connectors, "")?;
        let destination = side::destination(&config, connectors, "")?;
        let pipeline = side::pipeline_name(&config, &source);
        let (journal_turn, places, sought) = (Arc::default(), Arc::default(), Arc::default());
        let proofs = Arc::new(Semaphore::new(PROOFS_AT_ONCE));
        let starts = Starts::new(side::starts_at_once(&config.limits));
        let held = Arc::new(Held::new(destination.clone(), &pipeline, &run));
        let ttl = config.standby.ttl_seconds.duration();
        let waiting = || Arc::new(Waiting::new(destination.clone(), &pipeline, &run, ttl));
        let waiting = surroundings.standby.then(waiting);
        let mut processors = Vec::new();
        for schema in config.active_schemas().cloned() {
            let stop = surroundings.stop.child_token();
            let labelled = |endpoint: &Endpoint| {
                let mut endpoint = endpoint.labelled(&schema.name);
                endpoint.settings.limits.cpu_weight = schema.cpu_weight;
                endpoint
            };
            let context = SchemaContext {
                source: labelled(&source),
                destination: labelled(&destination),
                metrics: surroundings.metrics.schema(&schema.name),
                health: surroundings.health.clone(),
                progress: surroundings.progress.clone(),
                tally: Arc::default(),
                letters: Arc::new(letters(&config, &schema.name, surroundings)),
                pipeline: pipeline.clone(),
                retained: Arc::new(Retained::new(&config)),
                interludes: surroundings.desk.of(&schema.name),
                places: Arc::clone(&places),
                sought: Arc::clone(&sought),
                starts: starts.clone(),
                held: Arc::clone(&held),
                waiting: waiting.clone(),
                proofs: Arc::clone(&proofs),
                run: run.clone(),
                started: SystemTime::now(),
                instance: instance_name(),
                config_sha256: config_sha256.clone(),
                journal_turn: Arc::clone(&journal_turn),
                until_caught_up: surroundings.until_caught_up,
                takeover: Arc::new(takeover(surroundings)),
                resync_left: Arc::new((config.full_resync_of(&schema.name) != Resync::None).into()),
                stop: stop.clone(),
                config: Arc::clone(&config),
                schema,
            };
            processors.push(Arc::new(SchemaProcessor::new(Arc::new(context.stopped_by(stop)))));
        }
        let desk = surroundings.desk.clone();
        Ok(Self { config, pipeline, processors, source, destination, desk, held, waiting })
    }

    /// What it runs.
    pub fn config(&self) -> &WarpConfig {
        &self.config
    }

    /// The pipeline's name.
    pub fn pipeline(&self) -> &str {
        &self.pipeline
    }

    /// What it writes to: pipelines of one name may differ in it.
    pub fn destination(&self) -> String {
        side::destination_name(&self.config, &self.destination)
    }

    /// Whether a schema has not begun yet to copy anew what the operator wants.
    pub fn has_resync_left(&self) -> bool {
        let mut schemas = self.processors.iter().map(|processor| processor.context());
        schemas.any(|context| context.resync_left.load(Ordering::Relaxed))
    }

    /// The schemas that it runs.
    pub fn schemas(&self) -> impl Iterator<Item = &str> {
        self.processors.iter().map(|processor| processor.context().name())
    }

    /// Leaves all schemas out but one; whether there is such a one.
    pub fn keep(&mut self, schema: &str) -> bool {
        self.processors.retain(|processor| processor.context().name() == schema);
        !self.processors.is_empty()
    }

    /// What each side's connector may touch.
    pub fn endpoints(&self) -> [&Endpoint; 2] {
        [&self.source, &self.destination]
    }

    /// Opens what is granted, before any connector is. Without it they have no files.
    pub fn open_grants(&self) -> Result<(), RunError> {
        side::open_grants(&self.endpoints(), &[])
    }

    /// Runs every schema to its end. Orders to one that has ended are still carried out while others run.
    pub async fn start(&self) -> BTreeMap<String, SchemaReport> {
        let contexts = self.processors.iter().map(|processor| Arc::clone(processor.context()));
        self.desk.open(&self.config, contexts);
        let looks_on = async {
            match &self.waiting {
                Some(waiting) => waiting.look_on().await,
                None => std::future::pending().await,
            }
        };
        let reports = tokio::select! {
            reports = self.run_all() => reports,
            // In boxes: most of the time they sleep.
            never = Box::pin(self.held.answer()) => match never {},
            never = Box::pin(looks_on) => match never {},
        };
        self.held.leave().await;
        reports
    }

    async fn run_all(&self) -> BTreeMap<String, SchemaReport> {
        let (left, all_ended) =
            (Arc::new(AtomicUsize::new(self.processors.len())), CancellationToken::new());
        let mut running = JoinSet::new();
        for processor in &self.processors {
            let processor = Arc::clone(processor);
            let (left, all_ended) = (Arc::clone(&left), all_ended.clone());
            running.spawn(async move {
                let running = Arc::clone(&processor);
                let run = async move { running.start(running.context().resync()).await };
                // A panic ends a task of its own, so that this one tells of it at once.
                let end = tokio::spawn(run).await.unwrap_or_else(|_| processor.died());
                if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    all_ended.cancel();
                }
                processor.rest(&all_ended).await;
                let context = processor.context();
                let (rows, dead_letters) = (context.tally.rows(), context.tally.dead_letters());
                let parked = context.health.parked(context.name());
                (context.name().to_owned(), SchemaReport { end, rows, dead_letters, parked })
            });
        }
        let mut reports = BTreeMap::new();
        while let Some(ended) = running.join_next().await {
            if let Ok((schema, report)) = ended {
                reports.insert(schema, report);
            }
        }
        reports
    }

    /// Looks whether each schema could be run, one after the other, and writes nothing.
    pub async fn check(&self) -> BTreeMap<String, Checked> {
        self.of_each(async |context| check(context).await).await
    }

    /// Makes the state of each schema this pipeline's, whosever it was.
    pub async fn adopt(&self) -> BTreeMap<String, Result<Adopted, RunError>> {
        self.of_each(async |context| adopt(context).await).await
    }

    /// Changes the states of the tables that the configuration's `full_resync` names.
    pub async fn order(
        &self,
        what: Order,
        take_over: bool,
    ) -> BTreeMap<String, Result<Vec<Ordered>, RunError>> {
        self.of_each(async |context| order(context, what, take_over).await).await
    }

    /// Forgets the tables that the configuration's `full_resync` names, and removes them at the destination unless
    /// `keep_rows`.
    pub async fn drop_tables(
        &self,
        keep_rows: bool,
        take_over: bool,
    ) -> BTreeMap<String, Result<Vec<Dropped>, RunError>> {
        self.of_each(async |context| drop_tables(context, keep_rows, take_over).await).await
    }

    /// What has become of the shapes of each schema's tables.
    pub async fn waits(&self) -> BTreeMap<String, Result<Waits, RunError>> {
        self.of_each(async |context| waits(context).await).await
    }

    /// Decides about what waits in the tables that the configuration's `full_resync` names.
    pub async fn decide(
        &self,
        choice: &Choice,
        take_over: bool,
    ) -> BTreeMap<String, Result<Waits, RunError>> {
        self.of_each(async |context| decide(context, choice, take_over).await).await
    }

    /// Where each schema's tables are in their life.
    pub async fn status(&self) -> BTreeMap<String, Result<SchemaStatus, RunError>> {
        self.of_each(async |context| status(context).await).await
    }

    /// What a teardown of each schema would remove.
    pub async fn foresee_teardown(&self) -> BTreeMap<String, Result<Teardown, RunError>> {
        self.of_each(async |context| foresee(context).await).await
    }

    /// Removes what each schema's pipeline has at its source, and its state at the destination.
    pub async fn tear_down(&self, take_over: bool) -> BTreeMap<String, Result<Teardown, RunError>> {
        self.of_each(async |context| tear_down(context, take_over).await).await
    }

    /// Dead letters of each schema that match, at most `limit` of each; with their rows, if they are wanted.
    pub async fn letters(
        &self,
        filter: &LetterFilter,
        limit: usize,
        with_rows: bool,
    ) -> BTreeMap<String, Result<Listed, RunError>> {
        self.of_each(async |context| list_letters(context, filter, limit, with_rows).await).await
    }

    /// Settles the open dead letters of each schema that match as discarded; how many it were.
    pub async fn discard_letters(
        &self,
        filter: &LetterFilter,
        resolution: &str,
    ) -> BTreeMap<String, Result<u64, RunError>> {
        let discard = async |context: &Arc<SchemaContext>| {
            settle_letters(context, filter, "discarded", resolution).await
        };
        self.of_each(discard).await
    }

    /// Tries the open dead letters of each schema that match again, with their rows as they are now.
    pub async fn retry_letters(
        &self,
        filter: &LetterFilter,
        resolution: &str,
        take_over: bool,
    ) -> BTreeMap<String, Result<Retried, RunError>> {
        let again = async |context: &Arc<SchemaContext>| {
            retry(context, filter, resolution, take_over, RETRIED_LETTERS_MAX).await
        };
        self.of_each(again).await
    }

    /// Compares the rows of both sides of each schema, and writes nothing.
    pub async fn verify(&self, asked: Verify<'_>) -> BTreeMap<String, Result<Verified, RunError>> {
        self.of_each(async |context| verify(context, asked).await).await
    }

    /// Writes rows of some tables of a schema again as they are at the source now: those of these keys.
    pub async fn repair(
        &self,
        schema: &str,
        keys: &BTreeMap<String, Vec<String>>,
        take_over: bool,
    ) -> Option<Result<BTreeMap<String, Repaired>, RunError>> {
        let mut processors = self.processors.iter();
        let processor = processors.find(|processor| processor.context().name() == schema)?;
        Some(repair(processor.context(), keys, take_over).await)
    }

    /// What comes of each schema, one after the other.
    async fn of_each<T>(&self, ask: impl AsyncFn(&Arc<SchemaContext>) -> T) -> BTreeMap<String, T> {
        let mut answers = BTreeMap::new();
        for processor in &self.processors {
            let context = processor.context();
            answers.insert(context.name().to_owned(), ask(context).await);
        }
        answers
    }
}

fn letters(config: &Arc<WarpConfig>, schema: &str, surroundings: &Surroundings) -> OpenLetters {
    let metrics = surroundings.metrics.schema(schema);
    OpenLetters::new(Arc::clone(config), schema, metrics, surroundings.health.clone())
}

/// A run that waits takes a schema only from whom it waited for.
fn takeover(surroundings: &Surroundings) -> Takeover {
    if surroundings.standby { Takeover::from_nobody() } else { Takeover::from_anybody() }
}

fn instance_name() -> String {
    format!("{}:{}", gethostname::gethostname().display(), std::process::id())
}

/// Tells this process apart from every other runner, also on other machines.
fn run_name() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
