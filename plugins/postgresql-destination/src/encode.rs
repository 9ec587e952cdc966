//! The rows of a batch as fields of a binary copy, row after row.
//!
//! A row that has no form in the server is found here, without asking it.

use arrow_array::Array;
use cartridge_warp_sdk::sql::Table;
use cartridge_warp_sdk::{Operation, TableRows, WriteMode};
use postgresql_client::types;

use crate::cells::{Cells, Unfit};
use crate::copy::field;
use crate::shape::{Shape, ShapeColumn};

/// Why a row cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsendable {
    pub(crate) row: usize,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// The server may still read what this connector cannot.
    pub(crate) is_unread: bool,
}

/// Encoded rows.
pub(crate) struct Encoded {
    bytes: Vec<u8>,
    /// Where each row ends; a row that was not encoded is empty.
    ends: Vec<usize>,
    /// Rows that were refused, in order.
    pub(crate) unsendable: Vec<Unsendable>,
}

/// Encodes the rows of a batch, one at a time.
pub(crate) struct RowEncoder<'a> {
    rows: &'a TableRows,
    shape: &'a Shape,
    cells: Vec<Column<'a>>,
    append: bool,
    /// The number of the first row, in append mode.
    first: i64,
}

impl<'a> RowEncoder<'a> {
    /// `form` is the type whose binary form the values of a column get. In append mode each row has
    /// its operation, time, unsent columns and number behind its own; `first` is that of the first row.
    pub(crate) fn of(
        rows: &'a TableRows,
        table: &Table,
        shape: &'a Shape,
        first: i64,
        form: impl Fn(&ShapeColumn) -> &str,
    ) -> Self {
        let append = table.write_mode == WriteMode::Append;
        let cells = shape.columns.iter().enumerate().map(|(at, column)| {
            let array = rows.array(at);
            (Cells::of(array, form(column)), array.nulls())
        });
        Self { rows, shape, cells: cells.collect(), append, first }
    }

    /// Writes the fields of a row, or nothing when it cannot be sent. Truncates carry nothing but in
    /// append mode, where they are rows too.
    pub(crate) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Unsendable> {
        if !self.append {
            if self.rows.op(row) == Operation::Truncate {
                return Ok(());
            }
            check_key(self.rows, self.shape, row)?;
        }
        let begin = out.len();
        if let Err(unsendable) = write(self.rows, &self.cells, row, out) {
            out.truncate(begin);
            return Err(unsendable);
        }
        if self.append {
            append_fields(self.rows, row, self.first.saturating_add_unsigned(row as u64), out);
        }
        Ok(())
    }
}

impl Encoded {
    /// Encodes all rows.
    pub(crate) fn of(rows: &TableRows, table: &Table, shape: &Shape, first: i64) -> Self {
        let encoder = RowEncoder::of(rows, table, shape, first, |column| &column.wire.sent_as);
        let mut encoded = Self {
            bytes: Vec::new(),
            ends: Vec::with_capacity(rows.len()),
            unsendable: Vec::new(),
        };
        for row in 0..rows.len() {
            encoded.unsendable.extend(encoder.write(row, &mut encoded.bytes).err());
            encoded.ends.push(encoded.bytes.len());
        }
        encoded
    }

    /// Bytes of all rows together.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The fields of a row; nothing if it was not encoded.
    pub(crate) fn row(&self, row: usize) -> &[u8] {
        let begin = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[begin..self.ends[row]]
    }
}

/// Takes encoded fields apart; each still has its length in front.
pub(crate) fn fields(mut row: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = i32::from_be_bytes(*row.first_chunk::<4>()?);
        let end = 4 + usize::try_from(length).unwrap_or(0);
        let (field, rest) = row.split_at_checked(end)?;
        row = rest;
        Some(field)
    })
}

type Column<'a> = (Cells<'a>, Option<&'a arrow_buffer::NullBuffer>);

fn write(
    rows: &TableRows,
    cells: &[Column<'_>],
    row: usize,
    out: &mut Vec<u8>,
) -> Result<(), Unsendable> {
    for (at, (cells, nulls)) in cells.iter().enumerate() {
        let null = nulls.is_some_and(|nulls| nulls.is_null(row));
        cells.write(row, null, out).map_err(|unfit| {
            let why = match unfit {
                Unfit::Impossible(why) => why,
                Unfit::Unread => "a text that only the server can read",
            };
            let message = format!("column {}: {why}", rows.columns()[at].name);
            let is_unread = unfit == Unfit::Unread;
            Unsendable { row, code: "type-conversion", message, is_unread }
        })?;
    }
    Ok(())
}

/// No row is found again by a key that is NULL or was not sent.
fn check_key(rows: &TableRows, shape: &Shape, row: usize) -> Result<(), Unsendable> {
    let missing = |at: &&usize| rows.array(**at).is_null(row) || rows.is_unchanged(row, **at);
    match shape.key.iter().find(missing) {
        None => Ok(()),
        Some(at) => Err(Unsendable {
            row,
            code: "null-key",
            message: format!("key column {} has no value", rows.columns()[*at].name),
            is_unread: false,
        }),
    }
}

fn append_fields(rows: &TableRows, row: usize, number: i64, out: &mut Vec<u8>) {
    field(out, Some(rows.op(row).as_str().as_bytes()));
    let at = rows.timestamp(row).and_then(types::micros_to_server);
    field(out, at.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
    field(out, unsent(rows, row).as_deref());
    field(out, Some(&number.to_be_bytes()));
}

/// The columns that the source did not send, as a JSON list in the server's form; none if it sent
/// all.
fn unsent(rows: &TableRows, row: usize) -> Option<Vec<u8>> {
    if !rows.may_be_unchanged() {
        return None;
    }
    let columns = rows.columns().iter().enumerate();
    let kept: Vec<serde_json::Value> = columns
        .filter(|(at, _)| rows.is_unchanged(row, *at))
        .map(|(_, column)| column.name.clone().into())
        .collect();
    let text = (!kept.is_empty()).then(|| serde_json::Value::Array(kept).to_string())?;
    // The only version of the binary form of jsonb.
    Some([&[1], text.as_bytes()].concat())
}
