//! Records of text formats to rows.

use std::fs::File;
use std::io::Result;
use std::sync::Arc;

use crate::format::records::{RECORD_BYTES_MAX, Record, Records, Splitter};
use crate::format::{Token, csv, json};
use crate::options::CsvOptions;

use super::row::{Fault, RowReader};

/// The column names of one CSV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// In order.
    pub names: Arc<[String]>,
    /// Where the first row begins.
    pub end: u64,
}

/// Reads a CSV file's header; none while it is incomplete. Without a header the first record's
/// fields are counted.
pub fn header_of(file: &mut File, options: &CsvOptions, delimiter: u8) -> Result<Option<Header>> {
    let mut records = Records::open(file, Splitter::Csv { delimiter }, 0, u64::MAX)?;
    let Some(record) = records.next()? else { return Ok(None) };
    let text = String::from_utf8_lossy(record.bytes);
    let fields = csv::fields(&text, delimiter).unwrap_or_default();
    let names = if options.header {
        fields.into_iter().map(|(name, _)| name.trim().to_owned()).collect()
    } else {
        (1..=fields.len()).map(|number| format!("column_{number}")).collect()
    };
    Ok(Some(Header { names, end: if options.header { record.end } else { 0 } }))
}

/// How records of one file become fields.
pub enum RecordFormat<'f> {
    /// One JSON object each.
    Ndjson,
    /// Fields in the header's order.
    Csv {
        /// The file's own header.
        header: &'f Header,
        /// Between fields.
        delimiter: u8,
        /// Unquoted text that is null.
        null: &'f str,
    },
}

impl RecordFormat<'_> {
    /// Whether a record is nothing but an empty line.
    pub fn is_blank(record: &Record<'_>) -> bool {
        !record.oversized && record.bytes.trim_ascii().is_empty()
    }

    /// Reads the fields of a record into a row.
    pub fn read(&self, record: &Record<'_>, row: &mut RowReader<'_, '_>) {
        if record.oversized {
            return row.fail(Fault::malformed(format!(
                "the record has no end within {} MiB",
                RECORD_BYTES_MAX >> 20
            )));
        }
        let Ok(text) = std::str::from_utf8(record.bytes) else {
            return row.fail(Fault::malformed("the record is not UTF-8"));
        };
        if let Err(message) = self.fields(text, |name, token| row.field(name, &token)) {
            row.fail(Fault::malformed(message));
        }
    }

    /// Calls `field` for each field of a record.
    pub fn fields(
        &self,
        text: &str,
        mut field: impl FnMut(&str, Token<'_>),
    ) -> std::result::Result<(), String> {
        match self {
            Self::Ndjson => json::fields(text, |name, token| field(&name, token)),
            Self::Csv { header, delimiter, null } => {
                let fields = csv::fields(text, *delimiter)?;
                if fields.len() != header.names.len() {
                    return Err(format!(
                        "the record has {} fields and the header {}",
                        fields.len(),
                        header.names.len()
                    ));
                }
                for (name, (text, quoted)) in header.names.iter().zip(fields) {
                    let null = !quoted && text == *null;
                    field(name, if null { Token::Null } else { Token::Plain(text) });
                }
                Ok(())
            }
        }
    }
}
