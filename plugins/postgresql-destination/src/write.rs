//! Commits a batch.
//!
//! The first attempt takes the fast way and no precautions. If the server refuses a row, everything
//! is rolled back and tried again with care: what is good is written, what is not goes to the dead
//! letters of the same transaction, or nothing is written at all (I5).

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use cartridge_warp_sdk::{
    DeadLetter, Failure, Operation, RejectedRow, TableRows, WriteMode, WriteOutcome, WriteRequest,
};

use crate::apply::{Applier, stage_changes_min};
use crate::collapse::{Change, Changes};
use crate::copy;
use crate::dead_letters;
use crate::encode::{Encoded, Unsendable};
use crate::metadata;
use crate::refusal::Refusal;
use crate::rescue;
use crate::scope::Scope;
use crate::shape::Shape;
use crate::stage;
use crate::statement;
use crate::table::{Table, Tables};

/// New rows from which on they are copied straight into their table.
const COPY_ROWS_MIN: usize = 40;
/// Batches of a table that are not copied straight into it after one met a key that was there.
const PAUSE_BATCHES: u32 = 64;

/// Tables that rows are not copied straight into, and for how many batches.
pub(crate) type Pauses = HashMap<String, u32>;

/// How an attempt goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// New rows are copied straight into their tables.
    Copy,
    /// All rows may be there already.
    Upsert,
    /// Rows may be refused.
    Careful,
}

/// One table's part of a request, ready to be sent as often as needed.
struct Part<'a> {
    batch: usize,
    rows: &'a TableRows,
    table: &'a Table,
    shape: Shape,
    encoded: Encoded,
    stage: Option<String>,
    copies: bool,
}

/// Writes rows, dead letters and markers in a transaction of the schema's present owner.
pub(crate) fn batch(
    scope: Scope<'_>,
    request: &WriteRequest,
    tables: &Tables,
    pauses: &mut Pauses,
) -> Result<WriteOutcome, Failure> {
    stage::make_room(scope.session)?;
    let parts = request.tables.iter().enumerate();
    let parts = parts.map(|(at, rows)| part(scope, at, rows, tables, pauses));
    let parts: Vec<Part<'_>> = parts.collect::<Result<_, Refusal>>()?;
    let copies = parts.iter().any(|part| part.copies);
    let mut way = if copies { Way::Copy } else { Way::Upsert };
    loop {
        let refusal = match attempt(scope, request, tables, &parts, way) {
            Ok(outcome) => return Ok(outcome),
            Err(refusal) => refusal,
        };
        way = match way {
            Way::Copy if refusal.duplicate => {
                let copied = parts.iter().filter(|part| part.copies);
                pauses.extend(copied.map(|part| (part.table.sql(), PAUSE_BATCHES)));
                Way::Upsert
            }
            Way::Copy | Way::Upsert if refusal.blames_row.is_some() => Way::Careful,
            _ => return Err(refusal.failure),
        };
    }
}

fn part<'a>(
    scope: Scope<'_>,
    batch: usize,
    rows: &'a TableRows,
    tables: &'a Tables,
    pauses: &mut Pauses,
) -> Result<Part<'a>, Refusal> {
    let table = planned(rows.table(), tables)?;
    let shape = Shape::of(table, rows)?;
    let encoded = Encoded::of(rows, table, &shape);
    let many = rows.len() >= COPY_ROWS_MIN;
    let upsert = table.write_mode == WriteMode::Upsert;
    let copyable = upsert && many && rows.all_inserts() && shape.is_direct() && !table.audit;
    let paused = copyable
        && pauses.get_mut(&table.sql()).is_some_and(|left| {
            *left = left.saturating_sub(1);
            *left > 0
        });
    let staged = match upsert {
        true => rows.len() >= stage_changes_min(&shape, &encoded),
        false => !shape.is_direct(),
    };
    let stage = if staged { Some(stage::ensure(scope.session, table, &shape)?) } else { None };
    let copies = copyable && !paused;
    Ok(Part { batch, rows, table, shape, encoded, stage, copies })
}

fn planned<'t>(name: &str, tables: &'t Tables) -> Result<&'t Table, Failure> {
    tables
        .get(name)
        .ok_or_else(|| Failure::stop("unknown-table", format!("table {name} was never planned")))
}

fn attempt(
    scope: Scope<'_>,
    request: &WriteRequest,
    tables: &Tables,
    parts: &[Part<'_>],
    way: Way,
) -> Result<WriteOutcome, Refusal> {
    let Scope { session, names, schema } = scope;
    stage::begin(session);
    metadata::fenced_transaction(session, names, schema, request.epoch, || {
        if way == Way::Careful {
            // Else a row would be refused at the commit, where nobody can say which.
            session.run("SET CONSTRAINTS ALL IMMEDIATE")?;
        }
        for name in &request.clear_tables {
            session.run(&statement::clear(planned(name, tables)?))?;
        }
        let mut rejected = Rejected { keep: request.dead_letter_rejected, ..Rejected::default() };
        for part in parts {
            for unsendable in &part.encoded.unsendable {
                let Unsendable { row, code, message } = unsendable;
                rejected.add(part, *row, code, message)?;
            }
            part.write(scope, way, &mut rejected)?;
        }
        let rows: usize = request.tables.iter().map(TableRows::len).sum();
        let mut outcome = rejected.outcome;
        outcome.rows_written = rows.saturating_sub(outcome.rejected.len()) as u64;
        outcome.rejected.sort_by_key(|rejected| (rejected.batch, rejected.row));
        rejected.letters.sort_by_key(|(place, _)| *place);
        let letters = rejected.letters.into_iter().map(|(_, letter)| letter);
        let letters: Vec<_> = letters.chain(request.dead_letters.iter().cloned()).collect();
        dead_letters::store(session, names, schema, &letters)?;
        metadata::store_markers(session, names, schema, &request.markers, request.epoch)?;
        Ok(outcome)
    })
}

impl Part<'_> {
    fn write(&self, scope: Scope<'_>, way: Way, rejected: &mut Rejected) -> Result<(), Refusal> {
        if self.table.write_mode == WriteMode::Append {
            return self.append(scope, way, rejected);
        }
        let applier = Applier {
            session: scope.session,
            table: self.table,
            rows: self.rows,
            shape: &self.shape,
            encoded: &self.encoded,
            stage: self.stage.as_deref(),
            statements: RefCell::default(),
        };
        if way == Way::Copy && self.copies {
            let rows: Vec<usize> = self.sendable().collect();
            return applier.copy_new(&rows);
        }
        let mut begin = 0;
        for row in 0..=self.rows.len() {
            let end = row == self.rows.len();
            if !end && self.rows.op(row) != Operation::Truncate {
                continue;
            }
            self.upsert(&applier, begin..row, way, rejected)?;
            if !end {
                applier.truncate(row)?;
            }
            begin = row + 1;
        }
        Ok(())
    }

    fn upsert(
        &self,
        applier: &Applier<'_>,
        rows: Range<usize>,
        way: Way,
        rejected: &mut Rejected,
    ) -> Result<(), Refusal> {
        if rows.is_empty() {
            return Ok(());
        }
        let soft = self.table.soft;
        let changes = Changes::of(self.rows, &self.encoded, &self.shape, rows, soft);
        if way != Way::Careful {
            return applier.apply(&changes.all);
        }
        let all: &[Change] = &changes.all;
        let apply = |range: Range<usize>| applier.apply(&all[range]);
        rescue::bisect(applier.session, all.len(), apply, |at, refusal| {
            let rows = changes.rows(&all[at]);
            if let [row] = rows[..] {
                return rejected.refused(self, row, &refusal);
            }
            // The rows of a key one after the other: those before the bad one still count.
            for row in rows {
                let one = std::iter::once(row);
                let one = Changes::of(self.rows, &self.encoded, &self.shape, one, soft);
                let refusal = rescue::saved(applier.session, || applier.apply(&one.all))?;
                if let Some(refusal) = refusal {
                    rejected.refused(self, row, &refusal)?;
                }
            }
            Ok(())
        })
    }

    fn append(&self, scope: Scope<'_>, way: Way, rejected: &mut Rejected) -> Result<(), Refusal> {
        let rows: Vec<usize> = self.sendable().collect();
        let count = copy::field_count(self.shape.columns.len() + 3);
        let session = scope.session;
        let apply = |range: Range<usize>| {
            let mut rows = rows[range].iter();
            let blocks = copy::blocks(|block| {
                block.extend_from_slice(self.encoded.row(*rows.next()?));
                Some(count)
            });
            let Some(stage) = &self.stage else {
                let sql = statement::copy_append(self.table, &self.shape);
                return session.copy(&sql, blocks).map(drop);
            };
            stage::empty(session, stage)?;
            session.copy(&format!("COPY {stage} FROM STDIN BINARY"), blocks)?;
            let sql = statement::append(self.table, &self.shape, stage);
            session.pipeline(&[(&sql, Vec::new())])
        };
        if way != Way::Careful {
            return if rows.is_empty() { Ok(()) } else { apply(0..rows.len()) };
        }
        rescue::bisect(session, rows.len(), apply, |at, refusal| {
            rejected.refused(self, rows[at], &refusal)
        })
    }

    /// Rows that have a form in the server.
    fn sendable(&self) -> impl Iterator<Item = usize> {
        (0..self.rows.len()).filter(|row| !self.encoded.row(*row).is_empty())
    }
}

/// Rows that were refused so far.
#[derive(Default)]
struct Rejected {
    /// Whether refused rows are kept; else the first of them ends the attempt.
    keep: bool,
    outcome: WriteOutcome,
    letters: Vec<((usize, usize), DeadLetter)>,
}

impl Rejected {
    fn refused(&mut self, part: &Part<'_>, row: usize, refusal: &Refusal) -> Result<(), Refusal> {
        self.add(part, row, refusal.blames_row.unwrap_or("constraint"), &refusal.words())
    }

    fn add(
        &mut self,
        part: &Part<'_>,
        row: usize,
        code: &str,
        message: &str,
    ) -> Result<(), Refusal> {
        let table = part.rows.table();
        if !self.keep {
            return Err(Failure::stop(
                "row-rejected",
                format!(
                    "row {row} of a batch for table {table} was refused ({code}): {message}; \
                     nothing of the batch was written. Correct the row or the table, or set \
                     error_handling.dead_letter_queue"
                ),
            )
            .into());
        }
        let place = (part.batch, row);
        self.letters.push((place, letter(part.rows, row, code, message)));
        let (code, message) = (code.to_owned(), message.to_owned());
        self.outcome.rejected.push(RejectedRow { batch: part.batch, row, code, message });
        Ok(())
    }
}

fn letter(rows: &TableRows, row: usize, code: &str, message: &str) -> DeadLetter {
    let value = |(at, column): (usize, &cartridge_warp_sdk::Column)| {
        (column.name.clone(), rows.value(row, at).to_json())
    };
    let columns = rows.columns().iter().enumerate();
    let sent = columns.filter(|(at, _)| !rows.is_unchanged(row, *at));
    let payload = serde_json::Value::Object(sent.map(value).collect()).to_string();
    DeadLetter::new(rows.table(), code, message, &payload, "destination").operation(rows.op(row))
}
