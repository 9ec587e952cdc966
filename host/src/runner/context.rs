//! What every part of a schema's run shares.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::SystemTime,
};

use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{
    error::RunError,
    interludes::Interludes,
    letters::OpenLetters,
    parking::Parking,
    places::Places,
    presence::{Held, Takeover, Waiting},
    retained::Retained,
    side::Endpoint,
    sought::Sought,
    starts::Starts,
    tally::Tally,
};
use crate::{
    config::{Resync, SchemaConfig, SyncMode, TableSettings, WarpConfig},
    monitor::{Health, SchemaMetrics},
    plugin::{DestinationConnection, LogRate, Patience, Role, SourceConnection},
    telemetry::Progress,
};

/// Pauses of one call that its connector asks for; then the attempt ends, and `/health` tells why.
const WAITS_MAX: u32 = 10;

/// Immutable surroundings of one schema's run. Clones share all that changes.
#[derive(Clone)]
pub struct SchemaContext {
    pub config: Arc<WarpConfig>,
    pub schema: SchemaConfig,
    pub source: Endpoint,
    pub destination: Endpoint,
    pub metrics: SchemaMetrics,
    pub health: Health,
    pub progress: Progress,
    pub tally: Arc<Tally>,
    pub letters: Arc<OpenLetters>,
    /// The pipeline's name: whose the state at the destination is.
    pub pipeline: String,
    /// The log that the source keeps for it.
    pub retained: Arc<Retained>,
    /// What is to be done between its attempts.
    pub interludes: Arc<Interludes<Self>>,
    /// Where the tables of all schemas of this process are kept.
    pub places: Arc<Places>,
    /// Names of tables that all of these schemas are searched for.
    pub sought: Arc<Sought>,
    /// Which of these schemas may start.
    pub starts: Starts,
    /// What this process holds of them.
    pub held: Arc<Held>,
    /// Where it waits for those that other runs hold (`--standby`).
    pub waiting: Option<Arc<Waiting>>,
    /// Which of these schemas compares its rows.
    pub proofs: Arc<Semaphore>,
    /// Names this process among the runners of a schema.
    pub run: String,
    pub started: SystemTime,
    /// The machine and the process.
    pub instance: String,
    /// Of the configuration with its secrets left out.
    pub config_sha256: String,
    /// Held while an entry of the journal is written: the schemas of a process would fence each other.
    pub journal_turn: Arc<Mutex<()>>,
    /// Ends when the source reports no more, whatever the schema's mode (`--until-caught-up`).
    pub until_caught_up: bool,
    /// From whom its next claim may take the schema.
    pub takeover: Arc<Takeover>,
    /// What the operator wants copied anew has not begun yet.
    pub resync_left: Arc<AtomicBool>,
    /// Somebody asked the run to end.
    pub stop: CancellationToken,
}

impl SchemaContext {
    /// The same, to be ended by this.
    #[must_use]
    pub fn stopped_by(mut self, stop: CancellationToken) -> Self {
        // How long one call may wait on its connection: as attempts wait for each other.
        let patience = Patience {
            waits_max: self.retries_max().min(WAITS_MAX),
            wait_max: self.config.error_handling.max_backoff_seconds.duration(),
            stop: stop.clone(),
        };
        self.source = self.source.with(&patience);
        self.destination = self.destination.with(&patience);
        Self { stop, ..self }
    }

    /// The same for one attempt, which may be ended alone.
    #[must_use]
    pub fn of_attempt(&self) -> Self {
        self.clone().stopped_by(self.stop.child_token())
    }

    /// The same where a person speaks of these tables, as `full_resync` names them.
    #[must_use]
    pub fn about(&self, tables: Resync) -> Self {
        let mut config = WarpConfig::clone(&self.config);
        config.full_resync = tables;
        Self { config: Arc::new(config), ..self.clone() }
    }

    pub fn name(&self) -> &str {
        &self.schema.name
    }

    /// The schema that its tables are kept in at the destination.
    pub fn destination_schema(&self) -> &str {
        self.schema.name_at_destination()
    }

    /// The log of the plugin that an error comes from; the source brings all others about.
    pub fn log_of(&self, error: &RunError) -> &LogRate {
        match error {
            RunError::Plugin(error) if error.role == Role::Destination => &self.destination.log,
            _ => &self.source.log,
        }
    }

    /// A connection of its own to the source.
    pub async fn open_source(&self) -> Result<SourceConnection, RunError> {
        self.open_source_after(None).await
    }

    /// The same to follow it, behind the run that held the schema before and did not give it back: what is left of
    /// that one at the source may be ended.
    pub async fn open_source_after(
        &self,
        abandoned: Option<&str>,
    ) -> Result<SourceConnection, RunError> {
        let mut settings = self.source.connect_settings().await?;
        if self.source.plugin.info.has("runs") {
            settings.settings.push(("run".into(), self.run.clone()));
            let abandoned = abandoned.map(|run| ("abandoned_run".into(), run.to_owned()));
            settings.settings.extend(abandoned);
        }
        Ok(SourceConnection::open(&self.source.plugin, settings).await?)
    }

    /// The same to the destination.
    pub async fn open_destination(&self) -> Result<DestinationConnection, RunError> {
        self.destination.open_destination().await
    }

    /// Nothing is known of a table any more, nor shown.
    pub fn forget_table(&self, table: &str) {
        self.health.forget_table(self.name(), table);
        self.metrics.table(table).drifted(0);
    }

    /// So many rows of a table that drifted were written again.
    pub fn repaired(&self, table: &str, rows: u64) {
        let left = self.health.repaired(self.name(), table, rows);
        self.metrics.table(table).drifted(left);
    }

    /// Whether the operator wants this table.
    pub fn selects(&self, table: &str) -> bool {
        self.config.selects_table(&self.schema.name, table)
    }

    /// Whether an attempt ends there.
    pub fn ends_when_caught_up(&self) -> bool {
        self.until_caught_up || self.schema.mode == SyncMode::Batch
    }

    /// Attempts in a row after the first that may fail without a commit in between.
    pub fn retries_max(&self) -> u32 {
        let comes_again = self.schema.schedule.is_some() && !self.until_caught_up;
        self.config.error_handling.retries_max(self.ends_when_caught_up() && !comes_again)
    }

    /// What happens to tables that fail, but for those that a person has just `asked` for.
    pub fn parking(&self, asked: &[String]) -> Parking {
        Parking::new(Arc::clone(&self.config), self.name(), asked)
    }

    /// What the operator wants copied anew.
    pub fn resync(&self) -> Resync {
        self.config.full_resync_of(&self.schema.name)
    }

    pub fn table_settings(&self, table: &str) -> TableSettings {
        self.config.table_settings(&self.schema.name, table)
    }
}
