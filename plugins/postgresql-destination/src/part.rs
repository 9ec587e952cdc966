//! One table's part of a request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use cartridge_warp_sdk::sql::{Numbers, Rejections, Table, Tables, planned};
use cartridge_warp_sdk::{Failure, Operation, TableRows, WriteMode};

use crate::apply::{Applier, stage_changes_min};
use crate::collapse::{Change, Changes};
use crate::copy;
use crate::encode::{Encoded, RowEncoder, Unsendable};
use crate::ordered::Lane;
use crate::refusal::Refusal;
use crate::rescue;
use crate::scope::Scope;
use crate::session::Session;
use crate::shape::{Shape, ShapeColumn};
use crate::stage;
use crate::statement::{self, LOGGED};

/// New rows from which on they are copied straight into their table.
const COPY_ROWS_MIN: usize = 40;
/// Batches of a table that are not copied straight into it after one met a key that was there.
const PAUSE_BATCHES: u32 = 64;

/// Tables that rows are not copied straight into, and for how many batches.
pub(crate) type Pauses = HashMap<String, u32>;

/// One table's part of a request.
pub(crate) struct Part<'a> {
    batch: usize,
    rows: &'a TableRows,
    table: &'a Table,
    shape: Shape,
    /// The number of the first row, in append mode.
    first: i64,
    /// None while the rows are copied straight into their table.
    ready: Option<Ready>,
}

/// Rows that can be sent as often as needed.
struct Ready {
    encoded: Encoded,
    /// The staging table, if there are enough of them to need one.
    stage: Option<String>,
}

impl<'a> Part<'a> {
    /// Rows, fitted to their table.
    pub(crate) fn of(
        batch: usize,
        rows: &'a TableRows,
        tables: &'a Tables,
        epoch: u64,
        numbers: &mut Numbers,
    ) -> Result<Self, Refusal> {
        let table = planned(rows.table(), tables)?;
        let first = numbers.first_of(table, epoch, rows.len())?;
        Ok(Self { batch, rows, table, shape: Shape::of(table, rows)?, first, ready: None })
    }
}

impl Part<'_> {
    /// Whether the rows are new and many, and may go straight into their table.
    pub(crate) fn is_copied(&self, pauses: &mut Pauses) -> bool {
        let are_new = match self.table.write_mode {
            WriteMode::Upsert => self.rows.all_inserts() && !self.table.audit,
            WriteMode::Append => true,
        };
        let copyable = are_new && self.rows.len() >= COPY_ROWS_MIN && self.shape.is_copyable();
        let paused = copyable
            && pauses.get_mut(&self.table.sql).is_some_and(|left| {
                *left = left.saturating_sub(1);
                *left > 0
            });
        copyable && !paused
    }

    /// It could not be copied, for a key that was there or a text that was not read: not for a while.
    pub(crate) fn pause(&self, pauses: &mut Pauses) {
        if self.ready.is_none() {
            pauses.insert(self.table.sql.clone(), PAUSE_BATCHES);
        }
    }

    /// Encodes the rows, so that they can be sent as often as needed. Staging tables are made outside
    /// of transactions, so this comes before one.
    pub(crate) fn make_ready(&mut self, scope: Scope<'_>) -> Result<(), Refusal> {
        if self.ready.is_some() {
            return Ok(());
        }
        let encoded = Encoded::of(self.rows, self.table, &self.shape, self.first);
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
    /// first ones meanwhile. One whose key is there already, or that only the server can read, refuses
    /// all of them.
    fn copy(&self, scope: Scope<'_>, rejected: &mut Rejections<'_>) -> Result<(), Refusal> {
        let Self { rows, table, shape, first, .. } = self;
        let encoder = RowEncoder::of(rows, table, shape, *first, ShapeColumn::copy_form);
        let (sql, more, soft) = match self.table.write_mode {
            WriteMode::Append => {
                (statement::copy_append(self.table, &self.shape), LOGGED.len(), false)
            }
            WriteMode::Upsert => {
                let soft = self.table.soft_column.is_some();
                (statement::copy_new(self.table, &self.shape), usize::from(soft), soft)
            }
        };
        let count = copy::field_count(self.shape.columns.len() + more);
        let (mut rows, mut unsent) = (0..self.rows.len(), Vec::new());
        let mut is_unread = false;
        let blocks = copy::blocks(|block| {
            while let Err(row) = encoder.write(rows.next()?, block) {
                is_unread = row.is_unread;
                if is_unread {
                    return None;
                }
                unsent.push(row);
            }
            if soft {
                copy::field(block, Some(&[0]));
            }
            Some(count)
        });
        scope.session.copy(&sql, blocks)?;
        if is_unread {
            return Err(Refusal::unread());
        }
        unsent.iter().try_for_each(|row| unsendable(self, row, rejected))
    }

    /// Writes the rows, the fast way, or with care for those that may be refused.
    pub(crate) fn write(
        &self,
        scope: Scope<'_>,
        careful: bool,
        rejected: &mut Rejections<'_>,
    ) -> Result<(), Refusal> {
        let Some(ready) = &self.ready else { return self.copy(scope, rejected) };
        self.reject_unsendable(ready, rejected)?;
        if self.table.write_mode == WriteMode::Append {
            return self.append(ready, scope, careful, rejected);
        }
        let applier = self.applier(ready, scope.session);
        let mut begin = 0;
        for row in 0..=self.rows.len() {
            let end = row == self.rows.len();
            if !end && self.rows.op(row) != Operation::Truncate {
                continue;
            }
            self.upsert(&applier, begin..row, careful, rejected)?;
            if !end {
                applier.truncate(row)?;
            }
            begin = row + 1;
        }
        Ok(())
    }

    /// The rows as they go in the source's own order; those of append mode, which are not in anybody's
    /// way, are written at once.
    pub(crate) fn lane<'s>(
        &'s self,
        scope: Scope<'s>,
        rejected: &mut Rejections<'_>,
    ) -> Result<Option<Lane<'s>>, Refusal> {
        let Some(ready) = &self.ready else {
            return Err(Failure::stop("internal", "rows were not encoded before their turn").into());
        };
        self.reject_unsendable(ready, rejected)?;
        if self.table.write_mode == WriteMode::Append {
            return self.append(ready, scope, true, rejected).map(|()| None);
        }
        Ok(Some(Lane { batch: self.batch, applier: self.applier(ready, scope.session) }))
    }

    fn applier<'s>(&'s self, ready: &'s Ready, session: &'s Session) -> Applier<'s> {
        Applier {
            session,
            table: self.table,
            rows: self.rows,
            shape: &self.shape,
            encoded: &ready.encoded,
            stage: ready.stage.as_deref(),
            statements: RefCell::default(),
        }
    }

    fn reject_unsendable(
        &self,
        ready: &Ready,
        rejected: &mut Rejections<'_>,
    ) -> Result<(), Refusal> {
        ready.encoded.unsendable.iter().try_for_each(|row| unsendable(self, row, rejected))
    }

    fn upsert(
        &self,
        applier: &Applier<'_>,
        rows: Range<usize>,
        careful: bool,
        rejected: &mut Rejections<'_>,
    ) -> Result<(), Refusal> {
        if rows.is_empty() {
            return Ok(());
        }
        let soft = self.table.soft;
        let changes = Changes::of(self.rows, applier.encoded, &self.shape, rows, soft);
        let all: &[Change] = &changes.all;
        let apply = |range: Range<usize>| match changes.in_order {
            true => applier.apply_in_order(&all[range]),
            false => applier.apply(&all[range]),
        };
        if !careful {
            return apply(0..all.len());
        }
        rescue::bisect(applier.session, all.len(), apply, |at, refusal| {
            let rows = changes.rows(&all[at]);
            if let [row] = rows[..] {
                return self.refused(row, refusal, rejected);
            }
            // The rows of a key one after the other: those before the bad one still count.
            for row in rows {
                let one = Changes::each(self.rows, std::iter::once(row), soft);
                let apply = || applier.apply_in_order(&one.all);
                if let Some(refusal) = rescue::saved(applier.session, apply)? {
                    self.refused(row, refusal, rejected)?;
                }
            }
            Ok(())
        })
    }

    /// A row that another one is in the way of is not bad yet: that ends this way.
    fn refused(
        &self,
        row: usize,
        refusal: Refusal,
        rejected: &mut Rejections<'_>,
    ) -> Result<(), Refusal> {
        if refusal.conflict {
            return Err(refusal);
        }
        refusal.reject(self.batch, row, rejected)
    }

    fn append(
        &self,
        Ready { encoded, stage }: &Ready,
        scope: Scope<'_>,
        careful: bool,
        rejected: &mut Rejections<'_>,
    ) -> Result<(), Refusal> {
        let sendable = |row: &usize| !encoded.row(*row).is_empty();
        let rows: Vec<usize> = (0..self.rows.len()).filter(sendable).collect();
        let count = copy::field_count(self.shape.columns.len() + LOGGED.len());
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
        if !careful {
            return if rows.is_empty() { Ok(()) } else { apply(0..rows.len()) };
        }
        rescue::bisect(session, rows.len(), apply, |at, refusal| {
            refusal.reject(self.batch, rows[at], rejected)
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
