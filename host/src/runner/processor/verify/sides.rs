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
        stretches(self.rows_per_second, self.estimated_rows)
    }
}

fn stretches(rows_per_second: Option<NonZeroU32>, estimated_rows: Option<u64>) -> u32 {
    let in_time = |rate: NonZeroU32| u64::from(rate.get()).saturating_mul(STRETCH_SECONDS);
    let rows = rows_per_second.map_or(STRETCH_ROWS, |rate| in_time(rate).min(STRETCH_ROWS));
    let wanted = estimated_rows.map_or(STRETCHES_MAX, |all| all.div_ceil(rows));
    u32::try_from(wanted.clamp(1, STRETCHES_MAX)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_takes_about_a_minute_or_has_a_million_rows() {
        for (rate, rows, expected) in [
            (None, Some(0), 1),
            (None, Some(10_000_000), 10),
            (Some(10_000), Some(10_000_000), 17),
            (Some(1_000_000), Some(10_000_000), 10),
            (Some(1), Some(u64::MAX), 10_000),
            (None, None, 10_000),
        ] {
            let rate = rate.and_then(NonZeroU32::new);
            assert_eq!(stretches(rate, rows), expected, "{rate:?} {rows:?}");
        }
    }
}
