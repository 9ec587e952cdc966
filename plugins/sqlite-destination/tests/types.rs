//! Every type of the model comes back as it was.

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used)]

mod support;

use cartridge_warp_sdk::{ColumnType, Operation, Table, TableWriter, Value};
use support::{Bed, upsert};

fn stored(column_type: &str, value: Value<'_>) -> String {
    let table = Table::new("t")
        .column("id", ColumnType::Integer)
        .column("v", column_type.parse().unwrap())
        .key(["id"]);
    let mut bed = Bed::new("{}");
    bed.plan(&upsert(&table)).unwrap();
    let mut writer = TableWriter::inserts(&table);
    writer.push(Operation::Insert, [Value::I64(1), value]).unwrap();
    bed.write(vec![writer.finish().unwrap()]).unwrap();
    bed.query("SELECT typeof(v), v FROM t").remove(0)
}

#[test]
fn each_type_has_one_exact_form() {
    let huge = "1234567890123456789012345678901234567890123456789012345.6789";
    for (column_type, value, expect) in [
        ("string", Value::Str("007"), "text|007"),
        ("string", Value::Str(""), "text|"),
        ("string", Value::Null, "null|null"),
        ("integer", Value::I64(i32::MIN.into()), "integer|-2147483648"),
        ("bigint", Value::I64(i64::MAX), "integer|9223372036854775807"),
        ("decimal(20,0)", Value::U64(u64::MAX), "text|18446744073709551615"),
        ("float", Value::F64(0.5), "real|0.5"),
        ("double", Value::F64(0.1), "real|0.1"),
        ("double", Value::F64(3.0), "real|3.0"),
        ("double", Value::F64(f64::NEG_INFINITY), "real|-inf"),
        ("double", Value::F64(f64::NAN), "text|NaN"),
        ("decimal(10,2)", Value::Str("-0.5"), "text|-0.50"),
        ("decimal(60,4)", Value::Str(huge), &format!("text|{huge}")),
        ("boolean", Value::Bool(true), "integer|1"),
        ("date", Value::Str("2024-02-29"), "text|2024-02-29"),
        ("time", Value::Str("23:59:59.5"), "text|23:59:59.500000"),
        ("timestamp", Value::Timestamp(0), "text|1970-01-01T00:00:00.000000"),
        ("timestamptz", Value::TimestampTz(-1), "text|1969-12-31T23:59:59.999999Z"),
        ("uuid", Value::Uuid([0xab; 16]), "text|abababab-abab-abab-abab-abababababab"),
        ("json", Value::Json(r#"{"a": 1.10}"#.into()), r#"text|{"a": 1.10}"#),
        ("binary", Value::Bytes(&[0, 255]), "blob|[0, 255]"),
        (
            "array(integer)",
            Value::List(vec![Value::I64(1), Value::Null, Value::I64(3)]),
            "text|[1,null,3]",
        ),
    ] {
        assert_eq!(stored(column_type, value), expect, "{column_type}");
    }
}
