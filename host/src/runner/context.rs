//! What every part of a schema's run shares.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use tokio_util::sync::CancellationToken;

use super::{RunError, connection::Endpoint, deliver::Measured};
use crate::{
    config::{Resync, SchemaConfig, SyncMode, TableSettings, WarpConfig},
    model::Operation,
    monitor::{Health, SchemaMetrics},
    plugin::{LogRate, Role},
    telemetry::Progress,
};

/// Immutable surroundings of one schema's run.
pub struct SchemaContext {
    pub config: Arc<WarpConfig>,
    pub schema: SchemaConfig,
    pub source: Endpoint,
    pub destination: Endpoint,
    pub metrics: SchemaMetrics,
    pub health: Health,
    pub progress: Progress,
    pub tally: Tally,
    /// Names this process among the runners of a schema.
    pub run: String,
    pub started: SystemTime,
    /// The machine and the process.
    pub instance: String,
    /// Of the configuration with its secrets left out.
    pub config_sha256: String,
    /// Ends when the source reports no more, whatever the schema's mode (`--until-caught-up`).
    pub until_caught_up: bool,
    /// Somebody asked the run to end.
    pub stop: CancellationToken,
}

impl SchemaContext {
    pub fn name(&self) -> &str {
        &self.schema.name
    }

    /// The log of the plugin that an error comes from; the source brings all others about.
    pub(super) fn log_of(&self, error: &RunError) -> &LogRate {
        match error {
            RunError::Plugin(error) if error.role == Role::Destination => &self.destination.log,
            _ => &self.source.log,
        }
    }

    /// Whether the operator wants this table.
    pub fn selects(&self, table: &str) -> bool {
        self.config.selects_table(&self.schema.name, table)
    }

    pub fn ends_when_caught_up(&self) -> bool {
        self.until_caught_up || self.schema.mode == SyncMode::Batch
    }

    /// What the operator wants copied anew.
    pub fn resync(&self) -> Resync {
        self.config.full_resync_of(&self.schema.name)
    }

    pub fn table_settings(&self, table: &str) -> TableSettings {
        self.config.table_settings(&self.schema.name, table)
    }
}

/// What a run has committed, for its report.
#[derive(Debug, Default)]
pub struct Tally {
    rows: Mutex<BTreeMap<String, [u64; 4]>>,
    dead_letters: AtomicU64,
    bytes: AtomicU64,
}

impl Tally {
    pub(super) fn add(&self, measured: &[Measured], dead_letters: u64) {
        self.dead_letters.fetch_add(dead_letters, Ordering::Relaxed);
        let bytes = measured.iter().map(|batch| batch.bytes).sum();
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        for batch in measured {
            let counts = rows.entry(batch.table.clone()).or_default();
            for (count, more) in counts.iter_mut().zip(batch.operations) {
                *count += more;
            }
        }
    }

    /// Rows by table, indexed by [`Operation`].
    pub fn rows(&self) -> BTreeMap<String, [u64; Operation::ALL.len()]> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn dead_letters(&self) -> u64 {
        self.dead_letters.load(Ordering::Relaxed)
    }

    /// Encoded size of all rows.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}
