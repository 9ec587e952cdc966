//! Parquet files: never changed once written, so offsets are rows.

mod types;
mod values;

use std::fs::File;

use cartridge_warp_sdk::arrow_array::RecordBatch;
use cartridge_warp_sdk::{Failure, Operation, log};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::file::{Budget, Stop, TableReader};
use super::row::{Fault, RowReader, Verdict};
use crate::catalog::FileEntry;
use crate::fault;
use crate::format::Token;
use crate::shape::{Guess, OP_FIELD, TS_FIELD};

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 1024;
/// What a complete file ends with.
const MAGIC: &[u8] = b"PAR1";

type Builder = ParquetRecordBatchReaderBuilder<File>;

/// Opens a file; none while it is still being written.
fn open(entry: &FileEntry) -> Result<Option<Builder>, Failure> {
    use std::io::{Read, Seek, SeekFrom};
    let complete = |file: &mut File| {
        if entry.size < 12 {
            return Ok(false);
        }
        let mut tail = [0; 4];
        file.seek(SeekFrom::End(-4))?;
        file.read_exact(&mut tail)?;
        Ok(tail == MAGIC)
    };
    let failed = |error: std::io::Error| fault::io(&entry.shown, &error);
    let mut file = File::open(&entry.path).map_err(failed)?;
    if !complete(&mut file).map_err(failed)? {
        return Ok(None);
    }
    Builder::try_new(file).map(Some).map_err(|error| damaged(entry, &error.to_string()))
}

fn damaged(entry: &FileEntry, detail: &str) -> Failure {
    // The words of the `parquet` crate for a codec that it was built without.
    if detail.contains("Disabled feature") {
        return Failure::config(
            "unsupported-codec",
            format!(
                "{} uses a codec that this connector does not have; write it with snappy, gzip, \
                 lz4 or zstd",
                entry.shown
            ),
        )
        .detail(detail);
    }
    Failure::stop(
        "malformed-file",
        format!("{} is no readable Parquet file; repair it or move it away", entry.shown),
    )
    .detail(detail)
}

/// The columns of a file with the types that it declares; none while it is being written.
pub fn columns(entry: &FileEntry) -> Result<Vec<(String, Guess)>, Failure> {
    let Some(builder) = open(entry)? else {
        // Nobody may ever finish it, and then only this line says why its rows are not there.
        log::warn(
            "a Parquet file has no end yet; it is read when it has",
            &[("file", &entry.shown)],
        );
        return Ok(Vec::new());
    };
    let fields = builder.schema().fields().iter();
    let guess = |data_type| Guess::Exact(types::column_type(data_type));
    Ok(fields.map(|field| (field.name().clone(), guess(field.data_type()))).collect())
}

/// The rows at which row groups begin, and their end; none while the file is being written.
pub fn row_groups(entry: &FileEntry) -> Result<Option<Vec<u64>>, Failure> {
    let Some(builder) = open(entry)? else { return Ok(None) };
    let mut starts = vec![0];
    let mut end = 0_u64;
    for group in builder.metadata().row_groups() {
        let rows = u64::try_from(group.num_rows());
        end += rows.map_err(|_| damaged(entry, "a row group has a negative length"))?;
        starts.push(end);
    }
    Ok(Some(starts))
}

/// Reads rows from `offset` to `end`.
pub fn read(
    reader: &mut TableReader<'_>,
    entry: &FileEntry,
    offset: u64,
    end: u64,
    budget: &mut Budget,
) -> Result<(u64, Stop), Failure> {
    let Some(builder) = open(entry)? else { return Ok((offset, Stop::Drained)) };
    let unknown = |(name, _): &(String, Guess)| {
        !matches!(name.as_str(), OP_FIELD | TS_FIELD) && reader.shape().find(name, 0).is_none()
    };
    let columns: Vec<_> = columns(entry)?.into_iter().filter(unknown).collect();
    if !columns.is_empty() {
        return Ok((offset, Stop::NewColumns(columns)));
    }
    let total = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let end = end.min(total);
    let mut row = offset;
    for batch in batches(builder, entry, offset, end, budget)? {
        let batch = batch.map_err(|error| damaged(entry, &error.to_string()))?;
        for at in 0..batch.num_rows() {
            let size = 8 * batch.num_columns() as u64;
            if !budget.allows(size) {
                return Ok((row, Stop::Limit));
            }
            read_row(reader, entry, &batch, at, row, budget);
            row += 1;
        }
    }
    Ok((row, if row < end { Stop::Limit } else { Stop::Drained }))
}

/// Skips whole row groups before `offset`, then rows; decodes no more than the budget allows.
fn batches(
    builder: Builder,
    entry: &FileEntry,
    offset: u64,
    end: u64,
    budget: &Budget,
) -> Result<ParquetRecordBatchReader, Failure> {
    let (mut groups, mut start, mut group_start) = (Vec::new(), 0_u64, None);
    for (at, group) in builder.metadata().row_groups().iter().enumerate() {
        let group_end = start + u64::try_from(group.num_rows()).unwrap_or(0);
        if group_end > offset && start < end {
            groups.push(at);
            group_start.get_or_insert(start);
        }
        start = group_end;
    }
    let skip = usize::try_from(offset - group_start.unwrap_or(offset)).unwrap_or(usize::MAX);
    let left = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
    builder
        .with_row_groups(groups)
        .with_offset(skip)
        .with_limit(left.min(budget.rows().max(1)))
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(|error| damaged(entry, &error.to_string()))
}

fn read_row(
    reader: &mut TableReader<'_>,
    entry: &FileEntry,
    batch: &RecordBatch,
    at: usize,
    number: u64,
    budget: &mut Budget,
) {
    let (shape, snapshot) = (reader.shape(), reader.is_snapshot());
    let before = reader.writer.bytes();
    let mut row = RowReader::new(reader.writer.row(Operation::Insert), shape, snapshot);
    for (column, field) in batch.schema_ref().fields().iter().enumerate() {
        let name = field.name().as_str();
        match (values::value(batch.column(column), at), shape.find(name, column)) {
            (Err(reason), _) => row.fail(Fault::conversion(format!("column {name}: {reason}"))),
            (Ok(value), Some(index)) => row.set(index, value),
            (Ok(cartridge_warp_sdk::Value::Null), None) => {}
            (Ok(value), None) => row.field(name, &Token::Plain(value.to_string().into())),
        }
    }
    match row.finish() {
        Verdict::Committed => budget.take(reader.writer.bytes() - before),
        Verdict::Rejected(fault, operation) => {
            let payload = payload(batch, at);
            budget.take(payload.len() as u64);
            reader.reject(
                fault,
                operation,
                &payload,
                format!("{}:row {}", entry.shown, number + 1),
            );
        }
        // Columns were compared before the first row.
        Verdict::NewColumns(_) => {}
    }
}

/// The row as JSON.
fn payload(batch: &RecordBatch, at: usize) -> String {
    let fields = batch.schema_ref().fields().iter().enumerate();
    let field = |(column, field): (usize, &std::sync::Arc<_>)| {
        let field: &cartridge_warp_sdk::arrow_schema::Field = field;
        (field.name().clone(), values::json(batch.column(column), at))
    };
    serde_json::Value::Object(fields.map(field).collect()).to_string()
}
