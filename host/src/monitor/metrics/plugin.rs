//! The numbers of one connector, the host's about it and its own.
//!
//! Names come from a guest here: they are checked and counted before they become series, and what
//! is refused is logged once per connector, not once per call (I7, I8).

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus::{Counter, IntGauge};

use super::{families::PluginFamilies, label::label};
use crate::plugin::{Direction, Role};

/// Own names a connector may use for counters, and again for gauges.
pub const CUSTOM_NAMES_MAX: usize = 64;
/// Bytes of such a name.
pub const CUSTOM_NAME_BYTES_MAX: usize = 100;

/// Handle of one connector.
#[derive(Clone)]
pub struct PluginMetrics {
    inner: Arc<Inner>,
}

struct Inner {
    plugin: String,
    role: &'static str,
    families: PluginFamilies,
    memory: IntGauge,
    cpu: Counter,
    calls: AtomicU64,
    names: Mutex<Names>,
}

#[derive(Default)]
struct Names {
    counters: BTreeSet<String>,
    gauges: BTreeSet<String>,
    refusal_logged: bool,
}

/// What is shown of a connector, as of a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginNumbers {
    pub plugin: String,
    pub role: &'static str,
    /// Linear memory of its instances.
    pub memory_bytes: u64,
    /// CPU time that they used since the start.
    pub cpu_seconds: f64,
    /// Calls of its exports that ended, well or not.
    pub calls: u64,
    /// Instances that were opened in place of lost ones.
    pub restarts: u64,
}

impl PluginMetrics {
    pub(super) fn new(families: &PluginFamilies, plugin: &str, role: Role) -> Self {
        let (plugin, role) = (label(plugin), role.word());
        let labels = [&*plugin, role];
        let memory = families.memory.with_label_values(&labels);
        let cpu = families.cpu.with_label_values(&labels);
        families.restarts.with_label_values(&labels);
        families.log_suppressed.with_label_values(&labels);
        let plugin = plugin.into_owned();
        let (families, calls, names) = (families.clone(), AtomicU64::new(0), Mutex::default());
        let inner = Inner { plugin, role, families, memory, cpu, calls, names };
        Self { inner: Arc::new(inner) }
    }

    /// The share of one new instance in `cartridge_warp_plugin_memory_bytes`.
    pub fn instance(&self) -> InstanceMemory {
        InstanceMemory { gauge: self.inner.memory.clone(), bytes: 0 }
    }

    /// CPU time that one of its instances used.
    pub fn cpu(&self, used: Duration) {
        self.inner.cpu.inc_by(used.as_secs_f64());
    }

    /// One call of an export ended after this time, well or not.
    pub fn call(&self, export: &str, took: Duration) {
        self.inner.calls.fetch_add(1, Ordering::Relaxed);
        let labels = self.with(export);
        self.inner.families.calls.with_label_values(&labels).observe(took.as_secs_f64());
    }

    /// An instance was lost to this cause: trap, deadline, memory limit (I9).
    pub fn trap(&self, cause: &str) {
        let labels = self.with(cause);
        self.inner.families.traps.with_label_values(&labels).inc();
    }

    /// An instance was opened in place of a lost one.
    pub fn restart(&self) {
        self.inner.families.restarts.with_label_values(&self.labels()).inc();
    }

    /// Bytes between the connector and an endpoint that was granted to it.
    pub fn network_bytes(&self, endpoint: &str, direction: Direction, bytes: u64) {
        let direction = match direction {
            Direction::Sent => "sent",
            Direction::Received => "received",
        };
        let [plugin, role] = self.labels();
        let labels = [plugin, role, &label(endpoint), direction];
        self.inner.families.network.with_label_values(&labels).inc_by(bytes);
    }

    /// Log lines that were counted instead of printed.
    pub fn log_lines_suppressed(&self, lines: u64) {
        self.inner.families.log_suppressed.with_label_values(&self.labels()).inc_by(lines);
    }

    /// The guest's `counter-add`.
    pub fn custom_add(&self, name: &str, value: u64) {
        if self.admit(name, |names| &mut names.counters) {
            let name = label(name);
            let counter = self.inner.families.custom_total.with_label_values(&self.with(&name));
            // A guest may add anything; a counter that wraps would look like a restart.
            counter.inc_by(value.min(u64::MAX - counter.get()));
        }
    }

    /// The guest's `gauge-set`.
    pub fn custom_set(&self, name: &str, value: f64) {
        if self.admit(name, |names| &mut names.gauges) {
            let name = label(name);
            self.inner.families.custom.with_label_values(&self.with(&name)).set(value);
        }
    }

    /// As of now.
    pub(super) fn numbers(&self) -> PluginNumbers {
        let Inner { plugin, role, families, memory, cpu, calls, .. } = &*self.inner;
        PluginNumbers {
            plugin: plugin.clone(),
            role,
            memory_bytes: u64::try_from(memory.get()).unwrap_or_default(),
            cpu_seconds: cpu.get(),
            calls: calls.load(Ordering::Relaxed),
            restarts: families.restarts.with_label_values(&self.labels()).get(),
        }
    }

    fn labels(&self) -> [&str; 2] {
        [&self.inner.plugin, self.inner.role]
    }

    fn with<'a>(&'a self, label: &'a str) -> [&'a str; 3] {
        [&self.inner.plugin, self.inner.role, label]
    }

    /// True if the name is one of the connector's first [`CUSTOM_NAMES_MAX`].
    fn admit(&self, name: &str, kind: fn(&mut Names) -> &mut BTreeSet<String>) -> bool {
        let mut names = self.inner.names.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kind(&mut names);
        if known.contains(name) {
            return true;
        }
        if known.len() < CUSTOM_NAMES_MAX && is_name(name) {
            known.insert(name.to_owned());
            return true;
        }
        if !names.refusal_logged {
            names.refusal_logged = true;
            tracing::warn!(
                plugin = %self.inner.plugin,
                role = self.inner.role,
                names_max = CUSTOM_NAMES_MAX,
                "metrics of the connector are dropped: too many names, or a name that is not \
                 letters, digits and _ . : -"
            );
        }
        false
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
    !name.is_empty() && name.len() <= CUSTOM_NAME_BYTES_MAX && name.bytes().all(allowed)
}

/// What one instance adds to its connector's memory gauge; dropping it takes it away again.
pub struct InstanceMemory {
    gauge: IntGauge,
    bytes: i64,
}

impl InstanceMemory {
    /// The size of the instance's linear memory and tables now.
    pub fn set(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.gauge.add(bytes - self.bytes);
        self.bytes = bytes;
    }
}

impl Drop for InstanceMemory {
    fn drop(&mut self) {
        self.gauge.sub(self.bytes);
    }
}
