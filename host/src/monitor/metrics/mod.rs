//! The numbers of a pipeline, in Prometheus' text format.
//!
//! Each [`Metrics`] has a registry of its own, so two pipelines in one process, or two tests, never
//! see each other. Handles ([`SchemaMetrics`], [`TableMetrics`], [`PluginMetrics`]) are looked up
//! once and kept: recording through one is a few atomic operations. Gauges that follow the clock
//! (lag, rate) are computed when somebody asks for the text.
//! Invariant I7: labels that come from outside the configuration are bounded in length and number;
//! what goes beyond is counted under [`OTHER`].

mod families;
mod label;
mod lag;
mod plugin;
mod rate;
mod resources;
mod schema;
mod table;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Instant, SystemTime},
};

#[cfg(target_os = "linux")]
use prometheus::process_collector::ProcessCollector;
use prometheus::{IntGauge, Opts, Registry, TextEncoder};

use super::MonitorError;
use crate::plugin::{Ledger, Role};
use families::{PluginFamilies, StreamFamilies};
pub use label::LABEL_BYTES_MAX;
use label::label;
use lag::Lag;
pub use plugin::{
    CUSTOM_NAME_BYTES_MAX, CUSTOM_NAMES_MAX, InstanceMemory, PluginMetrics, PluginNumbers,
};
use resources::Resources;
pub use schema::SchemaMetrics;
pub use table::{TableMetrics, TableNumbers};

/// Tables with time series of their own, some twenty each; a source that lists more shares [`OTHER`].
pub const TABLES_MAX: usize = 1_000;
/// Connectors with time series of their own.
pub const PLUGINS_MAX: usize = 64;
/// Label value of everything beyond a limit.
pub const OTHER: &str = "_other";

/// What a schema or table is doing, as the gauge `cartridge_warp_sync_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncStatus {
    /// Waiting for another run to end.
    Standby,
    Running,
    Stopped,
    Failed,
}

impl SyncStatus {
    fn value(self) -> i64 {
        match self {
            Self::Standby => 2,
            Self::Running => 1,
            Self::Stopped => 0,
            Self::Failed => -1,
        }
    }
}

/// The label `error_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorType {
    Connection,
    Transformation,
    Constraint,
    Schema,
    Timeout,
    Permission,
    Validation,
}

impl ErrorType {
    /// The word of the label and of `error_log`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Transformation => "transformation",
            Self::Constraint => "constraint",
            Self::Schema => "schema",
            Self::Timeout => "timeout",
            Self::Permission => "permission",
            Self::Validation => "validation",
        }
    }
}

/// All metrics of one pipeline. A clone is the same set.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    streams: StreamFamilies,
    plugins: PluginFamilies,
    database: String,
    handles: Mutex<Handles>,
}

#[derive(Default)]
struct Handles {
    /// How far behind the schemas as a whole are; they come from the configuration.
    schemas: BTreeMap<String, Lag>,
    tables: BTreeMap<(String, String), TableMetrics>,
    plugins: BTreeMap<(String, &'static str), PluginMetrics>,
}

impl Metrics {
    /// An empty set for the source database of this name.
    pub fn new(database: &str) -> Result<Self, MonitorError> {
        Self::of_registry(Registry::new(), database)
    }

    /// The same of a pipeline that has a name: all of it has the label `pipeline`.
    pub fn named(pipeline: &str, database: &str) -> Result<Self, MonitorError> {
        let name = HashMap::from([("pipeline".to_owned(), label(pipeline).into_owned())]);
        Self::of_registry(Registry::new_custom(None, Some(name))?, database)
    }

    fn of_registry(registry: Registry, database: &str) -> Result<Self, MonitorError> {
        registry.register(Box::new(build_info()?))?;
        // Memory, CPU, descriptors and start of the process, under the names that all programs use.
        #[cfg(target_os = "linux")]
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let streams = StreamFamilies::register(&registry)?;
        let plugins = PluginFamilies::register(&registry)?;
        let (database, handles) = (label(database).into_owned(), Mutex::default());
        Ok(Self { inner: Arc::new(Inner { registry, streams, plugins, database, handles }) })
    }

    /// From now on, what the ledger says is in the text too: `cartridge_warp_plugin_resource_in_use`
    /// and `…_limit` by plugin, role and resource, `cartridge_warp_resource_in_use` and `…_limit` of
    /// the process.
    pub fn watch(&self, ledger: Ledger) -> Result<(), MonitorError> {
        Ok(self.inner.registry.register(Box::new(Resources::new(ledger)?))?)
    }

    /// The handle of a schema. Cheap, but keep it.
    pub fn schema(&self, schema: &str) -> SchemaMetrics {
        SchemaMetrics::new(self.clone(), schema)
    }

    /// The handle of a table. Beyond [`TABLES_MAX`] tables it is the one called [`OTHER`].
    pub fn table(&self, schema: &str, table: &str) -> TableMetrics {
        let mut handles = self.handles();
        let full = handles.tables.len() >= TABLES_MAX;
        let mut key = (schema.to_owned(), table.to_owned());
        if full && !handles.tables.contains_key(&key) {
            key = (OTHER.to_owned(), OTHER.to_owned());
        }
        let (families, database) = (&self.inner.streams, &self.inner.database);
        let create = |(schema, table): &(String, String)| {
            TableMetrics::new(families, [database, &label(schema), &label(table)])
        };
        handles.tables.entry(key).or_insert_with_key(create).clone()
    }

    /// The handle of a connector. Beyond [`PLUGINS_MAX`] it is the one called [`OTHER`].
    pub fn plugin(&self, plugin: &str, role: Role) -> PluginMetrics {
        let mut handles = self.handles();
        let full = handles.plugins.len() >= PLUGINS_MAX;
        let mut key = (plugin.to_owned(), role.word());
        if full && !handles.plugins.contains_key(&key) {
            OTHER.clone_into(&mut key.0);
        }
        let create = |(name, _): &(String, _)| PluginMetrics::new(&self.inner.plugins, name, role);
        handles.plugins.entry(key).or_insert_with_key(create).clone()
    }

    /// The connectors as of now, those beyond the limit of series as one.
    pub fn plugins(&self) -> Vec<PluginNumbers> {
        self.handles().plugins.values().map(PluginMetrics::numbers).collect()
    }

    /// Everything, in Prometheus' text format, as of now.
    pub fn encode(&self) -> Result<String, MonitorError> {
        let (time, instant) = (SystemTime::now(), Instant::now());
        let tables: Vec<_> = {
            let handles = self.handles();
            for (schema, lag) in &handles.schemas {
                let schema = label(schema);
                let labels = [self.inner.database.as_str(), &schema, ""];
                self.inner.streams.lag.with_label_values(&labels).set(lag.at(time).as_secs_f64());
            }
            handles.tables.values().cloned().collect()
        };
        for table in tables {
            table.refresh(time, instant);
        }
        Ok(TextEncoder::new().encode_to_string(&self.inner.registry.gather())?)
    }

    /// The schema as a whole, which is there before any of its tables is known.
    fn lag_of(&self, schema: &str, change: impl FnOnce(&mut Lag)) {
        change(self.handles().schemas.entry(schema.to_owned()).or_default());
    }

    fn tables_of(&self, schema: &str) -> Vec<TableMetrics> {
        self.tables_by_name(schema).into_iter().map(|(_, table)| table).collect()
    }

    fn tables_by_name(&self, schema: &str) -> Vec<(String, TableMetrics)> {
        let handles = self.handles();
        let of_schema = handles.tables.iter().filter(|((name, _), _)| name == schema);
        of_schema.map(|((_, name), table)| (name.clone(), table.clone())).collect()
    }

    // A panic elsewhere leaves only numbers behind, which are valid in any state.
    fn handles(&self) -> std::sync::MutexGuard<'_, Handles> {
        self.inner.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which program this is, as a label.
fn build_info() -> prometheus::Result<IntGauge> {
    let about = "The program's version, as a label; always 1.";
    let opts = Opts::new("cartridge_warp_build_info", about);
    let gauge = IntGauge::with_opts(opts.const_label("version", env!("CARGO_PKG_VERSION")))?;
    gauge.set(1);
    Ok(gauge)
}

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
