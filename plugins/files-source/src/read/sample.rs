//! Looks at the first rows of a table's files, or at the first ones with a value, to learn its columns.

use std::fs::File;

use cartridge_warp_sdk::Failure;

use super::header::Header;
use super::parquet;
use super::record::RecordFormat;
use super::unfinished::why_unfinished;
use crate::catalog::{FileEntry, Format};
use crate::fault;
use crate::format::Token;
use crate::format::records::Records;
use crate::options::Options;
use crate::shape::{COLUMNS_MAX, Guess, Shape};

/// Of the rows from a column's first value on, so much is looked at.
const LOOK_BYTES: u64 = 8 << 20;

/// Infers a table's shape. Rows that cannot be read teach nothing here; reading rejects them.
///
/// A column that is named exists, also if no row has a value of it; then it is unseen. Only where there are
/// no rows yet, they are waited for.
pub fn sample(table: &str, files: &[FileEntry], options: &Options) -> Result<Shape, Failure> {
    let mut shape = Shape::declared(table, options);
    let mut seen = Seen::default();
    let mut rows = options.sample_rows;
    for entry in files {
        let failed = |error| fault::io(&entry.shown, &error);
        if entry.format == Format::Parquet {
            for (name, guess) in parquet::columns(entry)? {
                seen.add(&name, guess);
                seen.typed = true;
            }
        } else if rows > 0 {
            let mut file = File::open(&entry.path).map_err(failed)?;
            sample_records(&mut file, entry, options, &mut rows, &mut seen).map_err(failed)?;
        }
    }
    if seen.records == 0 && !seen.typed {
        seen.columns.retain(|(_, guess)| *guess != Guess::Unknown);
    }
    shape.learn(&seen.columns);
    shape.unreadable = seen.fault;
    shape.record_bytes = seen.bytes.checked_div(seen.records);
    Ok(shape)
}

#[derive(Default)]
struct Seen {
    columns: Vec<(String, Guess)>,
    /// A file says of itself which columns it has.
    typed: bool,
    index: std::collections::HashMap<String, usize>,
    records: u64,
    bytes: u64,
    /// The first row that cannot be read, and why.
    fault: Option<String>,
}

impl Seen {
    /// Notes why nothing of a file can be read yet, unless there is nothing.
    fn unfinished(&mut self, entry: &FileEntry) -> std::io::Result<()> {
        if entry.size > 0 {
            let why = why_unfinished(entry, 0)?.words();
            self.fault.get_or_insert_with(|| format!("{}: {why}", entry.shown));
        }
        Ok(())
    }

    fn add(&mut self, name: &str, guess: Guess) {
        match self.index.get(name) {
            Some(at) => {
                let slot = &mut self.columns[*at].1;
                *slot = std::mem::take(slot).join(guess);
            }
            None if name.is_empty() || self.columns.len() == COLUMNS_MAX => {}
            None => {
                self.index.insert(name.to_owned(), self.columns.len());
                self.columns.push((name.to_owned(), guess));
            }
        }
    }
}

fn sample_records(
    file: &mut File,
    entry: &FileEntry,
    options: &Options,
    rows: &mut usize,
    seen: &mut Seen,
) -> std::io::Result<()> {
    let delimiter = options.csv.delimiter_byte().unwrap_or(b',');
    let header;
    let (format, start) = match entry.format {
        Format::Csv => {
            let Some(found) = Header::read(file, &options.csv, delimiter)? else {
                return seen.unfinished(entry);
            };
            header = found;
            header.names.iter().for_each(|name| seen.add(name, Guess::Unknown));
            let null = options.csv.null.as_str();
            let format = RecordFormat::Csv { header: &header, delimiter, null };
            (format, header.end)
        }
        _ => (RecordFormat::Ndjson, 0),
    };
    let mut records = Records::open(file, format.splitter(), start, entry.size)?;
    let before = seen.records;
    while *rows > 0 {
        let Some(record) = records.next()? else { break };
        if format.is_blank(&record) {
            continue;
        }
        *rows -= 1;
        seen.records += 1;
        seen.bytes += record.bytes.len() as u64 + 1;
        // A malformed row teaches what stands before its fault, which does no harm.
        let taught = format
            .text(&record)
            .and_then(|text| format.fields(text, |name, token| seen.add(name, Guess::of(&token))));
        if let Err(fault) = taught {
            seen.fault.get_or_insert_with(|| format!("{}: {fault}", entry.shown));
        }
    }
    if seen.records == before && records.offset() == 0 {
        return seen.unfinished(entry);
    }
    Ok(())
}

/// Learns the types of columns of which the record at `start` has the first value: what that one and those in
/// the `rows` from there on have in common.
pub fn first_values(
    entry: &FileEntry,
    format: &RecordFormat<'_>,
    start: u64,
    rows: usize,
    columns: &mut [(String, Guess)],
) -> std::io::Result<()> {
    let mut file = File::open(&entry.path)?;
    let mut records = Records::open(&mut file, format.splitter(), start, entry.size)?;
    for _ in 0..rows {
        let Some(record) = records.next()? else { break };
        if record.end - start > LOOK_BYTES {
            break;
        }
        let take = |name: &str, token: Token<'_>| {
            let found = columns.iter_mut().find(|(column, _)| column == name);
            if let Some((_, guess)) = found {
                *guess = std::mem::take(guess).join(Guess::of(&token));
            }
        };
        // A row that cannot be read is no reason to read none: it becomes a dead letter when it comes.
        let _ = format.text(&record).and_then(|text| format.fields(text, take));
    }
    Ok(())
}
