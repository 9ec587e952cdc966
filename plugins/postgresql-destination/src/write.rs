//! Commits a batch.
//!
//! The first attempt takes the fast way and no precautions. If the server refuses a row, everything
//! is rolled back and tried again with care: what is good is written, what is not goes to the dead
//! letters of the same transaction, or nothing is written at all (I5).

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use cartridge_warp_sdk::sql::{Rejections, Table, Tables, planned};
use cartridge_warp_sdk::{Failure, Operation, TableRows, WriteMode, WriteOutcome, WriteRequest};

use crate::apply::{Applier, stage_changes_min};
use crate::collapse::{Change, Changes};
use crate::copy;
use crate::dead_letters;
use crate::encode::{Encoded, RowEncoder, Unsendable};
use crate::metadata;
use crate::refusal::Refusal;
use crate::rescue;
use crate::scope::Scope;
use crate::shape::Shape;
use crate::stage;
use crate::statement;

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

/// One table's part of a request.
struct Part<'a> {
    batch: usize,
    rows: &'a TableRows,
    table: &'a Table,
    shape: Shape,
    /// None while the rows are copied straight into their table.
    ready: Option<Ready>,
}

/// Rows that can be sent as often as needed.
struct Ready {
    encoded: Encoded,
    /// The staging table, if there are enough of them to need one.
    stage: Option<String>,
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
    let parts = parts.map(|(at, rows)| part(at, rows, tables));
    let mut parts: Vec<Part<'_>> = parts.collect::<Result<_, Refusal>>()?;
    let mut way = Way::Upsert;
    for part in &mut parts {
        if part.is_copied(pauses) {
            way = Way::Copy;
        } else {
            part.make_ready(scope)?;
        }
    }
    loop {
        let refusal = match attempt(scope, request, tables, &parts, way) {
            Ok(outcome) => return Ok(outcome),
            Err(refusal) => refusal,
        };
        way = match way {
            Way::Copy if refusal.duplicate => Way::Upsert,
            Way::Copy | Way::Upsert if refusal.blames_row.is_some() => Way::Careful,
            _ => return Err(refusal.failure),
        };
        for part in parts.iter_mut().filter(|part| part.ready.is_none()) {
            if way == Way::Upsert {
                pauses.insert(part.table.sql.clone(), PAUSE_BATCHES);
            }
            part.make_ready(scope)?;
        }
    }
}

fn part<'a>(batch: usize, rows: &'a TableRows, tables: &'a Tables) -> Result<Part<'a>, Refusal> {
    let table = planned(rows.table(), tables)?;
    Ok(Part { batch, rows, table, shape: Shape::of(table, rows)?, ready: None })
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
        let mut rejected = Rejections::of(request);
        for part in parts {
            match &part.ready {
                None => part.copy(scope, &mut rejected)?,
                Some(ready) => part.write(ready, scope, way, &mut rejected)?,
            }
        }
        let (outcome, letters) = rejected.finish();
        dead_letters::store(session, names, schema, &letters)?;
        metadata::store_markers(session, names, schema, &request.markers, request.epoch)?;
        Ok(outcome)
    })
}

impl Part<'_> {
    /// Whether the rows are new and many, and may go straight into their table.
    fn is_copied(&self, pauses: &mut Pauses) -> bool {
        let upsert = self.table.write_mode == WriteMode::Upsert;
        let many = self.rows.len() >= COPY_ROWS_MIN;
        let copyable = upsert
            && many
            && self.rows.all_inserts()
            && self.shape.is_direct()
            && !self.table.audit;
        let paused = copyable
            && pauses.get_mut(&self.table.sql).is_some_and(|left| {
                *left = left.saturating_sub(1);
                *left > 0
            });
        copyable && !paused
    }

    /// Staging tables are made outside of transactions, so this comes before one.
    fn make_ready(&mut self, scope: Scope<'_>) -> Result<(), Refusal> {
        let encoded = Encoded::of(self.rows, self.table, &self.shape);
        let staged = match self.table.write_mode {
            WriteMode::Upsert => self.rows.len() >= stage_changes_min(&self.shape, &encoded),
            WriteMode::Append => !self.shape.is_direct(),
        };
        let stage = match staged {
            true => Some(stage::ensure(scope.session, self.table, &self.shape)?),
            false => None,
        };
        self.ready = Some(Ready { encoded, stage });
        Ok(())
    }

    /// Copies new rows straight into the table, encoding them on the way: the server works on the
    /// first ones meanwhile. One whose key is there already refuses all of them.
    fn copy(&self, scope: Scope<'_>, rejected: &mut Rejections<'_>) -> Result<(), Refusal> {
        let encoder = RowEncoder::of(self.rows, self.table, &self.shape);
        let soft = self.table.soft_column.is_some();
        let count = copy::field_count(self.shape.columns.len() + usize::from(soft));
        let (mut rows, mut unsent) = (0..self.rows.len(), Vec::new());
        let blocks = copy::blocks(|block| {
            while let Err(row) = encoder.write(rows.next()?, block) {
                unsent.push(row);
            }
            if soft {
                copy::field(block, Some(&[0]));
            }
            Some(count)
        });
        scope.session.copy(&statement::copy_new(self.table, &self.shape), blocks)?;
        unsent.iter().try_for_each(|row| unsendable(self, row, rejected))
    }

    fn write(
        &self,
        ready: &Ready,
        scope: Scope<'_>,
        way: Way,
        rejected: &mut Rejections<'_>,
    ) -> Result<(), Refusal> {
        for row in &ready.encoded.unsendable {
            unsendable(self, row, rejected)?;
        }
        if self.table.write_mode == WriteMode::Append {
            return self.append(ready, scope, way, rejected);
        }
        let applier = Applier {
            session: scope.session,
            table: self.table,
            rows: self.rows,
            shape: &self.shape,
            encoded: &ready.encoded,
            stage: ready.stage.as_deref(),
            statements: RefCell::default(),
        };
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
        rejected: &mut Rejections<'_>,
    ) -> Result<(), Refusal> {
        if rows.is_empty() {
            return Ok(());
        }
        let soft = self.table.soft;
        let changes = Changes::of(self.rows, applier.encoded, &self.shape, rows, soft);
        if way != Way::Careful {
            return applier.apply(&changes.all);
        }
        let all: &[Change] = &changes.all;
        let apply = |range: Range<usize>| applier.apply(&all[range]);
        rescue::bisect(applier.session, all.len(), apply, |at, refusal| {
            let rows = changes.rows(&all[at]);
            if let [row] = rows[..] {
                return refused(self, row, &refusal, rejected);
            }
            // The rows of a key one after the other: those before the bad one still count.
            for row in rows {
                let one = std::iter::once(row);
                let one = Changes::of(self.rows, applier.encoded, &self.shape, one, soft);
                let refusal = rescue::saved(applier.session, || applier.apply(&one.all))?;
                if let Some(refusal) = refusal {
                    refused(self, row, &refusal, rejected)?;
                }
            }
            Ok(())
        })
    }

    fn append(
        &self,
        Ready { encoded, stage }: &Ready,
        scope: Scope<'_>,
        way: Way,
        rejected: &mut Rejections<'_>,
    ) -> Result<(), Refusal> {
        let sendable = |row: &usize| !encoded.row(*row).is_empty();
        let rows: Vec<usize> = (0..self.rows.len()).filter(sendable).collect();
        let count = copy::field_count(self.shape.columns.len() + 3);
        let session = scope.session;
        let apply = |range: Range<usize>| {
            let mut rows = rows[range].iter();
            let blocks = copy::blocks(|block| {
                block.extend_from_slice(encoded.row(*rows.next()?));
                Some(count)
            });
            let Some(stage) = stage else {
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
            refused(self, rows[at], &refusal, rejected)
        })
    }
}

fn unsendable(
    part: &Part<'_>,
    row: &Unsendable,
    rejected: &mut Rejections<'_>,
) -> Result<(), Refusal> {
    Ok(rejected.add(part.batch, row.row, row.code, &row.message)?)
}

fn refused(
    part: &Part<'_>,
    row: usize,
    refusal: &Refusal,
    rejected: &mut Rejections<'_>,
) -> Result<(), Refusal> {
    let code = refusal.blames_row.unwrap_or("constraint");
    Ok(rejected.add(part.batch, row, code, &refusal.words())?)
}
