//! Rows that the destination refused: kept as dead letters, or the end of the batch (I5).

use super::Tables;
use crate::{
    Column, DeadLetter, Failure, RejectedRow, TableRows, WriteOutcome, WriteRequest, key_text,
};

/// The code of a row that is not there, and of which the source left out a value that did not change: nobody
/// has that value then.
pub const MISSING_ROW: &str = "missing-row";
/// What is said of it.
pub const MISSING_ROW_WORDS: &str = "the update leaves out values that did not change, and the row is not there: it \
                                     was refused before, or deleted at the destination. Copy the table again, \
                                     or touch the values at the source";

/// Rows of one request that were refused so far.
#[derive(Debug)]
pub struct Rejections<'a> {
    request: &'a WriteRequest,
    rejected: Vec<RejectedRow>,
    letters: Vec<((usize, usize), DeadLetter)>,
}

impl<'a> Rejections<'a> {
    /// None yet.
    pub fn of(request: &'a WriteRequest) -> Self {
        Self { request, rejected: Vec::new(), letters: Vec::new() }
    }

    /// A row of one of the request's tables was refused. The message names tables and columns, never
    /// values.
    ///
    /// # Errors
    /// `stop` with the row where the request keeps no dead letters: nothing may be written then.
    pub fn add(
        &mut self,
        batch: usize,
        row: usize,
        code: &str,
        message: &str,
    ) -> Result<(), Failure> {
        if !self.request.dead_letter_rejected {
            return Err(self.stop(batch, row, code, message));
        }
        let rows = &self.request.tables[batch];
        self.letters.push(((batch, row), letter(rows, row, code, message)));
        let (code, message) = (code.to_owned(), message.to_owned());
        self.rejected.push(RejectedRow { batch, row, code, message });
        Ok(())
    }

    /// The failure that says which row was refused, where nothing of the batch is written.
    pub fn stop(&self, batch: usize, row: usize, code: &str, message: &str) -> Failure {
        let table = self.request.tables[batch].table();
        Failure::stop(
            "row-rejected",
            format!(
                "row {row} of a batch for table {table} was refused ({code}): {message}; nothing \
                 of the batch was written. Correct the row or the table, or set \
                 error_handling.dead_letter_queue"
            ),
        )
    }

    /// What the write did, and all dead letters to be stored with it: the refused rows' in the order of
    /// the rows, with the keys that their tables have, and then the request's own.
    pub fn finish(mut self, tables: &Tables) -> (WriteOutcome, Vec<DeadLetter>) {
        let rows: usize = self.request.tables.iter().map(TableRows::len).sum();
        let rows_written = rows.saturating_sub(self.rejected.len()) as u64;
        self.rejected.sort_by_key(|rejected| (rejected.batch, rejected.row));
        self.letters.sort_by_key(|(place, _)| *place);
        let letters = self.letters.into_iter().map(|((batch, row), letter)| {
            let rows = &self.request.tables[batch];
            let key = tables.get(rows.table()).and_then(|table| key_text(rows, row, &table.key));
            letter.key(key)
        });
        let letters = letters.chain(self.request.dead_letters.iter().cloned()).collect();
        (WriteOutcome { rows_written, rejected: self.rejected }, letters)
    }
}

fn letter(rows: &TableRows, row: usize, code: &str, message: &str) -> DeadLetter {
    let value =
        |(at, column): (usize, &Column)| (column.name.clone(), rows.value(row, at).to_json());
    let columns = rows.columns().iter().enumerate();
    let sent = columns.filter(|(at, _)| !rows.is_unchanged(row, *at));
    let payload = serde_json::Value::Object(sent.map(value).collect()).to_string();
    DeadLetter::new(rows.table(), code, message, &payload, "destination").operation(rows.op(row))
}
