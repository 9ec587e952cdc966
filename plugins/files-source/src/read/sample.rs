//! Looks at the first rows of a table's files to learn its columns.

use std::fs::File;

use cartridge_warp_sdk::Failure;

use super::parquet;
use super::record::{RecordFormat, header_of};
use crate::catalog::{FileEntry, Format};
use crate::fault;
use crate::format::records::{Records, Splitter};
use crate::options::Options;
use crate::shape::{COLUMNS_MAX, Guess, Shape};

/// Infers a table's shape. Rows that cannot be read are passed over here; reading rejects them.
pub fn sample(table: &str, files: &[FileEntry], options: &Options) -> Result<Shape, Failure> {
    let mut shape = Shape::declared(table, options)?;
    let mut seen = Seen::default();
    let mut rows = options.sample_rows;
    for entry in files {
        let failed = |error| fault::io(&entry.shown, &error);
        if entry.format == Format::Parquet {
            for (name, guess) in parquet::columns(entry)? {
                seen.add(&name, guess);
            }
        } else if rows > 0 {
            let mut file = File::open(&entry.path).map_err(failed)?;
            sample_records(&mut file, entry, options, &mut rows, &mut seen).map_err(failed)?;
        }
    }
    shape.learn(&seen.columns);
    shape.record_bytes = seen.bytes.checked_div(seen.records);
    Ok(shape)
}

#[derive(Default)]
struct Seen {
    columns: Vec<(String, Guess)>,
    index: std::collections::HashMap<String, usize>,
    records: u64,
    bytes: u64,
}

impl Seen {
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
    let (format, splitter, start) = match entry.format {
        Format::Csv => {
            let Some(found) = header_of(file, &options.csv, delimiter)? else { return Ok(()) };
            header = found;
            header.names.iter().for_each(|name| seen.add(name, Guess::Unknown));
            let null = options.csv.null.as_str();
            let format = RecordFormat::Csv { header: &header, delimiter, null };
            (format, Splitter::Csv { delimiter }, header.end)
        }
        _ => (RecordFormat::Ndjson, Splitter::Lines, 0),
    };
    let mut records = Records::open(file, splitter, start, entry.size)?;
    while *rows > 0 {
        let Some(record) = records.next()? else { break };
        let Ok(text) = std::str::from_utf8(record.bytes) else { continue };
        if record.oversized || RecordFormat::is_blank(&record) {
            continue;
        }
        *rows -= 1;
        seen.records += 1;
        seen.bytes += record.bytes.len() as u64 + 1;
        // A malformed row teaches what stands before its fault, which does no harm.
        let _ = format.fields(text, |name, token| seen.add(name, Guess::of(&token)));
    }
    Ok(())
}
