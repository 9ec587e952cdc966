//! What the rest of the host may watch: calls, lost instances, memory, connectors' own metrics.
//!
//! Called on the hot path and from within guests' calls: an observer must be quick and must not
//! block.

use std::time::Duration;

use super::Role;

/// Where an observation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    pub plugin: &'a str,
    pub role: Role,
    /// The pipeline or schema that the connection was opened for.
    pub label: &'a str,
}

/// Which way bytes went, seen from the connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Sent,
    Received,
}

/// Receives what happens in plugins. Every method may be left out.
pub trait Observer: Send + Sync {
    /// A call ended. `outcome` is `ok`, `failure`, or the code of the cause that ended the instance.
    fn call(&self, origin: Origin<'_>, call: &'static str, took: Duration, outcome: &'static str) {
        let _ = (origin, call, took, outcome);
    }

    /// An instance was dropped because of `cause`: `trap`, `deadline`, `out-of-memory`, `malformed`.
    fn instance_lost(&self, origin: Origin<'_>, cause: &'static str) {
        let _ = (origin, cause);
    }

    /// Linear memory and tables of an instance after a call; 0 when it is gone.
    fn memory_bytes(&self, origin: Origin<'_>, instance: u64, bytes: u64) {
        let _ = (origin, instance, bytes);
    }

    /// CPU time that an instance used, its host's part included, since the last time.
    fn cpu(&self, origin: Origin<'_>, used: Duration) {
        let _ = (origin, used);
    }

    /// A connector's own counter.
    fn counter_add(&self, origin: Origin<'_>, name: &str, value: u64) {
        let _ = (origin, name, value);
    }

    /// A connector's own gauge.
    fn gauge_set(&self, origin: Origin<'_>, name: &str, value: f64) {
        let _ = (origin, name, value);
    }

    /// Bytes between a connector and a place it was granted. `endpoint` is as it was granted.
    fn network_bytes(&self, origin: Origin<'_>, endpoint: &str, direction: Direction, bytes: u64) {
        let _ = (origin, endpoint, direction, bytes);
    }

    /// Words of a connector as they came: a line that it logged, printed or not, or what a failure says.
    /// Secrets that stand in them are still there, so whoever listens may not hand them on.
    fn said(&self, origin: Origin<'_>, words: &str) {
        let _ = (origin, words);
    }

    /// Log lines that were counted instead of printed.
    fn log_suppressed(&self, origin: Origin<'_>, lines: u64) {
        let _ = (origin, lines);
    }
}

/// Watches nothing.
#[derive(Debug, Default)]
pub(super) struct Unwatched;

impl Observer for Unwatched {}
