//! The connector's options, as the operator writes them.

use std::collections::BTreeMap;

use cartridge_warp_sdk::{ColumnType, Failure};
use schemars::JsonSchema;
use serde::Deserialize;

/// Options of the `files` source.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Key columns by table. A table not listed has `id` or else `_id` for its key if it has such a
    /// column, else none.
    pub keys: BTreeMap<String, Vec<String>>,
    /// Column types by table and column, instead of what the sample suggests: `string`, `integer`,
    /// `bigint`, `float`, `double`, `decimal(p,s)`, `boolean`, `date`, `time`, `timestamp`,
    /// `timestamptz`, `uuid`, `json`, `binary` or `array(type)`.
    pub columns: BTreeMap<String, BTreeMap<String, ColumnType>>,
    /// Rows that are looked at to infer types; more make a better guess and a slower start.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub sample_rows: usize,
    /// Whether files are complete when they appear, so that one that was read may be deleted or
    /// replaced while nobody looks. Else rows may have been added to it last, and its being gone is a
    /// dead letter.
    pub complete_files: bool,
    /// How CSV files are written.
    pub csv: CsvOptions,
}

/// How CSV files are written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CsvOptions {
    /// Between two fields: one ASCII character.
    #[schemars(length(min = 1, max = 1))]
    pub delimiter: String,
    /// Whether the first record names the columns; else they are `column_1`, `column_2`, …
    pub header: bool,
    /// An unquoted field with this text is null; a quoted one never is.
    pub null: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            keys: BTreeMap::new(),
            columns: BTreeMap::new(),
            sample_rows: 1000,
            complete_files: false,
            csv: CsvOptions::default(),
        }
    }
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self { delimiter: ",".to_owned(), header: true, null: String::new() }
    }
}

impl CsvOptions {
    /// The delimiter as a byte.
    pub fn delimiter_byte(&self) -> Result<u8, Failure> {
        match self.delimiter.as_bytes() {
            [byte] if byte.is_ascii() && !b"\"\r\n".contains(byte) => Ok(*byte),
            _ => Err(Failure::config(
                "invalid-options",
                "`options.csv.delimiter` must be one ASCII character, not a quote or line end",
            )),
        }
    }
}

impl Options {
    /// Refuses what the JSON Schema cannot express, at connect rather than in mid-stream.
    pub fn check(&self) -> Result<(), Failure> {
        self.csv.delimiter_byte().map(drop)
    }

    /// The declared columns of a table.
    pub fn declared(&self, table: &str) -> impl Iterator<Item = (&String, &ColumnType)> {
        self.columns.get(table).into_iter().flatten()
    }
}
