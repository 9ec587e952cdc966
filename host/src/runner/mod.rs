//! Runs a configuration: snapshot, change stream, recovery.
//!
//! ```text
//! WarpRunner ─► SchemaProcessor (one per schema) ─► attempts
//!   attempt: open → claim → find start → snapshot → stream
//!   stream:  reader ─► queue ─► pending ─► Writer ─► commit{rows + markers + epoch} ─► confirm
//! ```
//!
//! Vendor logic is in the plugins; what they answer is checked by `plugin` before it gets here.
//! Invariants I1 to I6 are kept in this folder: see `deliver`, `stream`, `attempt`.

mod attempt;
mod backlog;
mod batch;
mod bounds;
mod connection;
mod connectors;
mod context;
mod deliver;
mod dry_run;
mod endpoint;
mod error;
mod evolve;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod journal;
mod names;
mod pace;
mod protected;
mod queue;
mod quota;
mod reaction;
mod read_ahead;
mod registry;
mod replace;
#[allow(clippy::module_inception)] // The architecture's own name for it.
mod runner;
mod schema_processor;
mod selection;
mod shape;
mod snapshot;
mod snapshot_progress;
mod state;
mod stream;
mod table;

pub use bounds::{compile_limits, process_bounds};
pub use connection::Endpoint;
pub use connectors::{ConnectorError, Connectors};
pub use endpoint::{
    destination as destination_endpoint, endpoint_of, open_grants, source as source_endpoint,
};
pub use error::RunError;
pub use runner::{SchemaReport, Surroundings, WarpRunner};
pub use schema_processor::{Completion, SchemaProcessor};
