//! Rows as a Parquet file: `_op`, `_ts` and `_unchanged`, then the columns as they came.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use cartridge_warp_sdk::{Failure, TableRows};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic;
use parquet::file::properties::WriterProperties;

use crate::logical_types;
use crate::options::Compression;
use crate::row_facts::unchanged;

/// All rows of a batch.
pub(crate) fn encode(rows: &TableRows, compression: Compression) -> Result<Vec<u8>, Failure> {
    let batch = batch(rows).map_err(|error| refused(&error))?;
    let compression = match compression {
        Compression::Snappy => basic::Compression::SNAPPY,
        Compression::None => basic::Compression::UNCOMPRESSED,
    };
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut bytes = Vec::new();
    let schema = logical_types::schema(&batch.schema()).map_err(|error| refused(&error))?;
    let options = ArrowWriterOptions::new().with_properties(properties).with_parquet_schema(schema);
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, batch.schema(), options)
        .map_err(|error| refused(&error))?;
    writer.write(&batch).map_err(|error| refused(&error))?;
    writer.close().map_err(|error| refused(&error))?;
    Ok(bytes)
}

fn batch(rows: &TableRows) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let all = 0..rows.len();
    let ops = StringArray::from_iter_values(all.clone().map(|row| rows.op(row).as_str()));
    let times = TimestampMicrosecondArray::from_iter(all.clone().map(|row| rows.timestamp(row)));
    let kept = StringArray::from_iter(all.map(|row| unchanged(rows, row)));
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut fields = vec![
        Arc::new(Field::new("_op", DataType::Utf8, false)),
        Arc::new(Field::new("_ts", utc, true)),
        Arc::new(Field::new("_unchanged", DataType::Utf8, true)),
    ];
    let mut arrays: Vec<ArrayRef> =
        vec![Arc::new(ops), Arc::new(times.with_timezone("UTC")), Arc::new(kept)];
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
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

fn refused(error: &dyn std::error::Error) -> Failure {
    Failure::stop("encoding", "the rows make no Parquet file").detail(error.to_string())
}
