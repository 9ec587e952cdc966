//! The runners of one process, one after the other: each edited configuration makes the next.

use std::{collections::BTreeMap, sync::Arc};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    CliError, args::RunArgs, grants, output::Output, read::read_again, setup, signals::Signals,
};
use crate::{
    config::{Reloaded, WarpConfig},
    control::{self, Place, Reload, Token, Told},
    runner::{Connectors, SchemaReport, Surroundings, WarpRunner},
};

/// What came of each schema.
pub type Reports = BTreeMap<String, SchemaReport>;

/// The next runner, with what it uses.
type Next = (WarpRunner, Surroundings);

/// Somebody who wants the configuration read again.
type Asked = oneshot::Sender<Result<Reload, Told>>;

/// The runners of a process, each for as long as its configuration holds.
pub struct Generations<'a> {
    pub args: &'a RunArgs,
    pub output: Output,
    pub connectors: Connectors,
    pub surroundings: Surroundings,
    pub signals: Signals,
    /// What is served ends when it is cancelled.
    pub finished: CancellationToken,
    /// When the process began, as in RFC 3339.
    pub since: String,
}

impl Generations<'_> {
    /// Runs all schemas to their end, and anew with each configuration that is read again.
    pub async fn run(self, first: &Arc<WarpConfig>) -> Result<Reports, CliError> {
        let (mut last, mut reports) = (WarpConfig::clone(first), Reports::new());
        let mut surroundings = self.next();
        let mut runner = prepare(first, &self.connectors, &surroundings)?;
        let (reloads, mut asked) = mpsc::channel(1);
        let mut orders = self.take_orders(first, &runner, reloads).await?;
        loop {
            let until_edited = self.until_edited(&runner, &mut last, &surroundings, &mut asked);
            let (ended, edited) = until_edited.await;
            add(&mut reports, ended);
            let Some((next_runner, next_surroundings)) = edited else { break };
            // Files are locked by who has them open.
            drop(runner);
            (runner, surroundings) = (next_runner, next_surroundings);
            let schemas = last.active_schemas().map(|schema| schema.name.clone());
            self.surroundings.health.begin_again(schemas);
        }
        // Whoever still waits for an order is told: nothing holds it any more.
        drop((asked, runner));
        self.surroundings.desk.close();
        self.finished.cancel();
        // They end by themselves, in a bounded time.
        while orders.join_next().await.is_some() {}
        Ok(reports)
    }

    /// Serves the run on its socket and its port; a dry run is nobody's pipeline.
    async fn take_orders(
        &self,
        config: &Arc<WarpConfig>,
        runner: &WarpRunner,
        reloads: mpsc::Sender<Asked>,
    ) -> Result<JoinSet<()>, CliError> {
        let mut serving = JoinSet::new();
        if !config.control.enabled || config.dry_run {
            return Ok(serving);
        }
        let token = config.control.token_file.as_deref().map(Token::read);
        let token = token.transpose().map_err(CliError::unusable)?;
        let Surroundings { desk, health, metrics, .. } = self.surroundings.clone();
        let place = Place::of(config, runner.pipeline(), &runner.destination());
        let (pipeline, since) = (runner.pipeline().to_owned(), self.since.clone());
        let (of_log, output) = (Arc::clone(config), self.output);
        let set_level = Box::new(move |level| {
            setup::set_level(&of_log, level, output).map_err(|error| Told::of(error.as_ref()))
        });
        let drain = Arc::clone(&self.signals.drain);
        let process = control::Process { reloads, drain, set_level };
        let run = Arc::new(control::Run { pipeline, since, desk, health, metrics, process });
        if let (Some(addr), Some(token)) = (config.control.listen, token) {
            let listening = control::listen(addr, token, Arc::clone(&run), self.finished.clone());
            serving.spawn(listening.await.map_err(CliError::unusable)?.stopped());
        }
        let served = control::serve(place, run, self.finished.clone());
        serving.spawn(served.map_err(CliError::unusable)?);
        Ok(serving)
    }

    /// What a generation uses: it can be stopped alone.
    fn next(&self) -> Surroundings {
        Surroundings { stop: self.signals.stop.child_token(), ..self.surroundings.clone() }
    }

    /// Runs until all schemas have ended; with a runner where an edited configuration made them.
    async fn until_edited(
        &self,
        runner: &WarpRunner,
        last: &mut WarpConfig,
        surroundings: &Surroundings,
        reloads: &mut mpsc::Receiver<Asked>,
    ) -> (Reports, Option<Next>) {
        let mut running = std::pin::pin!(runner.start());
        loop {
            let asked = tokio::select! {
                reports = &mut running => return (reports, None),
                () = self.signals.reload.notified() => None,
                Some(asked) = reloads.recv() => Some(asked),
            };
            let read = self.read_again(runner, last);
            if let Some(asked) = asked {
                // Who is gone by now does not hear of it.
                let _ = asked.send(answer(&read));
            }
            if let Ok((_, Some(next))) = read {
                surroundings.stop.cancel();
                let reports = running.await;
                let is_to_end = self.signals.stop.is_cancelled();
                return (reports, (!is_to_end).then_some(next));
            }
        }
    }

    /// Reads the configuration again; with a runner for it, where schemas have to begin again.
    fn read_again(
        &self,
        running: &WarpRunner,
        last: &mut WarpConfig,
    ) -> Result<(Reload, Option<Next>), CliError> {
        let reloaded = read_again(self.args, last, self.output)?;
        let next = self.next();
        let to_run = Arc::new(reloaded.to_run(running.has_resync_left()));
        let runner = WarpRunner::new(to_run, &self.connectors, &next);
        // While the one that runs is whole: where something of this cannot be opened, it goes on.
        let opened = runner.and_then(|runner| runner.open_grants().map(|()| runner));
        let runner = opened.map_err(CliError::failed).inspect_err(|error| {
            self.output.error(error.diagnostic.as_ref());
        })?;
        let Reloaded { config, changed, later, concerns_schemas, .. } = reloaded;
        *last = config;
        let reload = Reload { taken: changed, later, schemas_begin_again: concerns_schemas };
        Ok((reload, concerns_schemas.then_some((runner, next))))
    }
}

fn answer(read: &Result<(Reload, Option<Next>), CliError>) -> Result<Reload, Told> {
    match read {
        Ok((reload, _)) => Ok(reload.clone()),
        Err(error) => Err(Told::of(error.diagnostic.as_ref())),
    }
}

/// Adds what came of schemas to what had come of them before.
fn add(reports: &mut Reports, ended: Reports) {
    for (schema, mut report) in ended {
        if let Some(before) = reports.remove(&schema) {
            report.dead_letters += before.dead_letters;
            for (table, counts) in before.rows {
                let sums = report.rows.entry(table).or_default();
                sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            }
        }
        reports.insert(schema, report);
    }
}

/// A runner, with everything open that is granted.
fn prepare(
    config: &Arc<WarpConfig>,
    connectors: &Connectors,
    surroundings: &Surroundings,
) -> Result<WarpRunner, CliError> {
    let runner = WarpRunner::new(Arc::clone(config), connectors, surroundings)
        .map_err(CliError::unusable)?;
    tracing::info!(pipeline = runner.pipeline(), "the pipeline's name");
    for endpoint in runner.endpoints() {
        grants::log(endpoint);
    }
    runner.open_grants().map_err(CliError::failed)?;
    Ok(runner)
}
