//! The two sides of a comparison.

use std::{num::NonZeroU32, time::Instant};

use crate::{
    model::Position,
    plugin::{DestinationConnection, SourceConnection},
    runner::{context::SchemaContext, reading::Rate},
};

/// A table that is compared.
pub struct Sides<'a> {
    pub context: &'a SchemaContext,
    pub source: &'a SourceConnection,
    pub destination: &'a DestinationConnection,
    /// The committed position.
    pub start: Position,
    /// How fast each side may be read; without a limit as fast as it can be.
    pub rows_per_second: Option<NonZeroU32>,
    /// Rows of the table, as the source guesses.
    pub estimated_rows: Option<u64>,
}

/// Rows that a source tells in one stretch of a table, about, where nothing bounds the rate.
const STRETCH_ROWS: u64 = 1_000_000;
/// How long a stretch takes, about, where something does.
const STRETCH_SECONDS: u64 = 60;
/// Stretches of one table.
const STRETCHES_MAX: u64 = 10_000;

impl Sides<'_> {
    /// The rate of one reading of one side.
    pub fn rate(&self) -> Rate {
        Rate::new(self.rows_per_second, Instant::now())
    }

    /// Into how many stretches the table is cut: a source may hold a snapshot for as long as one of them takes, which
    /// keeps its server from tidying up.
    pub fn stretches(&self) -> u32 {
        let rows = self.rows_per_second.map_or(STRETCH_ROWS, |rate| {
            u64::from(rate.get()).saturating_mul(STRETCH_SECONDS).min(STRETCH_ROWS)
        });
        let wanted = self.estimated_rows.map_or(STRETCHES_MAX, |all| all.div_ceil(rows));
        u32::try_from(wanted.clamp(1, STRETCHES_MAX)).unwrap_or(1)
    }
}
