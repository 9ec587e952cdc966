//! What a person or a scraper sees of a running pipeline: metrics, health, and the port they are
//! served on.
//!
//! `metrics` and `health` are plain shared state that lower layers write to and that never calls
//! back; `api` stands above everything and only reads them. Nothing here decides anything about
//! the data.
//! Invariant I7: names that come from sources and connectors never make more than a fixed number
//! of time series.

pub mod api;
mod error;
mod event;
pub mod events;
pub mod health;
pub mod metrics;
mod observer;
mod proof;
mod recent;
mod states;

pub use error::MonitorError;
pub use event::Event;
pub use health::{Health, ParkedTable, SourceLog, TableProgress};
pub use metrics::{
    ErrorType, Metrics, PluginMetrics, PluginNumbers, SchemaMetrics, SyncStatus, TableMetrics,
    TableNumbers,
};
pub use proof::{DRIFT, LastProof, REMARKS_MAX, TableProof};
pub use states::{SchemaState, TableStatus};
