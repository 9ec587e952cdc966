//! Parquet files one after the other into one, some rows at a time.
//!
//! Rows are written anew instead of copying their pages, since a file of many small groups of rows is
//! read no faster than many files. Memory is bounded by the groups: what a commit wrote was in memory
//! as a whole, and a group of a merged file ends by what its rows take there.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use parquet::DecodeResult;
use parquet::arrow::ArrowWriter;
use parquet::arrow::push_decoder::{ParquetPushDecoder, ParquetPushDecoderBuilder};
use parquet::file::metadata::ParquetMetaDataPushDecoder;

use crate::columnar;
use crate::options::Compression;

/// Rows that are read at once.
const ROWS_MAX: usize = 8192;
/// What rows of a group take in memory, before they are encoded.
const GROUP_BYTES_MAX: usize = 32 << 20;

/// A file that is being written.
pub(super) struct Writer {
    schema: Arc<Schema>,
    writer: ArrowWriter<File>,
    group_bytes: usize,
}

impl Writer {
    /// With the columns of the first file to be read.
    pub(super) fn new(file: File, first: &Reader, compression: Compression) -> Result<Self> {
        let schema = Arc::clone(&first.schema);
        let writer = columnar::writer(file, &schema, compression)?;
        Ok(Self { schema, writer, group_bytes: 0 })
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        // What is not of the same type as in the first file is an error here.
        let columns = batch.columns().to_vec();
        let batch =
            RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(Error::other)?;
        self.writer.write(&batch)?;
        self.group_bytes += columnar::memory_of(&batch);
        if self.group_bytes >= GROUP_BYTES_MAX {
            self.writer.flush()?;
            self.group_bytes = 0;
        }
        Ok(())
    }

    /// The file, whole.
    pub(super) fn finish(self) -> Result<File> {
        Ok(self.writer.into_inner()?)
    }
}

/// A file that is being read.
pub(super) struct Reader {
    file: File,
    schema: Arc<Schema>,
    decoder: ParquetPushDecoder,
}

impl Reader {
    pub(super) fn open(mut file: File) -> Result<Self> {
        let mut decoder = ParquetMetaDataPushDecoder::try_new(file.metadata()?.len())?;
        let metadata = loop {
            match decoder.try_decode()? {
                DecodeResult::Data(metadata) => break metadata,
                DecodeResult::NeedsData(ranges) => {
                    for range in ranges {
                        decoder.push_range(range.clone(), read(&mut file, &range)?.into())?;
                    }
                }
                DecodeResult::Finished => return Err(Error::other("it has no metadata")),
            }
        };
        let builder = ParquetPushDecoderBuilder::try_new_decoder(Arc::new(metadata))?;
        let schema = Arc::clone(builder.schema());
        Ok(Self { file, schema, decoder: builder.with_batch_size(ROWS_MAX).build()? })
    }

    /// Hands some rows on; how many, 0 at the end of the file.
    pub(super) fn step(&mut self, writer: &mut Writer) -> Result<u64> {
        loop {
            match self.decoder.try_decode()? {
                DecodeResult::Data(batch) => {
                    writer.add(&batch)?;
                    return Ok(batch.num_rows() as u64);
                }
                DecodeResult::Finished => return Ok(0),
                DecodeResult::NeedsData(ranges) => {
                    for range in ranges {
                        let bytes = read(&mut self.file, &range)?;
                        self.decoder.push_range(range, bytes.into())?;
                    }
                }
            }
        }
    }
}

/// The bytes of a range, which whatever a damaged file says lies within it.
fn read(file: &mut File, range: &Range<u64>) -> Result<Vec<u8>> {
    if range.start > range.end || range.end > file.metadata()?.len() {
        return Err(Error::new(ErrorKind::InvalidData, "it names bytes behind its end"));
    }
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes = Vec::new();
    file.take(range.end - range.start).read_to_end(&mut bytes)?;
    match bytes.len() as u64 == range.end - range.start {
        true => Ok(bytes),
        false => Err(ErrorKind::UnexpectedEof.into()),
    }
}
