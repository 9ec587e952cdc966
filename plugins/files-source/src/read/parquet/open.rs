//! A complete Parquet file, ready to be read.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use cartridge_warp_sdk::Failure;
use cartridge_warp_sdk::arrow_array::{ArrayRef, RecordBatch};
use cartridge_warp_sdk::arrow_schema::{ArrowError, Schema};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::basic::LogicalType;
use parquet::errors::Result as ParquetResult;

use super::leaves;
use super::shared::SharedFile;
use crate::catalog::FileEntry;
use crate::fault;

/// Rows that are decoded at once, at most.
const BATCH_ROWS_MAX: u64 = 1024;
/// Bytes that are decoded at once, about.
const BATCH_BYTES: u64 = 4 << 20;
/// What a complete file ends with.
const MAGIC: &[u8] = b"PAR1";
/// The shortest file that there is.
const BYTES_MIN: u64 = 12;

/// A file with its metadata.
pub struct Opened {
    file: SharedFile,
    first: ArrowReaderMetadata,
    second: Option<ArrowReaderMetadata>,
    /// The columns as batches have them.
    pub schema: Arc<Schema>,
    /// What each column says of itself beyond its Arrow type.
    pub logical_types: Vec<Option<LogicalType>>,
}

impl Opened {
    /// Opens a file; none while it is still being written.
    pub fn open(entry: &FileEntry) -> Result<Option<Self>, Failure> {
        let failed = |error: std::io::Error| fault::io(&entry.shown, &error);
        let mut file = File::open(&entry.path).map_err(failed)?;
        if !is_complete(&mut file, entry.size).map_err(failed)? {
            return Ok(None);
        }
        let opened = Self::read_metadata(SharedFile::new(file, entry.size));
        opened.map(Some).map_err(|error| damaged(entry, &error.to_string()))
    }

    fn read_metadata(file: SharedFile) -> ParquetResult<Self> {
        let plain = ArrowReaderMetadata::load(&file, ArrowReaderOptions::default())?;
        let metadata = plain.metadata();
        let columns = metadata.file_metadata().schema_descr();
        let readings = leaves::readings(plain.schema(), columns);
        let as_schema = |schema: Schema| {
            let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
            ArrowReaderMetadata::try_new(Arc::clone(metadata), options)
        };
        let fields = columns.root_schema().get_fields().iter();
        let logical_types =
            fields.map(|field| field.get_basic_info().logical_type_ref().cloned()).collect();
        Ok(Self {
            first: as_schema(readings.first)?,
            second: readings.second.map(as_schema).transpose()?,
            schema: Arc::new(readings.whole),
            logical_types,
            file,
        })
    }

    /// Rows of the whole file.
    pub fn row_count(&self) -> u64 {
        u64::try_from(self.first.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// The rows at which row groups begin, and their end.
    pub fn row_groups(&self) -> Vec<u64> {
        let mut starts = vec![0];
        let mut end = 0_u64;
        for group in self.first.metadata().row_groups() {
            end = end.saturating_add(u64::try_from(group.num_rows()).unwrap_or(0));
            starts.push(end);
        }
        starts
    }

    /// Reads rows from `offset` to `end`, `rows_max` at most.
    pub fn batches(&self, offset: u64, end: u64, rows_max: usize) -> ParquetResult<Batches> {
        let reader = |metadata: &ArrowReaderMetadata| {
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(
                self.file.clone(),
                metadata.clone(),
            );
            self.limited(builder, offset, end, rows_max).build()
        };
        Ok(Batches {
            first: reader(&self.first)?,
            second: self.second.as_ref().map(reader).transpose()?,
            schema: Arc::clone(&self.schema),
        })
    }

    /// Skips whole row groups before `offset`, then rows.
    fn limited(
        &self,
        builder: ParquetRecordBatchReaderBuilder<SharedFile>,
        offset: u64,
        end: u64,
        rows_max: usize,
    ) -> ParquetRecordBatchReaderBuilder<SharedFile> {
        let (mut groups, mut first, mut bytes) = (Vec::new(), None, 0_u64);
        let starts = self.row_groups();
        for (at, bounds) in starts.windows(2).enumerate() {
            if bounds[1] > offset && bounds[0] < end {
                groups.push(at);
                first.get_or_insert(bounds[0]);
                let size = self.first.metadata().row_group(at).total_byte_size();
                let rows = (bounds[1] - bounds[0]).max(1);
                bytes = bytes.max(u64::try_from(size).unwrap_or(0) / rows);
            }
        }
        let skip = usize::try_from(offset - first.unwrap_or(offset)).unwrap_or(usize::MAX);
        let left = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let rows = (BATCH_BYTES / bytes.max(1)).clamp(1, BATCH_ROWS_MAX);
        builder
            .with_row_groups(groups)
            .with_offset(skip)
            .with_limit(left.min(rows_max.max(1)))
            .with_batch_size(usize::try_from(rows).unwrap_or(1))
    }
}

fn is_complete(file: &mut File, size: u64) -> std::io::Result<bool> {
    if size < BYTES_MIN {
        return Ok(false);
    }
    let mut tail = [0; MAGIC.len()];
    file.seek(SeekFrom::Start(size - MAGIC.len() as u64))?;
    file.read_exact(&mut tail)?;
    Ok(tail == MAGIC)
}

/// Batches of a file, read twice where one reading does not say all.
pub struct Batches {
    first: ParquetRecordBatchReader,
    second: Option<ParquetRecordBatchReader>,
    schema: Arc<Schema>,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.first.next()?;
        let second =
            self.second.as_mut().map_or_else(|| Ok(None), |second| second.next().transpose());
        Some(first.and_then(|first| whole(&self.schema, &first, second?.as_ref())))
    }
}

fn whole(
    schema: &Arc<Schema>,
    first: &RecordBatch,
    second: Option<&RecordBatch>,
) -> Result<RecordBatch, ArrowError> {
    let second = second.unwrap_or(first);
    if second.num_rows() != first.num_rows() {
        return Err(ArrowError::ParquetError("two readings have unlike rows".to_owned()));
    }
    let columns = first.columns().iter().zip(second.columns()).zip(schema.fields());
    let columns = columns
        .map(|((first, second), field)| leaves::whole(first, second, field.data_type()))
        .collect::<Result<Vec<ArrayRef>, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}

/// A failure for a file that is complete and cannot be read.
pub fn damaged(entry: &FileEntry, detail: &str) -> Failure {
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
