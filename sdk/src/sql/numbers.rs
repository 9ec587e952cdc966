//! The numbers of rows in append mode ([`SEQ`](super::SEQ)).
//!
//! They grow from row to row in the order of the source, so that SQL finds the last row of a key. A number
//! is the epoch of its writer and, behind it, how many rows the connection has numbered. So nothing is looked
//! up or stored: a later writer has a higher epoch (I3), and one epoch is one connection, since the host
//! claims the schema again whenever it connects. Rows that were rolled back leave gaps.

use super::table::Table;
use crate::{Failure, WriteMode};

/// Bits for the rows of one connection: at a million a second they last twelve days.
const ROWS_BITS: u32 = 40;
/// Bits for epochs, so that a number is a positive signed one of 64 bits. At a claim each minute they
/// last fifteen years.
const EPOCH_BITS: u32 = 63 - ROWS_BITS;
const CODE: &str = "row-numbers-used-up";

/// The numbers that a connection gives.
#[derive(Debug, Default)]
pub struct Numbers {
    given: u64,
}

impl Numbers {
    /// Gives so many rows of a batch their numbers; the first of them. Rows of a table that is no log have
    /// none, which is 0.
    ///
    /// # Errors
    /// `reconnect` when the connection has none left, `stop` when the schema was claimed too often.
    pub fn first_of(&mut self, table: &Table, epoch: u64, rows: usize) -> Result<i64, Failure> {
        match table.write_mode {
            WriteMode::Append => self.give(epoch, rows),
            WriteMode::Upsert => Ok(0),
        }
    }

    fn give(&mut self, epoch: u64, rows: usize) -> Result<i64, Failure> {
        let given = u64::try_from(rows).ok().and_then(|rows| self.given.checked_add(rows));
        let Some(given) = given.filter(|given| *given <= 1 << ROWS_BITS) else {
            let words =
                "this connection has numbered as many rows of logs as it can; the next one goes on";
            return Err(Failure::reconnect(CODE, words));
        };
        let epoch = i64::try_from(epoch).ok().filter(|epoch| *epoch < 1 << EPOCH_BITS);
        let Some(epoch) = epoch else {
            let words = "the schema was claimed too often for the rows of its logs to be numbered in their \
                         order; begin the logs anew under another metadata_schema and other table names";
            return Err(Failure::stop(CODE, words));
        };
        let first = (epoch << ROWS_BITS) | i64::try_from(self.given).unwrap_or(i64::MAX);
        self.given = given;
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Action;

    #[test]
    fn numbers_grow_over_batches_and_claims_until_none_is_left() {
        let mut numbers = Numbers::default();
        let first = numbers.give(7, 3).unwrap();
        assert_eq!(numbers.give(7, 1).unwrap(), first + 3);
        let all_but_one = (1 << ROWS_BITS) - 5;
        let last = numbers.give(7, all_but_one).unwrap() + i64::try_from(all_but_one).unwrap() - 1;
        assert_eq!(numbers.give(7, 1).unwrap(), last + 1, "the last number of the connection");
        assert_eq!(numbers.give(7, 1).unwrap_err().action, Action::Reconnect);
        let next = Numbers::default().give(8, 1).unwrap();
        assert_eq!(next, last + 2, "another claim goes on behind it");
        let mut highest = Numbers::default();
        assert!(highest.give((1 << EPOCH_BITS) - 1, 1 << ROWS_BITS).unwrap() > next);
        assert_eq!(Numbers::default().give(1 << EPOCH_BITS, 1).unwrap_err().action, Action::Stop);
        assert_eq!(Numbers::default().give(u64::MAX, 1).unwrap_err().action, Action::Stop);
    }
}
