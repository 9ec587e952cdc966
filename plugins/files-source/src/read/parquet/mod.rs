//! Parquet files: never changed once written, so offsets are rows.

mod leaves;
mod one_file;
mod open;
mod types;
mod values;

use cartridge_warp_sdk::arrow_array::RecordBatch;
use cartridge_warp_sdk::arrow_schema::DataType;
use cartridge_warp_sdk::{ColumnType, Failure, Operation, Value, log};

use super::row::{Fault, RowReader, Verdict};
use super::table_reader::{Budget, Stop, TableReader};
use crate::catalog::FileEntry;
use crate::format::Token;
use crate::shape::{Guess, TS_FIELD, names};
use open::{Opened, damaged};

/// The columns of a file with the types that it declares; none while it is being written.
pub fn columns(entry: &FileEntry) -> Result<Vec<(String, Guess)>, Failure> {
    let Some(opened) = Opened::open(entry)? else {
        // Nobody may ever finish it, and then only this line says why its rows are not there.
        log::warn(
            "a Parquet file has no end yet; it is read when it has",
            &[("file", &entry.shown)],
        );
        return Ok(Vec::new());
    };
    Ok(typed_columns(&opened))
}

/// The file's columns as the table calls them, with their types.
fn typed_columns(opened: &Opened) -> Vec<(String, Guess)> {
    let fields = opened.schema.fields();
    let names = names::of_list(fields.iter().map(|field| field.name().as_str()));
    let types = fields.iter().zip(&opened.logical_types);
    let types = types.map(|(field, logical)| match field.data_type() {
        // Whoever wrote the file saw no value either.
        DataType::Null => Guess::Unknown,
        data_type => Guess::Exact(types::column_type(data_type, logical.as_ref())),
    });
    let named = |(name, guess): (String, Guess)| {
        let time = [ColumnType::Timestamp, ColumnType::TimestampTz].map(Guess::Exact);
        let is_time = time.contains(&guess);
        let name = if name == TS_FIELD && !is_time { names::TS_COLUMN.to_owned() } else { name };
        (name, guess)
    };
    names.into_iter().zip(types).map(named).collect()
}

/// The rows at which row groups begin, and their end; none while the file is being written.
pub fn row_groups(entry: &FileEntry) -> Result<Option<Vec<u64>>, Failure> {
    Ok(Opened::open(entry)?.map(|opened| opened.row_groups()))
}

/// Reads rows from `offset` to `end`.
pub fn read(
    reader: &mut TableReader<'_>,
    entry: &FileEntry,
    offset: u64,
    end: u64,
    budget: &mut Budget,
) -> Result<(u64, Stop), Failure> {
    let Some(opened) = Opened::open(entry)? else { return Ok((offset, Stop::Drained)) };
    let shape = reader.shape();
    let unknown = |(name, guess): &(String, Guess)| match shape.find(name, 0) {
        None => !names::is_operation(name),
        Some(column) => shape.is_unseen(column) && *guess != Guess::Unknown,
    };
    let columns = typed_columns(&opened);
    let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    let columns: Vec<_> = columns.into_iter().filter(unknown).collect();
    if !columns.is_empty() {
        return Ok((offset, Stop::NewColumns(columns)));
    }
    let end = end.min(opened.row_count());
    let mut row = offset;
    let failed = |error: &dyn std::fmt::Display| damaged(entry, &error.to_string());
    for batch in opened.batches(offset, end, budget.rows()).map_err(|error| failed(&error))? {
        let batch = batch.map_err(|error| failed(&error))?;
        for at in 0..batch.num_rows() {
            let size = 8 * batch.num_columns() as u64;
            if !budget.allows(size) {
                return Ok((row, Stop::Limit));
            }
            read_row(reader, &Row { entry, names: &names, batch: &batch, at, number: row }, budget);
            row += 1;
        }
    }
    Ok((row, if row < end { Stop::Limit } else { Stop::Drained }))
}

/// One row of a file.
struct Row<'r> {
    entry: &'r FileEntry,
    names: &'r [String],
    batch: &'r RecordBatch,
    /// Its place in the batch.
    at: usize,
    /// Its place in the file.
    number: u64,
}

fn read_row(reader: &mut TableReader<'_>, source: &Row<'_>, budget: &mut Budget) {
    let (shape, snapshot) = (reader.shape(), reader.is_snapshot());
    let before = reader.writer.bytes();
    let mut row = RowReader::new(reader.writer.row(Operation::Insert), shape, snapshot);
    let columns = source.batch.columns().iter().zip(source.names).enumerate();
    for (column, (array, name)) in columns {
        match (values::value(array, source.at), shape.find(name, column)) {
            (Err(reason), _) => row.fail(Fault::conversion(format!("column {name}: {reason}"))),
            (Ok(value), Some(index)) => row.set(index, value),
            (Ok(Value::Null), None) => {}
            (Ok(value), None) => row.field(name, &Token::Plain(value.to_string().into())),
        }
    }
    let (fault, operation) = match row.finish() {
        Verdict::Committed => return budget.take(reader.writer.bytes() - before),
        Verdict::Rejected(fault, operation) => (fault, operation),
        // Columns were compared before the first row, so it is a time that is none.
        Verdict::NewColumns(_) => (Fault::conversion("_ts is no time of a commit"), None),
    };
    let payload = values::json::row(source.batch, source.at);
    budget.take(payload.len() as u64);
    let origin = format!("{}:row {}", source.entry.shown, source.number + 1);
    reader.reject(fault, operation, &payload, origin);
}
