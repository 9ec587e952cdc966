//! Reads everything there is in a batch, the way the host and destinations do.

use std::{collections::HashMap, sync::Arc};

use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field};
use bytes::Bytes;
use cartridge_warp::{
    model::TableBatch,
    plugin::{decode_schema, encode_batch, table_schema, wire::decode_batch},
    schema::{TypeStep, fit, type_step},
};
use cartridge_warp_sdk::wire::{Decoder, EncodedRows};

/// What a schema message may cost besides its own size: texts that are pointed to many times.
pub const SCHEMA_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What a column costs in the host's memory before it has any value.
const COLUMN_BYTES: usize = 4 * 1024;

/// A batch that the host let through.
///
/// # Panics
/// Where it is not what Arrow's readers, the host or a destination rely on.
pub fn batch(batch: &TableBatch) {
    valid(&batch.columns);
    let counted: u64 = batch.operation_counts().iter().sum();
    assert_eq!(counted, batch.row_count() as u64);
    let _ = batch.newest_commit_us();
    values(&batch.columns);
    same_again(batch);
    at_the_destination(batch);
}

/// A batch that the runner made of one: it need not hold a data column any more.
pub fn shaped(batch: &TableBatch) {
    valid(&batch.columns);
    values(&batch.columns);
    let _ = sdk(&batch.schema.message, &batch.rows, batch.row_count() as u32);
}

/// Decodes messages of a guest: what the host allocates is in proportion to them.
pub fn decode(schema: &[u8], rows: &[u8], row_count: u32) -> Option<TableBatch> {
    let message = Bytes::copy_from_slice(schema);
    let schema = crate::memory::bounded(SCHEMA_BYTES_MAX, || decode_schema(message)).ok()?;
    let rows = Bytes::copy_from_slice(rows);
    let bytes_max = 2 * rows.len() + (1 + schema.arrow.fields().len()) * COLUMN_BYTES;
    let columns =
        crate::memory::bounded(bytes_max, || decode_batch(&schema, &rows, row_count)).ok()?;
    assert_eq!(columns.num_rows(), row_count as usize);
    Some(TableBatch { table: "t".to_owned(), schema, rows, columns })
}

fn valid(columns: &RecordBatch) {
    for column in columns.columns() {
        let data = column.to_data();
        data.validate_full().expect("the decoder checked it");
        assert!(column.null_count() <= column.len());
    }
}

/// Every value as text and as JSON: what does not fit is an error, never a panic.
fn values(columns: &RecordBatch) {
    let json = HashMap::from([("ARROW:extension:name".to_owned(), "arrow.json".to_owned())]);
    let text = Field::new("c", DataType::Utf8, true);
    let targets = [text.clone(), text.with_metadata(json)];
    let wider = [
        DataType::Int64,
        DataType::Float64,
        DataType::Decimal256(76, 10),
        DataType::Timestamp(arrow_schema::TimeUnit::Microsecond, None),
    ];
    let wider = wider.map(|data_type| Field::new("c", data_type, true));
    for (field, column) in columns.schema_ref().fields().iter().zip(columns.columns()) {
        // As the runner does it: into columns that hold such values.
        let wider = wider.iter().filter(|to| type_step(to, field) == TypeStep::Narrower);
        for target in targets.iter().chain(wider) {
            if let Ok(fitted) = fit(column, field, target) {
                assert_eq!((fitted.len(), fitted.data_type()), (column.len(), target.data_type()));
            }
        }
    }
}

/// What is encoded anew decodes to the same.
fn same_again(batch: &TableBatch) {
    let schema = table_schema(Arc::clone(&batch.schema.arrow)).expect("its schema was read");
    let again = decode_schema(schema.message.clone()).expect("its schema was encoded");
    assert_eq!(again.arrow, batch.schema.arrow);
    let encoded = encode_batch("t", &schema, batch.columns.clone()).expect("it was decoded");
    let rows = u32::try_from(batch.row_count()).expect("as many as a message has");
    let columns = decode_batch(&schema, &encoded.rows, rows).expect("it was encoded");
    assert_eq!(columns, batch.columns);
}

/// The SDK of a destination reads what the host forwards.
fn at_the_destination(batch: &TableBatch) {
    let rows = sdk(&batch.schema.message, &batch.rows, batch.row_count() as u32);
    assert_eq!(rows.map(|rows| rows.len()), Ok(batch.row_count()));
}

/// Decodes messages with the SDK and reads each value.
pub fn sdk(
    schema: &[u8],
    rows: &[u8],
    row_count: u32,
) -> Result<cartridge_warp_sdk::TableRows, String> {
    let encoded = EncodedRows {
        table: "t".to_owned(),
        schema_id: "s".to_owned(),
        arrow_schema: Some(schema.to_vec()),
        rows: rows.to_vec(),
        row_count,
    };
    let rows = Decoder::default().decode(encoded).map_err(|failure| failure.to_string())?;
    for row in 0..rows.len() {
        let _ = (rows.op(row), rows.timestamp(row));
        for column in 0..rows.columns().len() {
            let _ = rows.is_unchanged(row, column);
            let _ = rows.value(row, column).to_string();
        }
    }
    Ok(rows)
}
