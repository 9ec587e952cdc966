//! Counts what happens in plugins.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Metrics, metrics::InstanceMemory};
use crate::plugin::{Observer, Origin};

/// Puts what plugins do into the metrics of a pipeline.
pub struct PluginObserver {
    metrics: Metrics,
    memory: Mutex<HashMap<u64, InstanceMemory>>,
}

impl Metrics {
    /// What an engine is given to be watched by.
    pub fn observer(&self) -> PluginObserver {
        PluginObserver { metrics: self.clone(), memory: Mutex::default() }
    }
}

impl Observer for PluginObserver {
    fn call(&self, origin: Origin<'_>, call: &'static str, took: Duration, _: &'static str) {
        self.metrics.plugin(origin.plugin).call(call, took);
    }

    fn instance_lost(&self, origin: Origin<'_>, cause: &'static str) {
        let plugin = self.metrics.plugin(origin.plugin);
        plugin.trap(cause);
        plugin.restart();
    }

    fn memory_bytes(&self, origin: Origin<'_>, instance: u64, bytes: u64) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes == 0 {
            memory.remove(&instance);
            return;
        }
        let known = memory.entry(instance);
        let gauge = known.or_insert_with(|| self.metrics.plugin(origin.plugin).instance());
        gauge.set(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    fn counter_add(&self, origin: Origin<'_>, name: &str, value: u64) {
        self.metrics.plugin(origin.plugin).custom_add(name, value);
    }

    fn gauge_set(&self, origin: Origin<'_>, name: &str, value: f64) {
        self.metrics.plugin(origin.plugin).custom_set(name, value);
    }

    fn log_suppressed(&self, origin: Origin<'_>, lines: u64) {
        self.metrics.plugin(origin.plugin).log_lines_suppressed(lines);
    }
}
