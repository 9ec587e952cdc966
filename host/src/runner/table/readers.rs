//! How many readers and connections a copy of a table may have at once.

use std::{num::NonZeroU32, thread};

use super::Table;
use crate::config::WriteMode;

/// Readers of a table where nobody says how many: a source serves others too.
const READERS_MAX: u32 = 4;

impl Table {
    /// How many chunks of its snapshot may be under way at once. Where one key may have rows in
    /// several, they are read in the order in which they were planned (I4).
    pub fn readers_max(&self) -> NonZeroU32 {
        let are_independent = self.promises.disjoint_chunks || self.source.key.is_empty();
        match self.settings.max_parallel_streams {
            Some(max) if are_independent => max,
            None if are_independent && self.is_written_apart() => of_machine(),
            _ => NonZeroU32::MIN,
        }
    }

    /// The same for a copy of so many chunks: where nobody says how many readers there are, small tables have
    /// one.
    pub fn readers_of(&self, chunks: usize) -> usize {
        let max = self.readers_max().get() as usize;
        if self.settings.max_parallel_streams.is_some() { max } else { max.min(chunks.max(1)) }
    }

    /// Whether several connections may write its rows at once. The order of a log's rows is that of one.
    pub fn is_written_apart(&self) -> bool {
        self.promises.shared_epoch && self.settings.write_mode != WriteMode::Append
    }
}

fn of_machine() -> NonZeroU32 {
    of_cores(thread::available_parallelism().map_or(1, usize::from))
}

/// A reader keeps two cores busy: one reads its source while the other writes.
fn of_cores(cores: usize) -> NonZeroU32 {
    let readers = u32::try_from(cores / 2).unwrap_or(u32::MAX).min(READERS_MAX);
    NonZeroU32::new(readers).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_as_many_as_the_cores_can_serve() {
        for (cores, readers) in [(0, 1), (1, 1), (2, 1), (3, 1), (4, 2), (7, 3), (8, 4), (128, 4)] {
            assert_eq!(of_cores(cores).get(), readers, "{cores}");
        }
    }
}
