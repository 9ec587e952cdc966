//! Parquet: every type arrives as it is, or its row is a dead letter that says why.

use std::fs::File;
use std::sync::Arc;

use cartridge_warp_sdk::arrow_array::{
    Array, ArrayRef, Date64Array, Decimal128Array, DurationMillisecondArray, FixedSizeListArray,
    Float32Array, Int64Array, ListArray, NullArray, RecordBatch, StringArray, StructArray,
    TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array, types::Int32Type,
};
use cartridge_warp_sdk::arrow_schema::{DataType, Field};
use cartridge_warp_tests::Pipeline;
use parquet::arrow::ArrowWriter;
use parquet::data_type::{FixedLenByteArrayType, Int64Type, Int96, Int96Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::{Value, json};

use super::{assert_ended, letters, rows};

fn write(pipeline: &Pipeline, batch: &RecordBatch) {
    let file = File::create(pipeline.path("data/shop/t.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// A column of two rows with these values in it, and what of it arrives: the values of both rows,
/// or none for a row that cannot.
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn cases() -> Vec<(&'static str, ArrayRef, [Option<Value>; 2])> {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None]), None]);
    let lists = {
        let field = Arc::new(Field::new_list_field(list.data_type().clone(), true));
        let offsets = cartridge_warp_sdk::arrow_buffer::OffsetBuffer::from_lengths([1, 1]);
        ListArray::new(field, offsets, Arc::new(list.clone()), None)
    };
    let fixed = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(
        [Some([Some(1), Some(2)]), None],
        2,
    );
    let part = |name: &str, array: ArrayRef| {
        (Arc::new(Field::new(name, array.data_type().clone(), true)), array)
    };
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let nanos: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1_000, 1]));
    let plain = StructArray::from(vec![
        part("z", Arc::clone(&numbers)),
        part("list", Arc::new(fixed.clone())),
    ]);
    let twice = StructArray::from(vec![part("n", Arc::clone(&numbers)), part("n", numbers)]);
    let fine = StructArray::from(vec![part("at", Arc::clone(&nanos))]);
    let money = Decimal128Array::from(vec![150, -1]).with_precision_and_scale(10, 2).unwrap();
    let floats: ArrayRef = Arc::new(Float32Array::from(vec![0.5, f32::NAN]));
    let some = |value: Value| Some(value);
    vec![
        ("list", Arc::new(list), [some(json!("[1,null]")), some(Value::Null)]),
        ("lists", Arc::new(lists), [some(json!("[[1,null]]")), some(json!("[null]"))]),
        ("fixed list", Arc::new(fixed), [some(json!("[1,2]")), some(Value::Null)]),
        (
            "struct",
            Arc::new(plain),
            [some(json!("{\"z\":1,\"list\":[1,2]}")), some(json!("{\"z\":2,\"list\":null}"))],
        ),
        ("equal names in a struct", Arc::new(twice), [None, None]),
        (
            "nanoseconds in a struct",
            Arc::new(fine),
            [some(json!("{\"at\":\"1970-01-01T00:00:00.000001\"}")), None],
        ),
        (
            "floats in a struct",
            Arc::new(StructArray::from(vec![part("f", floats)])),
            [some(json!("{\"f\":0.5}")), some(json!("{\"f\":\"NaN\"}"))],
        ),
        ("nanoseconds", nanos, [some(json!("1970-01-01T00:00:00.000001")), None]),
        (
            "far moments",
            Arc::new(TimestampMillisecondArray::from(vec![253_402_300_800_000, i64::MAX])),
            [some(json!("+10000-01-01T00:00:00.000000")), None],
        ),
        ("decimal", Arc::new(money), [some(json!("1.50")), some(json!("-0.01"))]),
        ("nothing at all", Arc::new(NullArray::new(2)), [some(Value::Null), some(Value::Null)]),
        (
            "duration",
            Arc::new(DurationMillisecondArray::from(vec![90_500, -1])),
            [some(json!("PT90.5S")), some(json!("PT-0.001S"))],
        ),
        (
            "days in milliseconds",
            Arc::new(Date64Array::from(vec![86_400_000, 172_800_000])),
            [some(json!("1970-01-02")), some(json!("1970-01-03"))],
        ),
        (
            "without a sign",
            Arc::new(UInt64Array::from(vec![u64::MAX, 1])),
            [some(json!("18446744073709551615")), some(json!("1"))],
        ),
        (
            "text",
            Arc::new(StringArray::from(vec![Some("ü"), None])),
            [some(json!("ü")), some(Value::Null)],
        ),
    ]
}

#[test]
fn every_type_arrives_or_says_why_not() {
    for (name, array, expected) in cases() {
        let pipeline = Pipeline::new();
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let fields = vec![
            Field::new("id", DataType::Int64, false),
            Field::new("v", array.data_type().clone(), true),
        ];
        let schema = Arc::new(cartridge_warp_sdk::arrow_schema::Schema::new(fields));
        write(&pipeline, &RecordBatch::try_new(schema, vec![ids, array]).unwrap());
        assert_values(name, &pipeline, &expected);
    }
}

fn assert_values(name: &str, pipeline: &Pipeline, expected: &[Option<Value>; 2]) {
    let refused: Vec<usize> = (0..2).filter(|at| expected[*at].is_none()).collect();
    assert_ended(name, &pipeline.catch_up(), refused.len());
    let found = rows(pipeline);
    let arrived = found.as_array().unwrap().iter().map(|row| row["v"].clone());
    let wanted: Vec<Value> = expected.iter().flatten().cloned().collect();
    assert_eq!(arrived.collect::<Vec<_>>(), wanted, "{name}");
    let places: Vec<String> =
        refused.iter().map(|at| format!("shop/t.parquet:row {}", at + 1)).collect();
    assert_eq!(super::origins(pipeline), places, "{name}");
    assert!(
        letters(pipeline).iter().all(|letter| letter["error_code"] == json!("type-conversion")),
        "{name}"
    );
}

/// Days since the Julian calendar's beginning, and nanoseconds.
fn int96(day: u32, nanos: u64) -> Int96 {
    let mut value = Int96::new();
    value.set_data(nanos as u32, (nanos >> 32) as u32, day);
    value
}

#[test]
fn the_old_form_of_moments_keeps_its_range_and_its_digits() {
    // 2,440,588 is 1970-01-01, 5,373,484 is 9999-12-31.
    for (name, values, expected) in [
        (
            "near",
            [int96(2_440_588, 1_500_000_000), int96(2_440_587, 86_399_000_000_000)],
            [Some(json!("1970-01-01T00:00:01.500000")), Some(json!("1969-12-31T23:59:59.000000"))],
        ),
        (
            "far",
            [int96(5_373_484, 1_000), int96(1_721_426, 0)],
            [Some(json!("9999-12-31T00:00:00.000001")), Some(json!("0001-01-01T00:00:00.000000"))],
        ),
        ("finer, and beyond", [int96(5_373_484, 1), int96(u32::MAX / 2, 0)], [None, None]),
    ] {
        let pipeline = Pipeline::new();
        write_two::<Int96Type>(&pipeline, "required int96 v", &values);
        assert_values(name, &pipeline, &expected);
    }
}

/// A table of the rows 1 and 2 with these values of a column that Arrow does not write.
fn write_two<T: parquet::data_type::DataType>(
    pipeline: &Pipeline,
    column: &str,
    values: &[T::T; 2],
) {
    let message = format!("message m {{ required int64 id; {column}; }}");
    let schema = Arc::new(parse_message_type(&message).unwrap());
    let file = File::create(pipeline.path("data/shop/t.parquet")).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut ids = group.next_column().unwrap().unwrap();
    ids.typed::<Int64Type>().write_batch(&[1, 2], None, None).unwrap();
    ids.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(values, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn intervals_keep_their_months() {
    let pipeline = Pipeline::new();
    let interval = |months: i32, days: i32, millis: i32| {
        [months, days, millis].map(i32::to_le_bytes).concat().into()
    };
    let values = [interval(14, 3, 250), interval(0, 0, 0)];
    let column = "required fixed_len_byte_array(12) v (INTERVAL)";
    write_two::<FixedLenByteArrayType>(&pipeline, column, &values);
    assert_values("intervals", &pipeline, &[Some(json!("P14M3DT0.25S")), Some(json!("PT0S"))]);
}
