//! Keeps one schema's copy exact, for as long as it may.
//!
//! Attempts follow one another until the run ends or [`super::reaction`] gives up. A processor
//! never takes another one with it.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    completion::Completion,
    dry_run,
    proving::prove,
    reaction::{Reaction, RetryPolicy, react},
    retained::{release, watch},
    standby::{turn, waits_after},
};
use crate::{
    config::{OnLostPosition, Resync, SyncMode},
    model::Action,
    monitor::{SchemaState, SyncStatus},
    runner::{
        attempt::{self, Attempts, remove_beginning},
        context::SchemaContext,
        error::RunError,
        follow::StreamEnd,
    },
};

/// Between a turn that was lost and the next: a destination may fence whoever comes.
const TURN_PAUSE: Duration = Duration::from_secs(1);

/// Runs one schema.
pub struct SchemaProcessor {
    context: Arc<SchemaContext>,
}

impl SchemaProcessor {
    pub fn new(context: Arc<SchemaContext>) -> Self {
        Self { context }
    }

    /// Runs until the schema is stopped, has caught up where that was the wish, or has failed.
    ///
    /// `resync` names the tables that are emptied and copied again.
    pub async fn start(&self, resync: Resync) -> Result<Completion, RunError> {
        let context = &self.context;
        let span = tracing::info_span!("schema", schema = context.name(), run = context.run);
        async {
            let ended = self.in_turns(resync).await;
            self.record_end(&ended);
            ended
        }
        .instrument(span)
        .await
    }

    /// Asks the run to end: it finishes the batch in flight, commits and closes the plugins.
    pub fn stop(&self) {
        self.context.stop.cancel();
    }

    /// What the schema is doing.
    pub fn get_status(&self) -> SchemaState {
        self.context.health.get(self.context.name()).unwrap_or(SchemaState::Starting)
    }

    /// Records that the run ended by a panic: it must not look as if it went on.
    pub fn died(&self) -> Result<Completion, RunError> {
        let ended = Err(RunError::Died { schema: self.context.name().to_owned() });
        self.record_end(&ended);
        ended
    }

    pub fn context(&self) -> &Arc<SchemaContext> {
        &self.context
    }

    /// Runs, and waits for its turn where another run has the schema.
    async fn in_turns(&self, mut resync: Resync) -> Result<Completion, RunError> {
        let context = &self.context;
        loop {
            context.health.set(context.name(), SchemaState::Starting);
            if turn(context).await.is_none() {
                return Ok(Completion::Stopped);
            }
            context.metrics.sync_status(SyncStatus::Running);
            // Nobody knows better until the source has answered.
            context.metrics.behind();
            let ended = tokio::select! {
                ended = self.run(std::mem::take(&mut resync)) => ended,
                // In a box: most of the time it sleeps, for a source that may keep nothing.
                never = Box::pin(watch(context)) => match never {},
                never = Box::pin(prove(context)) => match never {},
            };
            match ended {
                Err(error) if waits_after(context, &error) => {
                    tracing::warn!(error = error.chain(), "another run has the schema: waiting");
                    if matches!(self.wait(TURN_PAUSE, true).await, Waited::Stopped) {
                        return Ok(Completion::Stopped);
                    }
                }
                ended => return ended,
            }
            if context.resync_left.load(Ordering::Relaxed) {
                resync = context.resync();
            }
        }
    }

    async fn run(&self, mut resync: Resync) -> Result<Completion, RunError> {
        if self.context.config.dry_run {
            return dry_run::run(&self.context).await;
        }
        loop {
            let completion = self.run_once(std::mem::take(&mut resync)).await?;
            let next = match (&self.context.schema.mode, &self.context.schema.schedule) {
                (SyncMode::Batch, Some(schedule))
                    if completion == Completion::CaughtUp && !self.context.until_caught_up =>
                {
                    schedule.until_next()
                }
                _ => None,
            };
            let Some(pause) = next else { return Ok(completion) };
            tracing::info!(seconds = pause.as_secs(), "batch complete, waiting for the schedule");
            match self.wait(pause, true).await {
                Waited::Stopped => return Ok(Completion::Stopped),
                Waited::Passed => {}
                // The run that follows finds what is left.
                Waited::Full(full) => drop(release(&self.context, full).await),
            }
        }
    }

    /// Attempts until one ends well or there is no point in another. What they began and did not commit
    /// does not stay.
    async fn run_once(&self, resync: Resync) -> Result<Completion, RunError> {
        let run_ends = self.context.stop.clone();
        let mut attempts = Attempts { resync, run_ends, ..Attempts::default() };
        let ended = self.attempt(&mut attempts).await;
        remove_beginning(&self.context, attempts.beginning).await;
        ended
    }

    async fn attempt(&self, attempts: &mut Attempts) -> Result<Completion, RunError> {
        let context = &self.context;
        let rules = &context.config.error_handling;
        let policy = RetryPolicy {
            retries_max: context.retries_max(),
            resyncs_max: rules.max_resyncs,
            backoff_factor: rules.backoff_factor,
            backoff_max: rules.max_backoff_seconds.duration(),
            resync: context.schema.on_lost_position == OnLostPosition::Resync,
        };
        let mut streak = Streak::default();
        let mut ended = self.attempt_once(attempts).await;
        loop {
            let error = match ended {
                Ok(StreamEnd::Stopped) if context.stop.is_cancelled() => {
                    return Ok(Completion::Stopped);
                }
                // It was ended for what waits.
                Ok(StreamEnd::Stopped) => {
                    streak.forgive(attempts);
                    ended = self.attempt_once(attempts).await;
                    continue;
                }
                Ok(StreamEnd::CaughtUp) => return Ok(Completion::CaughtUp),
                Err(full @ RunError::LogReleased { .. }) => release(context, full).await,
                Err(error) => error,
            };
            if context.stop.is_cancelled() {
                tracing::warn!(error = error.chain(), "stopped while an attempt was failing");
                return Ok(Completion::Stopped);
            }
            if waits_after(context, &error) {
                return Err(error);
            }
            context.metrics.error(error.error_type());
            if attempts.park(context, &error) {
                // Each time there is a table less, so this ends.
                ended = self.attempt_once(attempts).await;
                continue;
            }
            context.metrics.behind();
            let failures = streak.count(&error, attempts);
            let reaction = react(error.action(), failures, error.retry_after(), jitter(), &policy);
            let pause = match reaction {
                Reaction::GiveUp => return Err(error),
                Reaction::TryAgain { pause } => {
                    self.announce(failures, pause, &error, "trying again");
                    pause
                }
                Reaction::Resync { pause } if error.says_what_is_copied() => {
                    self.announce(failures, pause, &error, "changes are lost: copying tables anew");
                    context.metrics.resync();
                    pause
                }
                Reaction::Resync { pause } => {
                    let what = "the position is lost: copying everything anew";
                    self.announce(failures, pause, &error, what);
                    context.metrics.resync();
                    if attempts.resync != Resync::All {
                        (attempts.resync, attempts.position_lost) = (Resync::All, true);
                    }
                    pause
                }
            };
            ended = match self.wait(pause, attempts.may_rest()).await {
                Waited::Stopped => return Ok(Completion::Stopped),
                Waited::Passed => self.attempt_once(attempts).await,
                Waited::Full(full) => Err(full),
            };
        }
    }

    /// One attempt, which ends as for a stop when there is something to be done.
    async fn attempt_once(&self, attempts: &mut Attempts) -> Result<StreamEnd, RunError> {
        let begun = CancellationToken::new();
        attempts.begun = begun.clone();
        let left_alone = attempts.interruptions.left_alone();
        if attempts.may_rest() {
            self.context.interludes.work_off(&self.context).await;
            if left_alone.is_zero() {
                begun.cancel();
            }
        }
        let context = Arc::new(self.context.of_attempt());
        let interrupted = async {
            // Ended before that, it would begin again and again, and the work would still wait.
            begun.cancelled().await;
            tokio::time::sleep(left_alone).await;
            let undisturbed = Instant::now();
            self.context.interludes.come().await;
            undisturbed.elapsed()
        };
        let (ended, undisturbed) = {
            let mut attempt = Box::pin(attempt::run(&context, attempts));
            tokio::select! {
                ended = &mut attempt => return ended,
                undisturbed = interrupted => {
                    context.stop.cancel();
                    (attempt.await, undisturbed)
                }
            }
        };
        attempts.interruptions.add(undisturbed);
        ended
    }

    /// Waits, and does meanwhile what comes, if the schema `may_rest`.
    async fn wait(&self, pause: Duration, may_rest: bool) -> Waited {
        let context = &self.context;
        let mut passed = std::pin::pin!(tokio::time::sleep(pause));
        loop {
            tokio::select! {
                () = context.stop.cancelled() => return Waited::Stopped,
                () = &mut passed => return Waited::Passed,
                full = context.retained.full() => return Waited::Full(full),
                () = context.interludes.come(), if may_rest => {
                    context.interludes.work_off(context).await;
                }
            }
        }
    }

    /// Does what comes for the schema when it has ended and others have not.
    pub async fn rest(&self, all_ended: &CancellationToken) {
        while all_ended.run_until_cancelled(self.context.interludes.come()).await.is_some() {
            self.context.interludes.work_off(&self.context).await;
        }
    }

    fn announce(&self, failures: u32, pause: Duration, cause: &RunError, what: &str) {
        let (context, error) = (&self.context, cause.chain());
        let pause_ms = pause.as_millis() as u64;
        if context.log_of(cause).admits("restarts") {
            tracing::warn!(attempt = failures, pause_ms, error, "{what}");
        }
        context.health.set(context.name(), SchemaState::Retrying { attempt: failures, error });
    }

    fn record_end(&self, ended: &Result<Completion, RunError>) {
        let context = &self.context;
        let (status, state) = match ended {
            Ok(Completion::Stopped) => (SyncStatus::Stopped, SchemaState::Stopped),
            Ok(Completion::CaughtUp) => (SyncStatus::Stopped, SchemaState::Completed),
            Err(error) => {
                let error = error.chain();
                tracing::error!(error, "schema failed");
                (SyncStatus::Failed, SchemaState::Failed { error })
            }
        };
        context.metrics.sync_status(status);
        context.health.set(context.name(), state);
    }
}

/// Failures in a row.
#[derive(Debug, Default)]
struct Streak {
    /// Without a commit in between.
    failures: u32,
    /// Lost positions without a commit of the change stream in between.
    lost: u32,
    /// The same of single tables: that another one is copied again is no failure in vain.
    lost_of: BTreeMap<String, u32>,
}

impl Streak {
    /// What the last attempt committed shows that those before it were no failures in vain.
    fn forgive(&mut self, last: &Attempts) {
        if last.commits > 0 {
            self.failures = 0;
        }
        if last.streamed {
            self.lost = 0;
            self.lost_of.clear();
        }
    }

    /// Counts a failure; how many of its kind there were in a row.
    fn count(&mut self, error: &RunError, last: &Attempts) -> u32 {
        self.forgive(last);
        // Copying anew commits rows, which does not show that it was any use.
        if error.says_what_is_copied() {
            let counts = error.tables().into_iter().map(|table| {
                let count = self.lost_of.entry(table.to_owned()).or_default();
                *count = count.saturating_add(1);
                *count
            });
            return counts.max().unwrap_or(u32::MAX);
        }
        let is_lost = error.action() == Action::Resync;
        let count = if is_lost { &mut self.lost } else { &mut self.failures };
        *count = count.saturating_add(1);
        *count
    }
}

/// Between a half and one: what failed together is not to come back together.
fn jitter() -> f64 {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0
}

/// How a pause ended.
enum Waited {
    Stopped,
    Passed,
    /// The source's log is to be given up.
    Full(RunError),
}
