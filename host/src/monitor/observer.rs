//! Counts what happens in plugins.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Metrics, metrics::InstanceMemory};
use crate::plugin::{Direction, Observer, Origin};

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
        self.metrics.plugin(origin.plugin, origin.role).call(call, took);
    }

    fn instance_lost(&self, origin: Origin<'_>, cause: &'static str) {
        let plugin = self.metrics.plugin(origin.plugin, origin.role);
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
        let gauge =
            known.or_insert_with(|| self.metrics.plugin(origin.plugin, origin.role).instance());
        gauge.set(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    fn cpu(&self, origin: Origin<'_>, used: Duration) {
        self.metrics.plugin(origin.plugin, origin.role).cpu(used);
    }

    fn counter_add(&self, origin: Origin<'_>, name: &str, value: u64) {
        self.metrics.plugin(origin.plugin, origin.role).custom_add(name, value);
    }

    fn gauge_set(&self, origin: Origin<'_>, name: &str, value: f64) {
        self.metrics.plugin(origin.plugin, origin.role).custom_set(name, value);
    }

    fn network_bytes(&self, origin: Origin<'_>, endpoint: &str, direction: Direction, bytes: u64) {
        self.metrics.plugin(origin.plugin, origin.role).network_bytes(endpoint, direction, bytes);
    }

    fn log_suppressed(&self, origin: Origin<'_>, lines: u64) {
        self.metrics.plugin(origin.plugin, origin.role).log_lines_suppressed(lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::Role;

    #[test]
    fn what_plugins_do_is_in_the_metrics() {
        let metrics = Metrics::new("shop").unwrap();
        let observer = metrics.observer();
        let origin = || Origin { plugin: "files", role: Role::Source, label: "shop" };
        observer.call(origin(), "describe", Duration::from_millis(1), "ok");
        observer.instance_lost(origin(), "trap");
        observer.memory_bytes(origin(), 1, 100);
        observer.memory_bytes(origin(), 2, 70);
        observer.memory_bytes(origin(), 1, 300);
        observer.memory_bytes(origin(), 2, 0);
        observer.cpu(origin(), Duration::from_millis(1_500));
        observer.cpu(origin(), Duration::from_millis(500));
        observer.counter_add(origin(), "read", 4);
        observer.gauge_set(origin(), "open", 2.5);
        observer.network_bytes(origin(), "db:5432", Direction::Sent, 11);
        observer.log_suppressed(origin(), 9);
        let text = metrics.encode().unwrap();
        let expected = [
            r#"call_seconds_count{call="describe",plugin="files",role="source"} 1"#,
            r#"traps_total{cause="trap",plugin="files",role="source"} 1"#,
            r#"memory_bytes{plugin="files",role="source"} 300"#,
            r#"cpu_seconds_total{plugin="files",role="source"} 2"#,
            r#"custom_total{name="read",plugin="files",role="source"} 4"#,
            r#"custom{name="open",plugin="files",role="source"} 2.5"#,
            r#"network_bytes_total{direction="sent",endpoint="db:5432",plugin="files",role="source"} 11"#,
            r#"log_lines_suppressed_total{plugin="files",role="source"} 9"#,
        ];
        for line in expected {
            let line = format!("cartridge_warp_plugin_{line}\n");
            assert!(text.contains(&line), "{line} is missing in\n{text}");
        }
    }
}
