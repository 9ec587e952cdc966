//! Rows that are read back, to be compared with the source's.

use cartridge_warp_sdk::sql::Reading;
use cartridge_warp_sdk::{
    ColumnType, Failure, Limits, LookedUp, ReadBatch, RowBuilder, TablePlan, TableRows, Value,
    ValueError, unread,
};
use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::bind::{Cells, Parameters};
use crate::names::{Scope, quoted};
use crate::row_number::row_number;
use crate::text;

/// What came, or why none can.
type Answer<T> = rusqlite::Result<Result<T, Failure>>;

/// The next rows in the order of their numbers, behind that of the cursor.
pub(crate) fn read(
    scope: Scope<'_>,
    plan: &TablePlan,
    cursor: Option<&[u8]>,
    limits: Limits,
) -> Answer<ReadBatch> {
    let mut reading = match Reading::of(&scope, plan) {
        Ok(reading) => reading,
        Err(failure) => return Ok(Err(failure)),
    };
    let Some(number) = row_number(scope.connection, &reading.table)? else {
        return Ok(Err(unread(&plan.name, "its rows have no numbers (WITHOUT ROWID)")));
    };
    let from = match cursor.map(<[u8; 8]>::try_from) {
        None => i64::MIN,
        Some(Ok(bytes)) => i64::from_be_bytes(bytes),
        Some(Err(_)) => return Ok(Err(other_cursor())),
    };
    // The first of all numbers has none in front of it.
    let behind = if cursor.is_some() { ">" } else { ">=" };
    let sql = format!(
        "SELECT {number}, {}, {} FROM {} WHERE {number} {behind} ?1 ORDER BY {number} LIMIT ?2",
        deleted(&reading).as_deref().unwrap_or("0"),
        columns(&reading),
        reading.table.sql,
    );
    let mut statement = scope.connection.prepare_cached(&sql)?;
    let (mut told, mut passed_over, mut last) = (0, 0, from);
    let mut rows = statement.query((from, limits.rows_max as i64))?;
    while let Some(row) = rows.next()? {
        told += 1;
        last = row.get(0)?;
        if row.get(1)? {
            passed_over += 1;
        } else {
            reading.take(|to, at, kind| set(to, at, kind, row, at + 2));
        }
        if reading.bytes() >= limits.bytes_max {
            break;
        }
    }
    let is_end = told < limits.rows_max && reading.bytes() < limits.bytes_max;
    let next = (!is_end).then(|| last.to_be_bytes().to_vec());
    Ok(reading.batch(passed_over, next))
}

/// Rows as they are now, by their keys.
pub(crate) fn look_up(
    scope: Scope<'_>,
    plan: &TablePlan,
    keys: &TableRows,
    limits: Limits,
) -> Answer<LookedUp> {
    let mut reading = match Reading::of(&scope, plan) {
        Ok(reading) => reading,
        Err(failure) => return Ok(Err(failure)),
    };
    let key = keys.columns().iter().enumerate();
    let key = key.map(|(at, column)| format!("{} = ?{}", quoted(&column.name), at + 1));
    let key = key.collect::<Vec<_>>().join(" AND ");
    let live = deleted(&reading).map(|deleted| format!(" AND NOT {deleted}")).unwrap_or_default();
    let sql = format!("SELECT {} FROM {} WHERE {key}{live}", columns(&reading), reading.table.sql);
    let mut statement = scope.connection.prepare_cached(&sql)?;
    let cells: Vec<Cells<'_>> = (0..keys.columns().len()).map(|at| Cells::of(keys, at)).collect();
    let (mut answered, mut absent, mut scratch) = (0, Vec::new(), String::new());
    while answered < keys.len().min(limits.rows_max) {
        let mut parameters = Parameters::of(&mut statement);
        for cells in &cells {
            cells.bind(answered, &mut parameters, &mut scratch)?;
        }
        let mut rows = statement.raw_query();
        match rows.next()? {
            Some(row) => reading.take(|to, at, kind| set(to, at, kind, row, at)),
            None => absent.push(answered),
        }
        answered += 1;
        if reading.bytes() >= limits.bytes_max {
            break;
        }
    }
    Ok(reading.found(answered, absent))
}

fn columns(reading: &Reading) -> String {
    let columns = reading.columns().map(|kept| quoted(&kept.column.name));
    columns.collect::<Vec<_>>().join(", ")
}

/// Whether a row is marked as deleted; none where none is.
fn deleted(reading: &Reading) -> Option<String> {
    reading.table.soft_column.as_ref().map(|soft| format!("({} IS TRUE)", quoted(soft)))
}

/// Sets a column to what is stored.
fn set(
    to: &mut RowBuilder<'_>,
    column: usize,
    kind: &ColumnType,
    row: &Row<'_>,
    place: usize,
) -> Result<(), ValueError> {
    let lost = |reason: &str| ValueError { column: column.to_string(), reason: reason.to_owned() };
    match (kind, row.get_ref(place).map_err(|_| lost("the value cannot be read"))?) {
        (_, ValueRef::Null) => to.set(column, Value::Null),
        (ColumnType::Boolean, ValueRef::Integer(number @ (0 | 1))) => to.set(column, number == 1),
        (_, ValueRef::Integer(number)) => to.set(column, number),
        (_, ValueRef::Real(number)) => to.set(column, number),
        (_, ValueRef::Blob(bytes)) => to.set(column, bytes),
        (kind, ValueRef::Text(bytes)) => {
            let written = str::from_utf8(bytes).map_err(|_| lost("the text is not UTF-8"))?;
            match kind {
                // As it stands: a text that is no JSON is compared as such.
                ColumnType::Json => to.set(column, Value::Json(written.into())),
                ColumnType::Date => {
                    let day = text::read_date(written).map(Value::Date);
                    to.set(column, day.unwrap_or(Value::Str(written)))
                }
                ColumnType::Timestamp => {
                    let moment = text::read_timestamp(written).map(Value::Timestamp);
                    to.set(column, moment.unwrap_or(Value::Str(written)))
                }
                ColumnType::TimestampTz => {
                    let moment = text::read_timestamp(written).map(Value::TimestampTz);
                    to.set(column, moment.unwrap_or(Value::Str(written)))
                }
                _ => to.set(column, written),
            }
        }
    }
}

fn other_cursor() -> Failure {
    Failure::stop("malformed-cursor", "a cursor is none of this connector's")
}
