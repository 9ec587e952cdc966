//! Both sides of a pipeline: their connectors, and how those are opened.

mod apart;
mod bounds;
mod connection;
mod connectors;
mod endpoint;
mod name;
mod protected;
mod settings;
#[allow(clippy::module_inception)] // A side of a pipeline is what the room is about.
mod side;

pub use apart::check_apart;
pub use bounds::{compile_limits, process_bounds, starts_at_once};
pub use connection::Endpoint;
pub use connectors::{ConnectorError, Connectors};
pub use endpoint::{destination, endpoint_of, open_grants, source};
pub use name::{destination_name, pipeline_name};
