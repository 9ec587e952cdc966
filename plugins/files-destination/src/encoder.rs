//! Rows of one table and commit in the configured format.

use std::ops::Range;

use arrow_array::RecordBatch;
use cartridge_warp_sdk::naming::fnv1a;
use cartridge_warp_sdk::{Failure, TableRows};
use parquet::schema::printer::print_schema;

use crate::options::{Compression, Format, Options};
use crate::{columnar, logical_types, ndjson};

/// Files of rows that take more memory than this are not read again to be merged: they are large
/// enough, and a component has little.
const MERGED_BATCH_BYTES_MAX: usize = 32 << 20;

/// Rows that are about to be files.
pub(crate) enum Encoder<'r> {
    Ndjson { rows: &'r TableRows, key: &'r [String], first: i64 },
    Parquet { batch: RecordBatch, compression: Compression },
}

impl<'r> Encoder<'r> {
    /// Rows of which the very first has the number `first`, of a table with this key.
    pub(crate) fn new(
        options: &Options,
        rows: &'r TableRows,
        first: i64,
        key: &'r [String],
    ) -> Result<Self, Failure> {
        Ok(match options.format {
            Format::Ndjson => Self::Ndjson { rows, key, first },
            Format::Parquet => Self::Parquet {
                batch: columnar::batch(rows, first)?,
                compression: options.compression,
            },
        })
    }

    /// The bytes of a file that holds some of the rows.
    pub(crate) fn encode(&self, ranges: &[Range<usize>]) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Ndjson { rows, key, first } => ndjson::encode(rows, ranges, *first, key),
            Self::Parquet { batch, compression } => columnar::encode(batch, ranges, *compression),
        }
    }

    /// What files have in common that can be merged; none where these cannot be.
    pub(crate) fn kind(&self) -> Option<String> {
        match self {
            Self::Ndjson { .. } => Some(Format::Ndjson.word().to_owned()),
            Self::Parquet { batch, .. } => {
                let is_small = columnar::memory_of(batch) <= MERGED_BATCH_BYTES_MAX;
                let schema = logical_types::schema(batch.schema_ref()).ok().filter(|_| is_small)?;
                let mut text = Vec::new();
                print_schema(&mut text, schema.root_schema());
                Some(format!("{:016x}", fnv1a(&text)))
            }
        }
    }
}
