//! What was read and is not yet committed, as `queue_size` and lag show it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::monitor::SchemaMetrics;

/// Rows between the source and the destination.
pub struct Backlog<'a> {
    metrics: &'a SchemaMetrics,
    rows: AtomicU64,
}

impl<'a> Backlog<'a> {
    pub fn new(metrics: &'a SchemaMetrics) -> Self {
        metrics.queue_size(0);
        Self { metrics, rows: AtomicU64::new(0) }
    }

    /// Rows were read; `caught_up` says that the source had no more just then.
    pub fn arrived(&self, rows: u64, caught_up: bool) {
        let waiting = self.rows.fetch_add(rows, Ordering::Relaxed) + rows;
        self.metrics.queue_size(waiting);
        if waiting == 0 && caught_up {
            self.metrics.caught_up();
        } else {
            self.metrics.behind();
        }
    }

    /// Rows were committed; `caught_up` speaks of the last batch among them.
    pub fn committed(&self, rows: u64, caught_up: bool) {
        let before = self.rows.fetch_sub(rows, Ordering::Relaxed);
        let waiting = before.saturating_sub(rows);
        self.metrics.queue_size(waiting);
        if waiting == 0 && caught_up {
            self.metrics.caught_up();
        }
    }
}
