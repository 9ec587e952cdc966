//! Records of text formats to rows.

use crate::format::records::{RECORD_BYTES_MAX, Record, Splitter};
use crate::format::{Token, csv, json};
use crate::shape::{TS_FIELD, names};

use super::header::Header;
use super::row::{Fault, RowReader};

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
    /// What tells where a record ends.
    pub fn splitter(&self) -> Splitter {
        match self {
            Self::Ndjson => Splitter::Lines,
            Self::Csv { delimiter, .. } => Splitter::Csv { delimiter: *delimiter },
        }
    }

    /// Whether a record is nothing but an empty line. Where a CSV file has one column, an empty line is how a
    /// row without a value is written.
    pub fn is_blank(&self, record: &Record<'_>) -> bool {
        let is_row = matches!(self, Self::Csv { header, .. } if header.names.len() == 1);
        !is_row && !record.oversized && record.bytes.trim_ascii().is_empty()
    }

    /// Reads the fields of a record into a row.
    pub fn read(&self, record: &Record<'_>, row: &mut RowReader<'_, '_>) {
        let read = self
            .text(record)
            .and_then(|text| self.fields(text, |name, token| row.field(name, &token)));
        if let Err(message) = read {
            row.fail(Fault::malformed(message));
        }
    }

    /// A record's text.
    ///
    /// # Errors
    /// Why it has none that could be read.
    pub fn text<'r>(&self, record: &Record<'r>) -> Result<&'r str, String> {
        if record.oversized {
            return Err(format!("the record has no end within {} MiB", RECORD_BYTES_MAX >> 20));
        }
        if let Self::Csv { header: Header { fault: Some(fault), .. }, .. } = self {
            return Err(fault.clone());
        }
        std::str::from_utf8(record.bytes).map_err(|_| "the record is not UTF-8".to_owned())
    }

    /// Calls `field` for each field of a record, called as the table calls it.
    pub fn fields(&self, text: &str, mut field: impl FnMut(&str, Token<'_>)) -> Result<(), String> {
        match self {
            Self::Ndjson => json::fields(text, |name, token| {
                field(&names::of_field(&name, &token), token);
            }),
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
                    let token = match quoted {
                        true => Token::Quoted(text),
                        false if text == *null => Token::Null,
                        false => Token::Plain(text),
                    };
                    match name.as_str() {
                        TS_FIELD => field(&names::of_field(name, &token), token),
                        name => field(name, token),
                    }
                }
                Ok(())
            }
        }
    }
}
