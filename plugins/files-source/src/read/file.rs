//! Reads a stretch of a file into a table's batch, within limits.

use std::fs::File;

use cartridge_warp_sdk::{Failure, Operation};

use super::header::Header;
use super::parquet;
use super::record::RecordFormat;
use super::row::{Fault, RowReader, Verdict};
use super::sample::first_values;
use super::table_reader::{Budget, Stop, TableReader};
use crate::catalog::{FileEntry, Format};
use crate::fault;
use crate::format::records::{Record, Records, Splitter};

impl TableReader<'_> {
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
        let csv = &self.options.csv;
        let delimiter = csv.delimiter_byte()?;
        let Some(header) = Header::read(&mut file, csv, delimiter).map_err(failed)? else {
            return Ok((offset, Stop::Drained));
        };
        let format = RecordFormat::Csv { header: &header, delimiter, null: csv.null.as_str() };
        let records = Records::open(&mut file, format.splitter(), offset.max(header.end), end);
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
            if format.is_blank(&record) {
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
                Verdict::NewColumns(mut columns) => {
                    let start = record.start;
                    first_values(entry, format, start, self.options.sample_rows, &mut columns)
                        .map_err(|error| fault::io(&entry.shown, &error))?;
                    return Ok((start, Stop::NewColumns(columns)));
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
}
