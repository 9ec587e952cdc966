//! The metric families and their labels: the names that dashboards and alerts rely on.
//!
//! Only registration; meanings are on the handles that record.

use prometheus::{
    CounterVec, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
    core::Collector,
};

const BASE: [&str; 3] = ["database", "schema", "table"];
/// A source and a destination may have one name.
const PLUGIN: [&str; 2] = ["plugin", "role"];
/// From a row or two to a batch that runs into its deadline.
const BATCH_BUCKETS: [f64; 12] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0];
/// A call costs microseconds; a blocking one as long as it was allowed to wait.
const CALL_BUCKETS: [f64; 11] =
    [0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 30.0];

/// Families with the labels database, schema and table. Clones share their values.
#[derive(Clone)]
pub(super) struct StreamFamilies {
    pub records: IntCounterVec,
    pub errors: IntCounterVec,
    pub schema_changes: IntCounterVec,
    pub resyncs: IntCounterVec,
    pub rate: GaugeVec,
    pub lag: GaugeVec,
    pub status: IntGaugeVec,
    pub last_success: GaugeVec,
    pub queue: IntGaugeVec,
    pub parked: IntGaugeVec,
    pub dead_letters: IntCounterVec,
    pub dead_letters_open: IntGaugeVec,
    pub snapshot_rows: IntGaugeVec,
    pub snapshot_rows_estimated: IntGaugeVec,
    pub batch_seconds: HistogramVec,
    pub source: SourceFamilies,
    pub verify: VerifyFamilies,
}

/// What comparisons of the rows of both sides came to.
#[derive(Clone)]
pub(super) struct VerifyFamilies {
    pub drifted: IntGaugeVec,
    pub undecided: IntGaugeVec,
    pub rows: IntCounterVec,
    pub completed: GaugeVec,
    pub failures: IntCounterVec,
}

impl VerifyFamilies {
    fn register(r: &Registering<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            drifted: r.int_gauge(
                "verify_drifted_rows",
                "Rows that were not the source's when they were compared last.",
                &BASE,
            )?,
            undecided: r.int_gauge(
                "verify_undecided_rows",
                "Rows that differed when they were compared last, and could not be decided about.",
                &BASE,
            )?,
            rows: r.counter(
                "verify_rows_compared_total",
                "Rows of the source that were compared.",
                &BASE,
            )?,
            completed: r.gauge(
                "verify_last_completed",
                "Unix time at which rows were compared last, to the end.",
                &BASE,
            )?,
            failures: r.counter(
                "verify_failures_total",
                "Comparisons that came to no end.",
                &BASE,
            )?,
        })
    }
}

/// What the source's system says of itself and of the log it keeps.
#[derive(Clone)]
pub(super) struct SourceFamilies {
    pub up: IntGaugeVec,
    pub log_bytes: GaugeVec,
    pub log_seconds: GaugeVec,
    pub left_bytes: GaugeVec,
    pub left_seconds: GaugeVec,
}

impl SourceFamilies {
    fn register(r: &Registering<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            up: r.int_gauge(
                "source_up",
                "1 when the last look at the source got an answer.",
                &BASE,
            )?,
            log_bytes: r.gauge(
                "source_log_retained_bytes",
                "Log that the source keeps because of the schema.",
                &BASE,
            )?,
            log_seconds: r.gauge(
                "source_log_oldest_seconds",
                "About how long ago the oldest log was committed that the schema needs.",
                &BASE,
            )?,
            left_bytes: r.gauge(
                "source_log_left_bytes",
                "Log that may be written before the source gives the schema's position up.",
                &BASE,
            )?,
            left_seconds: r.gauge(
                "source_log_left_seconds",
                "Time until the source gives the schema's position up, at the pace of now.",
                &BASE,
            )?,
        })
    }
}

/// Families with the labels plugin and role. Clones share their values.
#[derive(Clone)]
pub(super) struct PluginFamilies {
    pub memory: IntGaugeVec,
    pub cpu: CounterVec,
    pub calls: HistogramVec,
    pub traps: IntCounterVec,
    pub restarts: IntCounterVec,
    pub network: IntCounterVec,
    pub custom_total: IntCounterVec,
    pub custom: GaugeVec,
    pub log_suppressed: IntCounterVec,
}

impl StreamFamilies {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let r = Registering(registry);
        Ok(Self {
            records: r.counter("records_processed_total", "Rows committed.", &with("operation"))?,
            errors: r.counter("error_count_total", "Failures.", &with("error_type"))?,
            schema_changes: r.counter(
                "schema_changes_total",
                "Changes of shape seen in the stream.",
                &with("change_type"),
            )?,
            resyncs: r.counter(
                "automatic_resyncs_total",
                "Full re-syncs because the source lost the position.",
                &BASE,
            )?,
            rate: r.gauge("processing_rate", "Rows committed a second, last minute.", &BASE)?,
            lag: r.gauge(
                "lag_seconds",
                "Now minus the source's commit time up to which everything is committed; \
                 0 when caught up.",
                &BASE,
            )?,
            status: r.int_gauge(
                "sync_status",
                "2 waiting for another run to end, 1 running, 0 stopped, -1 failed.",
                &BASE,
            )?,
            last_success: r.gauge(
                "last_successful_sync",
                "Unix time of the last commit or of the last check that found nothing to do.",
                &BASE,
            )?,
            queue: r.int_gauge("queue_size", "Rows read but not yet committed.", &BASE)?,
            parked: r.int_gauge(
                "tables_parked",
                "Tables that failed and are left out until a person has them copied again.",
                &BASE,
            )?,
            dead_letters: r.counter(
                "dead_letters_total",
                "Rows that were committed to the dead letters.",
                &BASE,
            )?,
            dead_letters_open: r.int_gauge(
                "dead_letters_open",
                "Dead letters that nobody has settled and that no new copy of the table replaced.",
                &BASE,
            )?,
            snapshot_rows: r.int_gauge(
                "snapshot_rows",
                "Rows that the table's last copy has committed.",
                &BASE,
            )?,
            snapshot_rows_estimated: r.int_gauge(
                "snapshot_rows_estimated",
                "Rows that the source expected that copy to have; 0 where it did not say.",
                &BASE,
            )?,
            batch_seconds: r.histogram(
                "batch_processing_duration_seconds",
                "From a batch's first row to its commit.",
                &BASE,
                &BATCH_BUCKETS,
            )?,
            source: SourceFamilies::register(&r)?,
            verify: VerifyFamilies::register(&r)?,
        })
    }
}

impl PluginFamilies {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let r = Registering(registry);
        Ok(Self {
            memory: r.int_gauge(
                "plugin_memory_bytes",
                "Linear memory and tables of the connector's live instances.",
                &PLUGIN,
            )?,
            cpu: r.seconds(
                "plugin_cpu_seconds_total",
                "CPU time of the threads of the connector's instances.",
                &PLUGIN,
            )?,
            calls: r.histogram(
                "plugin_call_seconds",
                "Time in calls of the connector.",
                &of_plugin("call"),
                &CALL_BUCKETS,
            )?,
            traps: r.counter(
                "plugin_traps_total",
                "Instances lost to a trap, a deadline or the memory limit.",
                &of_plugin("cause"),
            )?,
            restarts: r.counter(
                "plugin_restarts_total",
                "Instances opened to replace a lost one.",
                &PLUGIN,
            )?,
            network: r.counter(
                "plugin_network_bytes_total",
                "Bytes between the connector and a granted endpoint.",
                &["plugin", "role", "endpoint", "direction"],
            )?,
            custom_total: r.counter(
                "plugin_custom_total",
                "The connector's own counters.",
                &of_plugin("name"),
            )?,
            custom: r.gauge("plugin_custom", "The connector's own gauges.", &of_plugin("name"))?,
            log_suppressed: r.counter(
                "plugin_log_lines_suppressed_total",
                "Log lines of the connector above its rate limit.",
                &PLUGIN,
            )?,
        })
    }
}

fn of_plugin(label: &'static str) -> [&'static str; 3] {
    let [plugin, role] = PLUGIN;
    [plugin, role, label]
}

fn with(label: &'static str) -> [&'static str; 4] {
    let [database, schema, table] = BASE;
    [database, schema, table, label]
}

struct Registering<'a>(&'a Registry);

impl Registering<'_> {
    fn opts(name: &str, help: &str) -> Opts {
        Opts::new(format!("cartridge_warp_{name}"), help)
    }

    fn keep<T: Collector + Clone + 'static>(&self, family: T) -> prometheus::Result<T> {
        self.0.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn counter(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntCounterVec> {
        self.keep(IntCounterVec::new(Self::opts(name, help), labels)?)
    }

    fn seconds(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<CounterVec> {
        self.keep(CounterVec::new(Self::opts(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<GaugeVec> {
        self.keep(GaugeVec::new(Self::opts(name, help), labels)?)
    }

    fn int_gauge(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntGaugeVec> {
        self.keep(IntGaugeVec::new(Self::opts(name, help), labels)?)
    }

    fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> prometheus::Result<HistogramVec> {
        let opts = HistogramOpts::from(Self::opts(name, help)).buckets(buckets.to_vec());
        self.keep(HistogramVec::new(opts, labels)?)
    }
}
