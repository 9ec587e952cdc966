//! The first record of a CSV file, which names the columns.

use std::fs::File;
use std::io::Result;
use std::sync::Arc;

use crate::format::csv;
use crate::format::records::{Records, Splitter};
use crate::options::CsvOptions;
use crate::shape::names;

/// What UTF-16 files begin with, in either order of bytes.
const UTF16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// The column names of one CSV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// In order.
    pub names: Arc<[String]>,
    /// Where the first row begins.
    pub end: u64,
    /// Why no row of the file can be read.
    pub fault: Option<String>,
}

impl Header {
    /// Reads a file's header; none while it is incomplete. Without a header the first record's
    /// fields are counted.
    pub fn read(file: &mut File, options: &CsvOptions, delimiter: u8) -> Result<Option<Self>> {
        let mut records = Records::open(file, Splitter::Csv { delimiter }, 0, u64::MAX)?;
        let Some(record) = records.next()? else { return Ok(None) };
        let end = if options.header { record.end } else { 0 };
        Ok(Some(match names_in(record.bytes, options, delimiter) {
            Ok(names) => Self { names: names.into(), end, fault: None },
            Err(fault) => Self { names: Arc::new([]), end, fault: Some(fault) },
        }))
    }
}

fn names_in(
    record: &[u8],
    options: &CsvOptions,
    delimiter: u8,
) -> std::result::Result<Vec<String>, String> {
    if UTF16.iter().any(|mark| record.starts_with(mark)) {
        return Err("the file is UTF-16; write it as UTF-8".to_owned());
    }
    // A name that is not UTF-8 is no reason to lose the columns beside it.
    let text = String::from_utf8_lossy(record);
    let fields = csv::fields(&text, delimiter)
        .map_err(|fault| format!("the first line names no columns: {fault}"))?;
    if options.header {
        return Ok(names::of_list(fields.iter().map(|(name, _)| name.trim())));
    }
    Ok((1..=fields.len()).map(|number| format!("column_{number}")).collect())
}
