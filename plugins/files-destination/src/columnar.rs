//! Rows as a Parquet file: `_op`, `_ts`, `_unchanged` and `_seq`, then the columns as they came.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use cartridge_warp_sdk::{Failure, TableRows};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{self, Encoding};
use parquet::errors::Result as ParquetResult;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use crate::logical_types;
use crate::options::Compression;
use crate::row_facts::{SEQUENCE, unchanged};

/// A file of some rows of a batch.
pub(crate) fn encode(
    batch: &RecordBatch,
    ranges: &[Range<usize>],
    compression: Compression,
) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let written = writer(&mut bytes, batch.schema_ref(), compression).and_then(|mut writer| {
        for range in ranges {
            writer.write(&batch.slice(range.start, range.len()))?;
        }
        writer.close()
    });
    written.map(|_| bytes).map_err(|error| refused(&error))
}

/// Writes a file of this schema, part by part.
pub(crate) fn writer<W: Write + Send>(
    sink: W,
    schema: &Arc<Schema>,
    compression: Compression,
) -> ParquetResult<ArrowWriter<W>> {
    let compression = match compression {
        Compression::Snappy => basic::Compression::SNAPPY,
        Compression::None => basic::Compression::UNCOMPRESSED,
    };
    // Numbers that grow by one take next to no room as differences.
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_column_dictionary_enabled(ColumnPath::from(SEQUENCE), false)
        .set_column_encoding(ColumnPath::from(SEQUENCE), Encoding::DELTA_BINARY_PACKED)
        .build();
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_parquet_schema(logical_types::schema(schema)?);
    ArrowWriter::try_new_with_options(sink, Arc::clone(schema), options)
}

/// What a file holds of a batch, of which the very first row has the number `first`.
pub(crate) fn batch(rows: &TableRows, first: i64) -> Result<RecordBatch, Failure> {
    let all = 0..rows.len();
    let ops = StringArray::from_iter_values(all.clone().map(|row| rows.op(row).as_str()));
    let times = TimestampMicrosecondArray::from_iter(all.clone().map(|row| rows.timestamp(row)));
    let kept = StringArray::from_iter(all.clone().map(|row| unchanged(rows, row)));
    let sequence = Int64Array::from_iter_values(all.map(|row| first + row as i64));
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut fields = vec![
        Arc::new(Field::new("_op", DataType::Utf8, false)),
        Arc::new(Field::new("_ts", utc, true)),
        Arc::new(Field::new("_unchanged", DataType::Utf8, true)),
        Arc::new(Field::new(SEQUENCE, DataType::Int64, false)),
    ];
    let mut arrays: Vec<ArrayRef> = vec![
        Arc::new(ops),
        Arc::new(times.with_timezone("UTC")),
        Arc::new(kept),
        Arc::new(sequence),
    ];
    for (at, column) in rows.columns().iter().enumerate() {
        fields.push(Arc::new(column.to_field()));
        arrays.push(rows.array(at).clone());
    }
    // Integers of other widths keep theirs.
    for (field, array) in fields.iter_mut().zip(&arrays) {
        if field.data_type() != array.data_type() {
            let plain = field.as_ref().clone().with_data_type(array.data_type().clone());
            *field = Arc::new(plain);
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|error| refused(&error))
}

/// What the values of a batch take in memory. Arrays that came in one message share its bytes, and those
/// of a slice are shared with the rest, so neither counts what it holds.
pub(crate) fn memory_of(batch: &RecordBatch) -> usize {
    let of = |column: &ArrayRef| column.to_data().get_slice_memory_size();
    // Sizes that are not known are those of the bytes they share.
    batch.columns().iter().map(|it| of(it).unwrap_or_else(|_| it.get_array_memory_size())).sum()
}

fn refused(error: &dyn std::error::Error) -> Failure {
    Failure::stop("encoding", "the rows make no Parquet file").detail(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_share_the_bytes_of_others_count_their_own() {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1000));
        let texts: ArrayRef =
            Arc::new(StringArray::from_iter_values((0..1000).map(|_| "ten bytes!")));
        let batch = RecordBatch::try_from_iter([("n", numbers), ("t", texts)]).unwrap();
        let all = memory_of(&batch);
        assert!((18_000..30_000).contains(&all), "{all}");
        let few = memory_of(&batch.slice(500, 10));
        assert!((180..300).contains(&few), "{few}");
    }
}
