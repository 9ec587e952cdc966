//! How much a schema may bring to its destination.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at_least_one;
use crate::config::values::ByteCount;

/// How much the source may make a schema write and keep beside its rows. Reaching a limit stops
/// the schema before more is written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SchemaLimits {
    /// The most bytes of dead letters in 24 hours, over all runs; more keeps more of a broken
    /// source's rows, less stops a flood earlier.
    pub dead_letter_bytes: ByteCount,
    /// The most columns of a table at the destination, with those that changes of shape added.
    pub columns_max: NonZeroU32,
    /// The most tables, with those that the stream added and those that were dropped at the source
    /// and kept at the destination.
    pub tables_max: NonZeroU32,
    /// The most memory that the shapes of all tables take; wide tables in large numbers need more.
    pub shape_bytes: ByteCount,
    /// The most bytes of changed shapes that are recorded in 24 hours, over all runs: each change
    /// of shape is a row of `schema_registry`.
    pub shape_history_bytes: ByteCount,
    /// The most rows a second that copies read, over all tables of the schema; without it, as many as
    /// they can. It spares a source that serves others too; changes are not slowed down.
    pub rows_per_second: Option<NonZeroU32>,
    /// The most connections over which copies write at the same time, where the destination can do that
    /// (`postgresql`); without it, one for each chunk that is read at the same time (`max_parallel_streams`).
    /// It spares a destination that serves others too, or that lets few in.
    pub writers_max: Option<NonZeroU32>,
}

impl Default for SchemaLimits {
    fn default() -> Self {
        Self {
            dead_letter_bytes: ByteCount::mebibytes(1024),
            // The widest table that PostgreSQL keeps.
            columns_max: at_least_one(1600),
            tables_max: at_least_one(10_000),
            shape_bytes: ByteCount::mebibytes(64),
            shape_history_bytes: ByteCount::mebibytes(1024),
            rows_per_second: None,
            writers_max: None,
        }
    }
}
