//! Parquet: types, chunks by row group, and files that are still being written.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod support;

use std::fs::File;
use std::sync::Arc;

use cartridge_warp_sdk::Source;
use cartridge_warp_sdk::arrow_array::{
    ArrayRef, Decimal128Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
    TimestampNanosecondArray, types::Int32Type,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use support::{Shop, rows_at_a_time};

fn batch(ids: std::ops::Range<i64>) -> RecordBatch {
    let columns: [(&str, ArrayRef); 2] = [
        ("id", Arc::new(Int64Array::from_iter_values(ids.clone()))),
        ("name", Arc::new(StringArray::from_iter_values(ids.map(|id| format!("n{id}"))))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn write(shop: &Shop, name: &str, batch: &RecordBatch, compression: Compression) {
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(10));
    let file = File::create(shop.path(name)).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties.build())).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn snapshots_go_by_row_groups_and_new_files_are_inserts() {
    let shop = Shop::new();
    write(&shop, "t.parquet", &batch(0..35), Compression::SNAPPY);
    let mut driver = shop.driver().limits(rows_at_a_time(4));
    driver.source.get_schema("shop").unwrap();
    let start = driver.position().unwrap();
    assert_eq!(driver.source.plan_snapshot("shop", "t", &start, 4).unwrap().len(), 4);
    let ids = |range: std::ops::Range<i32>| range.map(|id| id.to_string()).collect::<Vec<_>>();
    assert_eq!(driver.snapshot("t", &start, 4).unwrap().column("t", "id"), ids(0..35));
    assert_eq!(driver.changes(&start).unwrap().rows(), 0);

    shop.write("u.parquet", "PAR1 and nothing more yet");
    let waiting = driver.changes(&start).unwrap();
    assert_eq!(waiting.rows(), 0);
    write(&shop, "u.parquet", &batch(0..7), Compression::UNCOMPRESSED);
    let read = driver.changes(&waiting.position).unwrap();
    assert_eq!(read.column("u", "name").len(), 7);
    assert_eq!(driver.changes(&read.position).unwrap().rows(), 0);
}

#[test]
fn every_codec_is_read() {
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ];
    for codec in codecs {
        let shop = Shop::new();
        write(&shop, "t.parquet", &batch(0..5), codec);
        let mut driver = shop.driver();
        let start = driver.position().unwrap();
        assert_eq!(driver.snapshot("t", &start, 1).unwrap().rows(), 5, "{codec:?}");
    }
}

#[test]
fn types_travel_and_what_would_lose_digits_does_not() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None]), None]);
    let money = Decimal128Array::from(vec![150, -1]).with_precision_and_scale(10, 2).unwrap();
    let inner: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let nested = StructArray::try_from(vec![("n", inner)]).unwrap();
    let times = TimestampNanosecondArray::from(vec![1_000, 1]).with_timezone("UTC");
    let columns: [(&str, ArrayRef); 4] = [
        ("list", Arc::new(list)),
        ("money", Arc::new(money)),
        ("nested", Arc::new(nested)),
        ("at", Arc::new(times)),
    ];
    let shop = Shop::new();
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    write(&shop, "t.parquet", &batch, Compression::UNCOMPRESSED);
    let mut driver = shop.driver();
    let types: Vec<_> = driver.source.get_schema("shop").unwrap()[0]
        .columns
        .iter()
        .map(|column| column.column_type.to_string())
        .collect();
    assert_eq!(types, ["array(integer)", "decimal(10,2)", "json", "timestamptz"]);
    let start = driver.position().unwrap();
    let read = driver.snapshot("t", &start, 1).unwrap();
    assert_eq!(read.column("t", "list"), ["[1,null]"]);
    assert_eq!(read.column("t", "money"), ["1.50"]);
    assert_eq!(read.column("t", "nested"), ["{\"n\":1}"]);
    assert_eq!(read.column("t", "at"), ["1970-01-01T00:00:00.000001Z"]);
    assert_eq!(read.rejected[0].code, "type-conversion");
    assert_eq!(read.rejected[0].origin, "shop/t.parquet:row 2");
}

#[test]
fn a_damaged_file_stops_and_says_which() {
    let shop = Shop::new();
    shop.write("t.parquet", [b"PAR1".as_slice(), &[7; 40], b"PAR1"].concat());
    let failure = shop.source().get_schema("shop").unwrap_err();
    assert_eq!((failure.action.as_str(), failure.code.as_str()), ("stop", "malformed-file"));
    assert!(failure.message.contains("t.parquet"));
}
