//! Round trips, refusals, and thousands of damaged messages.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Int32Array, Int64Array, ListArray,
    RecordBatch, StringArray, TimestampMicrosecondArray, UInt8Array, types::Int32Type,
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;

use super::*;
use crate::model::{TableBatch, TableSchema};

fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn sample() -> TableBatch {
    let list = Field::new_list_field(DataType::Int32, true);
    let amount = DataType::Decimal128(20, 2);
    let schema = Schema::new(vec![
        Field::new("_op", DataType::UInt8, false),
        Field::new("_ts", utc(), true),
        Field::new("_unchanged", DataType::Binary, true),
        Field::new("id", DataType::Int64, true),
        Field::new("name", DataType::Utf8, true)
            .with_metadata([("warp:type".to_owned(), "varchar(9)".to_owned())]),
        Field::new("paid", DataType::Boolean, true),
        Field::new("amount", amount.clone(), true),
        Field::new("parts", DataType::List(Arc::new(list)), true),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt8Array::from(vec![0, 1, 2])),
        Arc::new(
            TimestampMicrosecondArray::from(vec![Some(1), None, Some(3)]).with_timezone("UTC"),
        ),
        Arc::new(BinaryArray::from_opt_vec(vec![None, Some(&[0b10]), None])),
        Arc::new(Int64Array::from(vec![1, 2, 3])),
        Arc::new(StringArray::from(vec![Some("ä"), None, Some("long enough")])),
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        Arc::new(Decimal128Array::from(vec![Some(7), Some(-7), None]).with_data_type(amount)),
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![Some(1), None]),
            None,
            Some(vec![]),
        ])),
    ];
    let schema = Arc::new(schema);
    let columns = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    encode_batch("orders", &table_schema(schema).unwrap(), columns).unwrap()
}

fn single(field: Field, column: ArrayRef) -> TableBatch {
    let schema = Arc::new(Schema::new(vec![field]));
    let columns = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
    encode_batch("orders", &table_schema(schema).unwrap(), columns).unwrap()
}

#[test]
fn what_was_encoded_decodes_to_the_same() {
    let batch = sample();
    let schema = decode_schema(batch.schema.message.clone()).unwrap();
    assert_eq!(schema.arrow, batch.schema.arrow);
    assert_eq!(schema.id, batch.schema.id);
    let columns = decode_batch(&schema, &batch.rows, 3).unwrap();
    assert_eq!(columns, batch.columns);
}

#[test]
fn an_empty_batch_is_a_batch() {
    let batch = sample();
    let empty = encode_batch("orders", &batch.schema, batch.columns.slice(0, 0)).unwrap();
    assert_eq!(decode_batch(&batch.schema, &empty.rows, 0).unwrap().num_rows(), 0);
}

#[test]
fn columns_share_the_memory_of_the_message() {
    let ids = Int64Array::from((0..4096).collect::<Vec<_>>());
    let batch = single(Field::new("id", DataType::Int64, true), Arc::new(ids));
    let columns = decode_batch(&batch.schema, &batch.rows, 4096).unwrap();
    let values = columns.column(0).to_data().buffers()[0].as_ptr() as usize;
    let message = batch.rows.as_ptr() as usize;
    assert!((message..message + batch.rows.len()).contains(&values));
}

#[test]
fn columns_that_the_format_does_not_have_are_refused() {
    let cases = [
        ("a float of 16 bits", Field::new("x", DataType::Float16, true)),
        ("milliseconds", Field::new("x", DataType::Timestamp(TimeUnit::Millisecond, None), true)),
        (
            "a zone other than UTC",
            Field::new(
                "x",
                DataType::Timestamp(TimeUnit::Microsecond, Some("+01:00".into())),
                true,
            ),
        ),
        (
            "a list of lists",
            Field::new(
                "x",
                DataType::new_list(DataType::new_list(DataType::Int8, true), true),
                true,
            ),
        ),
        ("large text", Field::new("x", DataType::LargeUtf8, true)),
        ("views", Field::new("x", DataType::Utf8View, true)),
        ("null", Field::new("x", DataType::Null, true)),
        (
            "parts",
            Field::new(
                "x",
                DataType::Struct(vec![Field::new("y", DataType::Int8, true)].into()),
                true,
            ),
        ),
        ("a width of zero", Field::new("x", DataType::FixedSizeBinary(0), true)),
        (
            "a dictionary",
            Field::new(
                "x",
                DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)),
                true,
            ),
        ),
        ("a reserved name of another type", Field::new("_op", DataType::Utf8, true)),
        ("only reserved columns", Field::new("_op", DataType::UInt8, false)),
        ("no name", Field::new("", DataType::Int8, true)),
        ("a control character", Field::new("a\nb", DataType::Int8, true)),
        ("a long name", Field::new("x".repeat(513), DataType::Int8, true)),
    ];
    for (name, field) in cases {
        let schema = table_schema(Arc::new(Schema::new(vec![field]))).unwrap();
        assert!(decode_schema(schema.message.clone()).is_err(), "{name}");
    }
    let twice = Schema::new(vec![Field::new("x", DataType::Int8, true); 2]);
    assert!(decode_schema(table_schema(Arc::new(twice)).unwrap().message.clone()).is_err());
    let wide: Vec<_> =
        (0..5000).map(|n| Field::new(format!("c{n}"), DataType::Int8, true)).collect();
    let wide = table_schema(Arc::new(Schema::new(wide))).unwrap();
    assert!(decode_schema(wide.message.clone()).is_err());
}

#[test]
fn lies_about_rows_are_refused() {
    let batch = sample();
    for rows in [0, 2, 4, u32::MAX] {
        assert!(decode_batch(&batch.schema, &batch.rows, rows).is_err(), "{rows}");
    }
}

#[test]
fn operations_are_known_and_never_null() {
    let cases: [(&str, Vec<Option<u8>>, bool); 4] = [
        ("known", vec![Some(0), Some(3)], true),
        ("only the host says that a row is of a copy", vec![Some(0), Some(4)], false),
        ("unknown", vec![Some(0), Some(5)], false),
        ("null", vec![Some(0), None], false),
    ];
    for (name, ops, accepted) in cases {
        let schema = Arc::new(Schema::new(vec![
            Field::new("_op", DataType::UInt8, true),
            Field::new("id", DataType::Int32, true),
        ]));
        let columns: Vec<ArrayRef> =
            vec![Arc::new(UInt8Array::from(ops)), Arc::new(Int32Array::from(vec![1, 2]))];
        let columns = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let batch = encode_batch("t", &table_schema(schema).unwrap(), columns).unwrap();
        assert_eq!(decode_batch(&batch.schema, &batch.rows, 2).is_ok(), accepted, "{name}");
    }
}

#[test]
fn other_messages_and_trailing_bytes_are_refused() {
    let batch = sample();
    assert!(decode_schema(batch.rows.clone()).is_err());
    assert!(decode_batch(&batch.schema, &batch.schema.message, 3).is_err());
    let longer = Bytes::from([&batch.rows[..], &[0; 8]].concat());
    assert!(decode_batch(&batch.schema, &longer, 3).is_err());
    let other =
        single(Field::new("id", DataType::Utf8, true), Arc::new(StringArray::from(vec!["a"; 3])));
    assert!(decode_batch(&other.schema, &batch.rows, 3).is_err());
}

/// A small generator with a fixed start, so that a failure repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

fn damaged(bytes: &[u8], random: &mut Random) -> Bytes {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = [0x00, 0xff, 0x7f, 0x80][random.below(4)],
            2 => {
                let end = (at + 8).min(bytes.len());
                let extreme = [u64::MAX, i64::MAX as u64, 1 << 31, 1 << 40][random.below(4)];
                bytes[at..end].copy_from_slice(&extreme.to_le_bytes()[..end - at]);
            }
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes.into()
}

/// Reads every value, so that a wrong offset that was let through would show.
fn read_all(columns: &RecordBatch) -> usize {
    let text = format!("{columns:?}");
    text.len()
}

#[test]
fn damaged_batches_never_panic() {
    let batch = sample();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut survived = 0;
    for _ in 0..20_000 {
        let bytes = damaged(&batch.rows, &mut random);
        let decoded = decode_batch(&batch.schema, &bytes, 3);
        let gave_up = |error: &WireError| error.to_string().contains("gave up");
        assert!(!decoded.as_ref().is_err_and(gave_up), "Arrow's reader panicked");
        if let Ok(columns) = decoded {
            assert_eq!(columns.num_rows(), 3);
            assert!(read_all(&columns) > 0);
            survived += 1;
        }
    }
    assert!(survived < 20_000, "damage must be found");
}

/// A word of the message's metadata, which holds lengths and places of buffers, becomes another.
#[test]
fn no_length_makes_arrow_give_up() {
    let batch = sample();
    let metadata = 8 + i32::from_le_bytes(batch.rows[4..8].try_into().unwrap()) as usize;
    for (at, more) in (8..metadata - 8).step_by(8).flat_map(|at| (-9..=9).map(move |by| (at, by))) {
        let mut bytes = batch.rows.to_vec();
        let word = i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        bytes[at..at + 8].copy_from_slice(&word.wrapping_add(more).to_le_bytes());
        match decode_batch(&batch.schema, &bytes.into(), 3) {
            Ok(columns) => assert!(read_all(&columns) > 0),
            Err(error) => assert!(!error.to_string().contains("gave up"), "{more} at {at}"),
        }
    }
}

#[test]
fn damaged_schemas_never_panic() {
    let batch = sample();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for _ in 0..20_000 {
        let bytes = damaged(&batch.schema.message, &mut random);
        let decoded: Result<Arc<TableSchema>, _> = decode_schema(bytes);
        if let Ok(schema) = decoded {
            // A damaged schema that is still one must not break the reading of a good batch.
            drop(decode_batch(&schema, &batch.rows, 3));
        }
    }
}

/// A schema message of this many columns that all have one time zone; its text lies there once.
fn with_time_zone(columns: usize, zone: &str) -> Bytes {
    use arrow_ipc::{
        FieldBuilder, MessageBuilder, MessageHeader, MetadataVersion, SchemaBuilder,
        TimestampBuilder, Type,
    };
    let mut builder = flatbuffers::FlatBufferBuilder::new();
    let zone = builder.create_string(zone);
    let mut time = TimestampBuilder::new(&mut builder);
    time.add_timezone(zone);
    let time = time.finish().as_union_value();
    let mut fields = Vec::new();
    for column in 0..columns {
        let name = builder.create_string(&format!("c{column}"));
        let mut field = FieldBuilder::new(&mut builder);
        field.add_name(name);
        field.add_type_type(Type::Timestamp);
        field.add_type_(time);
        fields.push(field.finish());
    }
    let fields = builder.create_vector(&fields);
    let mut schema = SchemaBuilder::new(&mut builder);
    schema.add_fields(fields);
    let schema = schema.finish().as_union_value();
    let mut message = MessageBuilder::new(&mut builder);
    message.add_version(MetadataVersion::V5);
    message.add_header_type(MessageHeader::Schema);
    message.add_header(schema);
    let message = message.finish();
    builder.finish(message, None);
    let metadata = builder.finished_data();
    let length = (metadata.len() as i32).to_le_bytes();
    [&[0xff; 4][..], &length, metadata].concat().into()
}

#[test]
fn one_long_time_zone_is_not_copied_for_every_column() {
    // 4,000 copies of it would be 2 GB.
    let message = with_time_zone(4_000, &"z".repeat(500_000));
    assert!(message.len() < 1_000_000);
    let refused = decode_schema(message).unwrap_err().to_string();
    assert!(refused.contains("time zones"), "{refused}");
    // A short one is judged by what it says.
    let refused = decode_schema(with_time_zone(3, "Mars/Olympus")).unwrap_err().to_string();
    assert!(refused.contains("which the batch format does not have"), "{refused}");
}

#[test]
fn a_schemas_size_grows_with_all_that_it_holds() {
    let size = |fields: Vec<Field>| schema_bytes(&Schema::new(fields));
    let one = size(vec![Field::new("a", DataType::Int64, true)]);
    let long = Field::new("a".repeat(1_000), DataType::Int64, true);
    assert!(size(vec![long.clone()]) >= one + 900);
    let metadata = [("k".to_owned(), "v".repeat(1_000))];
    assert!(size(vec![long.with_metadata(metadata)]) >= one + 1_900);
    let zone = DataType::Timestamp(TimeUnit::Microsecond, Some("z".repeat(1_000).into()));
    assert!(size(vec![Field::new("a", zone, true)]) >= one + 900);
}
