//! The two sides of a comparison.

use crate::{
    model::Position,
    plugin::{DestinationConnection, SourceConnection},
    runner::context::SchemaContext,
};

/// What is compared.
pub struct Sides<'a> {
    pub context: &'a SchemaContext,
    pub source: &'a SourceConnection,
    pub destination: &'a DestinationConnection,
    /// The committed position.
    pub start: Position,
}
