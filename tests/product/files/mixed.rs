//! Parquet files of one table that give a column other types, while it runs: the value is held exactly, or
//! its row is a dead letter.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int32Array,
    Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use cartridge_warp_tests::{Pipeline, rows::sqlite_count_live};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use super::{letters, rows};

/// What the first file has, what the second has, and what arrives of that.
fn cases() -> Vec<(&'static str, ArrayRef, ArrayRef, Option<Value>)> {
    let text = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
    let bigint = |number: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![number])) };
    let double = |number: f64| -> ArrayRef { Arc::new(Float64Array::from(vec![number])) };
    let money = |cents: i128| -> ArrayRef {
        let array = Decimal128Array::from(vec![cents]);
        Arc::new(array.with_precision_and_scale(10, 2).unwrap())
    };
    let float: ArrayRef = Arc::new(Float32Array::from(vec![1.5]));
    let time: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0]));
    let moment: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC"));
    vec![
        ("digits of another number", bigint(1), text("02134"), None),
        ("digits of a number", bigint(1), text("7"), Some(json!(7))),
        ("a power of ten that is a word", double(1.5), text("1e5"), None),
        ("a word for a truth", Arc::new(BooleanArray::from(vec![true])), text("1"), None),
        ("a double that is no float", Arc::clone(&float), double(0.1), None),
        ("a double that is a float", float, double(0.25), Some(json!(0.25))),
        ("an integer that is no double", double(1.5), bigint(9_007_199_254_740_993), None),
        ("an integer that is a double", double(1.5), bigint(2), Some(json!(2.0))),
        ("a fraction", bigint(1), double(2.5), None),
        ("a larger integer", Arc::new(Int32Array::from(vec![1])), bigint(5_000_000_000), None),
        ("one without a sign", bigint(1), Arc::new(UInt64Array::from(vec![u64::MAX])), None),
        ("digits behind the cent", money(150), double(1.234), None),
        ("cents", money(150), double(1.25), Some(json!("1.25"))),
        ("a moment for a time", Arc::clone(&time), Arc::clone(&moment), None),
        ("a time for a moment", moment, time, None),
        (
            "bytes that are no text",
            text("a"),
            Arc::new(BinaryArray::from(vec![&b"\xff"[..]])),
            None,
        ),
        ("a number for a text", text("a"), bigint(5), Some(json!("5"))),
    ]
}

/// Has a complete file appear.
fn put(pipeline: &Pipeline, place: &str, id: i64, value: &ArrayRef) {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![id]));
    let batch = RecordBatch::try_from_iter([("id", ids), ("v", Arc::clone(value))]).unwrap();
    let path = |name: &str| pipeline.path("data/shop").join(name);
    fs::create_dir_all(path(place).parent().unwrap()).unwrap();
    let file = fs::File::create(path("new.tmp")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    fs::rename(path("new.tmp"), path(place)).unwrap();
}

#[test]
fn a_value_of_another_type_is_held_exactly_or_told() {
    for (name, first, then, expected) in cases() {
        let pipeline = Pipeline::new();
        put(&pipeline, "t/a.parquet", 1, &first);
        let mut running = pipeline.start();
        running.wait_for("following changes");
        put(&pipeline, "t/b.parquet", 2, &then);
        // Files of a table are read in order, so this one is behind the other.
        put(&pipeline, "t/c.parquet", 3, &first);
        let start = Instant::now();
        let wanted = 2 + i64::from(expected.is_some());
        while sqlite_count_live(&pipeline.database(), "t") != Some(wanted) {
            assert!(start.elapsed() < Duration::from_secs(120), "{name}: {}", running.stderr());
            std::thread::sleep(Duration::from_millis(20));
        }
        running.signal(15);
        let ended = running.wait(Duration::from_secs(60));
        assert_eq!(ended.status.code(), Some(0), "{name}: {}", ended.stderr);
        let rows = rows(&pipeline);
        let row = rows.as_array().unwrap().iter().find(|row| row["id"] == json!(2));
        assert_eq!(row.map(|row| row["v"].clone()), expected, "{name}");
        assert_eq!(letters(&pipeline).len(), usize::from(expected.is_none()), "{name}");
    }
}
