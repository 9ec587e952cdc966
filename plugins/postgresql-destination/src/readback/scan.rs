//! Through a table in the order of its pages.
//!
//! Each answer is one statement of its own, so nothing is held between them. A row that is written to meanwhile moves
//! to another place, before or behind the cursor: it may be told twice or not at all, as the contract says.

use std::ops::ControlFlow;

use cartridge_warp_sdk::sql::Reading;
use cartridge_warp_sdk::{Failure, Limits, ReadBatch, TablePlan, unread};
use postgresql_client::names::literal;

use super::{ROW, columns, deleted, prepare, value};
use crate::refusal::Refusal;
use crate::scope::Scope;

/// Rows of the first answer, and of one behind rows of unknown size. What is asked for is sent, so it grows with what
/// rows were found to take.
const FIRST_ROWS: u64 = 256;

/// A place in the table: the table or partition with the row, its page and its number there, and how many rows fill
/// an answer.
#[derive(Clone, Copy, Default)]
struct Cursor {
    part: u32,
    page: u32,
    item: u16,
    rows: u64,
}

impl Cursor {
    fn read(bytes: Option<&[u8]>) -> Result<Self, Failure> {
        let Some(bytes) = bytes else { return Ok(Self { rows: FIRST_ROWS, ..Self::default() }) };
        let other = || Failure::stop("malformed-cursor", "a cursor is none of this connector's");
        let (part, rest) = bytes.split_first_chunk().ok_or_else(other)?;
        let (page, rest) = rest.split_first_chunk().ok_or_else(other)?;
        let (item, rest) = rest.split_first_chunk().ok_or_else(other)?;
        let rows = rest.try_into().map_err(|_| other())?;
        Ok(Self {
            part: u32::from_be_bytes(*part),
            page: u32::from_be_bytes(*page),
            item: u16::from_be_bytes(*item),
            rows: u64::from_be_bytes(rows),
        })
    }

    fn bytes(self) -> Vec<u8> {
        let Self { part, page, item, rows } = self;
        let places = [part.to_be_bytes(), page.to_be_bytes()].concat();
        [&places[..], &item.to_be_bytes(), &rows.to_be_bytes()].concat()
    }

    /// Moves it behind a row of its part, whose place the server writes as `(page,item)`.
    fn pass(&mut self, place: &str) -> Result<(), Failure> {
        let parts = place.strip_prefix('(').and_then(|it| it.strip_suffix(')'));
        let parts = parts.and_then(|it| it.split_once(','));
        let parts = parts.and_then(|(page, item)| Some((page.parse().ok()?, item.parse().ok()?)));
        let behind = parts.filter(|behind| *behind > (self.page, self.item));
        let Some((page, item)) = behind else {
            let what = "rows do not come in the order of their places";
            return Err(Failure::stop("protocol", what));
        };
        (self.page, self.item) = (page, item);
        Ok(())
    }
}

/// The next rows.
pub(crate) fn read(
    scope: Scope<'_>,
    plan: &TablePlan,
    cursor: Option<&[u8]>,
    limits: Limits,
) -> Result<ReadBatch, Refusal> {
    let mut cursor = Cursor::read(cursor)?;
    let mut reading = Reading::of(&scope, plan)?;
    prepare(scope)?;
    let parts = parts(scope, &reading, plan)?;
    let Some((part, sql)) = parts.iter().find(|(part, _)| *part >= cursor.part) else {
        return Ok(reading.batch(0, None)?);
    };
    if *part != cursor.part {
        cursor = Cursor { part: *part, page: 0, item: 0, ..cursor };
    }
    let (deleted, rows) = (deleted(&reading), cursor.rows.clamp(1, limits.rows_max as u64));
    let query = format!(
        "SELECT {ROW}.ctid, {}, {} FROM ONLY {sql} AS {ROW} WHERE {ROW}.ctid > '({},{})'::tid LIMIT {rows}",
        deleted.as_deref().unwrap_or("false"),
        columns(&reading),
        cursor.page,
        cursor.item,
    );
    let (mut told, mut passed_over) = (0, 0);
    scope.session.texts(&query, |row| {
        told += 1;
        cursor.pass(row.get(0).unwrap_or_default())?;
        if row.get(1) == Some("t") {
            passed_over += 1;
        } else {
            reading.take(|to, at, kind| value::set(to, at, kind, row.get(at + 2)));
        }
        let is_full = reading.bytes() >= limits.bytes_max;
        Ok(if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    let size = reading.bytes() / told.max(1) + 1;
    cursor.rows = (limits.bytes_max / size).clamp(1, 2 * told.max(FIRST_ROWS));
    if told < rows && reading.bytes() < limits.bytes_max {
        // The end of this part.
        cursor = Cursor { part: part.saturating_add(1), page: 0, item: 0, ..cursor };
        if parts.iter().all(|(part, _)| *part < cursor.part) {
            return Ok(reading.batch(passed_over, None)?);
        }
    }
    Ok(reading.batch(passed_over, Some(cursor.bytes()))?)
}

/// The tables that have the rows: itself, its partitions and children, by their numbers.
fn parts(
    scope: Scope<'_>,
    reading: &Reading,
    plan: &TablePlan,
) -> Result<Vec<(u32, String)>, Refusal> {
    let query = format!(
        "WITH RECURSIVE part(oid) AS (
             SELECT pg_catalog.to_regclass({})::oid
             UNION SELECT i.inhrelid FROM part p JOIN pg_catalog.pg_inherits i ON i.inhparent = p.oid)
         SELECT c.oid, c.relkind, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
         FROM part p JOIN pg_catalog.pg_class c ON c.oid = p.oid
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind <> 'p' ORDER BY c.oid",
        literal(&reading.table.sql)
    );
    let mut parts = Vec::new();
    scope.session.texts(&query, |row| {
        let number = row.get(0).and_then(|text| text.parse().ok());
        let (Some(number), Some("r"), Some(sql)) = (number, row.get(1), row.get(2)) else {
            let why = "a part of it is no table with pages of its own";
            return Err(unread(&plan.name, why).into());
        };
        parts.push((number, sql.to_owned()));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(parts)
}
