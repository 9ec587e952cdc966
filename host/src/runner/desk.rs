//! The way from outside to the schemas that a process runs.
//!
//! An order becomes work for the time between two attempts (`interludes`) and is carried out by the very function
//! that serves the command while nobody runs the schema. What waits outlives the runner of an edited
//! configuration: the next one finds it. Who asked and went away before it began has asked for nothing.
//!
//! What neither claims a schema nor changes a state looks past the attempt under way (`looks`).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use miette::Diagnostic;
use thiserror::Error;
use tokio::{sync::oneshot, time::timeout_at};

use super::{
    context::SchemaContext,
    error::RunError,
    interludes::{Interludes, Work},
    looks::{LOOK_MAX, Looks},
    processor::{
        Choice, Dropped, Listed, Order, Ordered, Repaired, Retried, Waits, decide, drop_tables,
        list_letters, order, repair, retry, settle_letters, waits,
    },
};
use crate::{
    config::{Resync, WarpConfig, suggest},
    model::LetterFilter,
};

/// How long an order may wait for the attempt in flight to end.
pub const ORDER_WAIT_MAX: Duration = Duration::from_secs(300);

/// Open letters that one order tries again, to the next page: the schema waits meanwhile (I7).
const RETRIED_LETTERS_MAX: usize = 1_000;

/// Where orders come in. Clones are one desk.
#[derive(Clone, Default)]
pub struct Desk {
    state: Arc<Mutex<State>>,
    looks: Looks,
}

#[derive(Default)]
struct State {
    /// What is run now; none before the first schema is, and after the last.
    config: Option<Arc<WarpConfig>>,
    contexts: BTreeMap<String, Arc<SchemaContext>>,
    schemas: BTreeMap<String, Arc<Interludes<SchemaContext>>>,
}

/// What comes of each schema that is concerned.
pub type Answers<T> = BTreeMap<String, Result<T, DeskError>>;

/// Why an order was not carried out.
#[derive(Debug, Error, Diagnostic)]
pub enum DeskError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Run(#[from] RunError),

    #[error("the run has not begun yet, or is ending")]
    #[diagnostic(
        code("run-ending"),
        help(
            "nothing was changed; give the order again: with no run left, the command does it itself"
        )
    )]
    Closed,

    #[error("too many orders wait for schema `{schema}`")]
    #[diagnostic(
        code("orders-waiting"),
        help("this one changed nothing; give it again when those before it are done")
    )]
    Full { schema: String },

    #[error("schema `{schema}` came to no end of what it is doing within {} seconds", ORDER_WAIT_MAX.as_secs())]
    #[diagnostic(
        code("order-late"),
        help(
            "the order is withdrawn, unless it was just begun: `cartridge-warp status` shows the tables"
        )
    )]
    Late { schema: String },

    #[error("schema `{schema}` had not been looked at within {} seconds", LOOK_MAX.as_secs())]
    #[diagnostic(
        code("look-late"),
        help("see in the status whether its source and destination answer, and ask again")
    )]
    LookLate { schema: String },
}

impl Desk {
    /// Where work for a schema waits.
    pub fn of(&self, schema: &str) -> Arc<Interludes<SchemaContext>> {
        Arc::clone(self.lock().schemas.entry(schema.to_owned()).or_default())
    }

    /// This configuration is run from now on. What waits for schemas that it does not have is given up.
    pub fn open(
        &self,
        config: &Arc<WarpConfig>,
        contexts: impl Iterator<Item = Arc<SchemaContext>>,
    ) {
        let mut state = self.lock();
        state.config = Some(Arc::clone(config));
        state.contexts = contexts.map(|context| (context.name().to_owned(), context)).collect();
        state.schemas.retain(|name, _| config.active_schemas().any(|schema| schema.name == *name));
    }

    /// Nothing is run any more: what waits is given up.
    pub fn close(&self) {
        *self.lock() = State::default();
    }

    /// Changes the states of these tables, named as for `full_resync`, in each schema that has some of them.
    pub async fn order(
        &self,
        what: Order,
        tables: Resync,
        take_over: bool,
    ) -> Result<Answers<Vec<Ordered>>, DeskError> {
        let carry_out = move |context: Arc<SchemaContext>| async move {
            let ordered = order(&context, what, take_over || is_to_take_over(&context)).await?;
            for Ordered { table, is, .. } in &ordered {
                context.health.set_table(context.name(), table, is.clone());
            }
            Ok(ordered)
        };
        self.of_each(tables, carry_out).await
    }

    /// Forgets these tables in each schema that has some of them, and removes them at the destination unless
    /// `keep_rows`.
    pub async fn drop_tables(
        &self,
        tables: Resync,
        keep_rows: bool,
        take_over: bool,
    ) -> Result<Answers<Vec<Dropped>>, DeskError> {
        let carry_out = move |context: Arc<SchemaContext>| async move {
            let take_over = take_over || is_to_take_over(&context);
            let dropped = drop_tables(&context, keep_rows, take_over).await?;
            for Dropped { table, .. } in &dropped {
                context.forget_table(table);
            }
            Ok(dropped)
        };
        self.of_each(tables, carry_out).await
    }

    /// Decides about what waits in these tables, in each schema that has some of them.
    pub async fn decide(
        &self,
        tables: Resync,
        choice: Choice,
        take_over: bool,
    ) -> Result<Answers<Waits>, DeskError> {
        let carry_out = move |context: Arc<SchemaContext>| {
            let choice = choice.clone();
            async move { decide(&context, &choice, take_over || is_to_take_over(&context)).await }
        };
        self.of_each(tables, carry_out).await
    }

    /// Tries open dead letters of a schema again, as many as one order may be about; of the only schema without a name.
    pub async fn retry_letters(
        &self,
        schema: Option<&str>,
        filter: LetterFilter,
        resolution: String,
        take_over: bool,
    ) -> Result<Retried, DeskError> {
        let carry_out = move |context: Arc<SchemaContext>| {
            let (filter, resolution) = (filter.clone(), resolution.clone());
            async move {
                let take_over = take_over || is_to_take_over(&context);
                retry(&context, &filter, &resolution, take_over, RETRIED_LETTERS_MAX).await
            }
        };
        self.of_one(schema, carry_out).await
    }

    /// Writes rows of some tables of a schema again as they are at the source: those of these keys.
    pub async fn repair(
        &self,
        schema: Option<&str>,
        keys: BTreeMap<String, Vec<String>>,
        take_over: bool,
    ) -> Result<BTreeMap<String, Repaired>, DeskError> {
        let carry_out = move |context: Arc<SchemaContext>| {
            let keys = keys.clone();
            async move {
                let take_over = take_over || is_to_take_over(&context);
                let came = repair(&context, &keys, take_over).await?;
                came.iter().for_each(|(table, repaired)| context.repaired(table, repaired.rows));
                Ok(came)
            }
        };
        self.of_one(schema, carry_out).await
    }

    /// Dead letters of a schema that match, without their rows.
    pub async fn letters(
        &self,
        schema: Option<&str>,
        filter: LetterFilter,
        limit: usize,
    ) -> Result<Listed, DeskError> {
        let list = move |context: Arc<SchemaContext>| async move {
            list_letters(&context, &filter, limit, false).await
        };
        self.look(schema, list).await
    }

    /// Settles the open dead letters of a schema that match as discarded; how many it were.
    pub async fn discard_letters(
        &self,
        schema: Option<&str>,
        filter: LetterFilter,
        resolution: String,
    ) -> Result<u64, DeskError> {
        let settle = |context: Arc<SchemaContext>| async move {
            settle_letters(&context, &filter, "discarded", &resolution).await
        };
        self.look(schema, settle).await
    }

    /// What has become of the shapes of a schema's tables.
    pub async fn waits(&self, schema: Option<&str>) -> Result<Waits, DeskError> {
        self.look(schema, |context| async move { waits(&context).await }).await
    }

    /// Does something beside the attempt of one schema.
    async fn look<T: Send + 'static, F>(
        &self,
        schema: Option<&str>,
        work: impl FnOnce(Arc<SchemaContext>) -> F + Send + 'static,
    ) -> Result<T, DeskError>
    where
        F: Future<Output = Result<T, RunError>>,
    {
        let context = self.one(schema)?;
        let schema = context.name().to_owned();
        let looked = self.looks.look(move || work(context)).await;
        Ok(looked.ok_or(DeskError::LookLate { schema })??)
    }

    /// The schema of this name; the only one without any.
    fn one(&self, schema: Option<&str>) -> Result<Arc<SchemaContext>, DeskError> {
        let state = self.lock();
        let names = || state.contexts.keys().map(String::as_str);
        let unusable = |what: String, help| DeskError::Run(RunError::Unusable { what, help });
        match schema {
            _ if state.contexts.is_empty() => Err(DeskError::Closed),
            None if state.contexts.len() > 1 => Err(unusable(
                "the request names none of several schemas".to_owned(),
                "name one: `schema`".to_owned(),
            )),
            None => state.contexts.values().next().cloned().ok_or(DeskError::Closed),
            Some(name) => state.contexts.get(name).cloned().ok_or_else(|| {
                unusable(
                    format!("`{name}` is no schema that this run moves"),
                    suggest(name, names()),
                )
            }),
        }
    }

    /// What comes of the work in each schema that has some of these tables, all of them side by side.
    async fn of_each<T: Send + 'static, F>(
        &self,
        tables: Resync,
        work: impl Fn(Arc<SchemaContext>) -> F + Clone + Send + 'static,
    ) -> Result<Answers<T>, DeskError>
    where
        F: Future<Output = Result<T, RunError>>,
    {
        let targets = self.targets(&tables)?;
        Ok(answers(self.ask(targets, &work)).await)
    }

    /// What comes of the work in one schema; in the only one without a name.
    async fn of_one<T: Send + 'static, F>(
        &self,
        schema: Option<&str>,
        work: impl Fn(Arc<SchemaContext>) -> F + Clone + Send + 'static,
    ) -> Result<T, DeskError>
    where
        F: Future<Output = Result<T, RunError>>,
    {
        let name = self.one(schema)?.name().to_owned();
        let asked = self.ask(vec![(name, Resync::None)], &work);
        let answer = answers(asked).await.into_values().next();
        answer.unwrap_or(Err(DeskError::Closed))
    }

    /// The schemas that have some of the tables, each with what is meant of it.
    fn targets(&self, tables: &Resync) -> Result<Vec<(String, Resync)>, DeskError> {
        let state = self.lock();
        let config = state.config.as_ref().ok_or(DeskError::Closed)?;
        if let Some((what, help)) = config.unqualified(tables).into_iter().next() {
            return Err(RunError::Unusable { what: format!("the order {what}"), help }.into());
        }
        let mut named = WarpConfig::clone(config);
        named.full_resync = tables.clone();
        let concerned =
            state.schemas.keys().filter(|name| named.full_resync_of(name) != Resync::None);
        Ok(concerned.map(|name| (name.clone(), tables.clone())).collect())
    }

    /// Leaves the work with each of these schemas; where what comes of it is told.
    fn ask<T: Send + 'static, F>(
        &self,
        targets: Vec<(String, Resync)>,
        work: &(impl Fn(Arc<SchemaContext>) -> F + Clone + Send + 'static),
    ) -> Asked<T>
    where
        F: Future<Output = Result<T, RunError>>,
    {
        let mut asked = Asked::new();
        for (schema, tables) in targets {
            let (tell, answer) = oneshot::channel();
            let work = work.clone();
            let work: Work<SchemaContext> = Box::new(move |context| {
                Box::pin(async move {
                    if !tell.is_closed() {
                        // Who is gone by now does not hear of it.
                        let _ = tell.send(work(Arc::new(context.about(tables))).await);
                    }
                })
            });
            // Where the schema is gone meanwhile, the work is dropped, and the answer is that the run is ending.
            let added =
                self.lock().schemas.get(&schema).is_none_or(|interludes| interludes.add(work));
            asked.push((schema, added.then_some(answer)));
        }
        asked
    }

    // A configuration and queues are whole in any state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the run's next claim takes over whoever holds the schema, a run that was killed mostly: what is ordered of
/// it before does the same. One that waits leaves it to the run that works.
fn is_to_take_over(context: &SchemaContext) -> bool {
    context.takeover.is_from_anybody()
}

/// The schemas that were asked, and where each answers; none where too much waits.
type Asked<T> = Vec<(String, Option<oneshot::Receiver<Result<T, RunError>>>)>;

/// What comes of it, as far as it comes in time.
async fn answers<T>(asked: Asked<T>) -> Answers<T> {
    let until = tokio::time::Instant::now() + ORDER_WAIT_MAX;
    let mut answers = Answers::new();
    for (schema, answer) in asked {
        let answer = match answer {
            None => Err(DeskError::Full { schema: schema.clone() }),
            Some(answer) => match timeout_at(until, answer).await {
                Ok(Ok(answer)) => answer.map_err(DeskError::Run),
                Ok(Err(_)) => Err(DeskError::Closed),
                Err(_) => Err(DeskError::Late { schema: schema.clone() }),
            },
        };
        answers.insert(schema, answer);
    }
    answers
}
