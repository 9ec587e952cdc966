//! Reads a stretch of a file into a table's batch, within limits.

use std::fs::File;

use cartridge_warp_sdk::{DeadLetter, Failure, Limits, Operation, TableWriter};

use super::header::Header;
use super::record::RecordFormat;
use super::row::{Fault, RowReader, Verdict};
use super::{LineNumbers, parquet};
use crate::catalog::{FileEntry, Format};
use crate::fault;
use crate::format::records::{Record, Records, Splitter};
use crate::options::CsvOptions;
use crate::shape::{Guess, Shape};

/// What is left of one call's limits, over all its tables.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    rows: usize,
    bytes: u64,
    taken: usize,
}

impl Budget {
    /// A whole call's. An eighth is kept for what a batch has besides its values.
    pub fn new(limits: Limits) -> Self {
        Self { rows: limits.rows_max, bytes: limits.bytes_max / 8 * 7, taken: 0 }
    }

    /// Whether a row of about this size may still come; the first one always may.
    pub fn allows(&self, bytes: u64) -> bool {
        self.taken == 0 || (self.rows > 0 && bytes <= self.bytes)
    }

    /// Counts a row, whether it was committed or rejected.
    pub fn take(&mut self, bytes: u64) {
        self.rows = self.rows.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.taken += 1;
    }

    /// Rows that may still come.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// Why reading ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// There is nothing more to read for now.
    Drained,
    /// The call's limits are reached.
    Limit,
    /// The next row has columns that the table did not have.
    NewColumns(Vec<(String, Guess)>),
}

/// Reads files of one table into one batch.
pub struct TableReader<'c> {
    /// The batch.
    pub writer: TableWriter,
    /// Rows that could not travel.
    pub rejected: Vec<DeadLetter>,
    shape: &'c Shape,
    csv: &'c CsvOptions,
    lines: &'c mut LineNumbers,
    snapshot: bool,
}

impl<'c> TableReader<'c> {
    /// A reader with an empty batch.
    pub fn new(
        shape: &'c Shape,
        csv: &'c CsvOptions,
        lines: &'c mut LineNumbers,
        snapshot: bool,
    ) -> Self {
        let writer = if snapshot {
            TableWriter::inserts(shape.table())
        } else {
            TableWriter::changes(shape.table())
        };
        Self { writer, rejected: Vec::new(), shape, csv, lines, snapshot }
    }

    /// Reads from `offset` to `end`; answers where the next row begins and why it ended there.
    pub fn read(
        &mut self,
        entry: &FileEntry,
        offset: u64,
        end: u64,
        budget: &mut Budget,
    ) -> Result<(u64, Stop), Failure> {
        let failed = |error| fault::io(&entry.shown, &error);
        if entry.format == Format::Parquet {
            return parquet::read(self, entry, offset, end, budget);
        }
        let mut file = File::open(&entry.path).map_err(failed)?;
        let Format::Csv = entry.format else {
            let records = Records::open(&mut file, Splitter::Lines, offset, end);
            let records = records.map_err(failed)?;
            return self.read_records(entry, records, &RecordFormat::Ndjson, budget);
        };
        let delimiter = self.csv.delimiter_byte()?;
        let Some(header) = Header::read(&mut file, self.csv, delimiter).map_err(failed)? else {
            return Ok((offset, Stop::Drained));
        };
        let format = RecordFormat::Csv { header: &header, delimiter, null: self.csv.null.as_str() };
        let splitter = Splitter::Csv { delimiter };
        let records = Records::open(&mut file, splitter, offset.max(header.end), end);
        self.read_records(entry, records.map_err(failed)?, &format, budget)
    }

    fn read_records(
        &mut self,
        entry: &FileEntry,
        mut records: Records<'_>,
        format: &RecordFormat<'_>,
        budget: &mut Budget,
    ) -> Result<(u64, Stop), Failure> {
        // Eight bytes for each column that the record may leave out.
        let least = 8 * self.shape.table().columns.len() as u64;
        while let Some(record) = records.next().map_err(|error| fault::io(&entry.shown, &error))? {
            if RecordFormat::is_blank(&record) {
                continue;
            }
            let size = (record.bytes.len() as u64).max(least);
            if !budget.allows(size) {
                return Ok((record.start, Stop::Limit));
            }
            let before = self.writer.bytes();
            let row = self.writer.row(Operation::Insert);
            let mut row = RowReader::new(row, self.shape, self.snapshot);
            format.read(&record, &mut row);
            match row.finish() {
                Verdict::Committed => budget.take(self.writer.bytes() - before),
                Verdict::NewColumns(columns) => {
                    return Ok((record.start, Stop::NewColumns(columns)));
                }
                Verdict::Rejected(fault, operation) => {
                    budget.take(size);
                    self.reject_record(entry, &record, fault, operation);
                }
            }
        }
        Ok((records.offset(), Stop::Drained))
    }

    fn reject_record(
        &mut self,
        entry: &FileEntry,
        record: &Record<'_>,
        fault: Fault,
        operation: Option<Operation>,
    ) {
        let origin = self.lines.origin(entry, record.start);
        self.reject(fault, operation, &String::from_utf8_lossy(record.bytes), origin);
    }

    /// Makes a row that cannot travel a dead letter.
    pub fn reject(
        &mut self,
        fault: Fault,
        operation: Option<Operation>,
        payload: &str,
        origin: String,
    ) {
        let table = self.shape.table().name.as_str();
        let letter = DeadLetter::new(table, fault.code, fault.message, payload, origin);
        let letter = match operation {
            Some(operation) => letter.operation(operation),
            None => letter,
        };
        self.rejected.push(letter);
    }

    /// The table's shape.
    pub fn shape(&self) -> &'c Shape {
        self.shape
    }

    /// Whether rows are read for a snapshot.
    pub fn is_snapshot(&self) -> bool {
        self.snapshot
    }
}
