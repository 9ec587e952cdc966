//! Which values go which way, and which do not.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int16Array, Int32Array, Int64Array, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray, UInt64Array, cast::AsArray,
};

use super::*;

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(values.iter().copied().map(Some).chain([None]).collect::<StringArray>())
}

/// What became of the values, as text; `!` where one was refused.
fn converted(values: &ArrayRef, to: &str) -> Vec<String> {
    let to: ColumnType = to.parse().unwrap();
    let from = Field::new("c", values.data_type().clone(), true);
    let Converted { values, refused } = convert(values, &from, to).unwrap();
    assert_eq!(*values.data_type(), to.data_type());
    let written = fit(&values, &to.field("c"), &ColumnType::Text.field("c")).unwrap();
    let written = written.as_string::<i32>();
    let each = |row: usize| match (written.is_null(row), refused.contains(&row)) {
        (true, true) => "!".to_owned(),
        (true, false) => "null".to_owned(),
        (false, is_refused) => {
            assert!(!is_refused, "a refused value is none: {}", written.value(row));
            written.value(row).to_owned()
        }
    };
    (0..written.len()).map(each).collect()
}

/// A type, and texts with what they become.
const SPELLINGS: &[(&str, &[(&str, &str)])] = &[
    (
        "integer",
        &[
            ("7", "7"),
            ("-2147483648", "-2147483648"),
            ("2147483648", "!"),
            ("1.0", "!"),
            (" 1", "!"),
            ("", "!"),
            ("0x1", "!"),
        ],
    ),
    (
        "bigint",
        &[
            ("9223372036854775807", "9223372036854775807"),
            ("9223372036854775808", "!"),
            ("007", "7"),
        ],
    ),
    ("boolean", &[("true", "true"), ("false", "false"), ("TRUE", "!"), ("1", "!")]),
    (
        "decimal(5, 2)",
        &[
            ("1.5", "1.50"),
            ("-0.05", "-0.05"),
            ("001.500", "1.50"),
            ("999.99", "999.99"),
            ("1000", "!"),
            ("1.005", "!"),
            ("1e2", "100.00"),
            ("1e3", "!"),
            ("5e-2", "0.05"),
            ("5e-3", "!"),
            ("0.000", "0.00"),
            ("NaN", "!"),
            ("1.", "!"),
            ("--1", "!"),
            ("1e99999999999999999999", "!"),
            ("1e9223372036854775807", "!"),
        ],
    ),
    (
        "double",
        &[
            ("0.1", "0.1"),
            ("1e300", "1e300"),
            ("1e999", "!"),
            ("1e-999", "!"),
            ("NaN", "NaN"),
            ("-Infinity", "-Infinity"),
            ("inf", "!"),
            ("9007199254740993", "!"),
            ("1.50", "1.5"),
            ("0.12345678901234567890", "!"),
            (".5", "!"),
        ],
    ),
    ("real", &[("0.1", "0.1"), ("16777217", "!")]),
    (
        "date",
        &[
            ("2024-02-29", "2024-02-29"),
            ("2023-02-29", "!"),
            ("2024-02-29 00:00", "!"),
            ("29.2.2024", "!"),
        ],
    ),
    (
        "time",
        &[
            ("23:59:59.5", "23:59:59.500"),
            ("24:00:00", "!"),
            ("23:59:60", "!"),
            ("1:00", "!"),
            ("00:00:00.0000001", "!"),
        ],
    ),
    (
        "timestamp",
        &[
            ("2024-05-01 12:00:00", "2024-05-01T12:00:00"),
            ("2024-05-01T12:00:00.000001", "2024-05-01T12:00:00.000001"),
            ("2024-05-01T12:00:00Z", "!"),
            ("2024-05-01T12:00:00.0000001", "!"),
            ("2024-05-01", "!"),
        ],
    ),
    (
        "timestamptz",
        &[
            ("2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z"),
            ("2024-05-01 12:00:00+02", "2024-05-01T10:00:00Z"),
            ("2024-05-01T12:00:00-05:30", "2024-05-01T17:30:00Z"),
            ("2024-05-01T12:00:00", "!"),
        ],
    ),
    (
        "uuid",
        &[
            ("1F1F1F1F-1f1f-1f1f-1f1f-1f1f1f1f1f1f", "1f1f1f1f-1f1f-1f1f-1f1f-1f1f1f1f1f1f"),
            ("1f", "!"),
        ],
    ),
    ("json", &[("{\"a\": 1}", "{\"a\": 1}"), ("null", "null"), ("{a: 1}", "!"), ("", "!")]),
];

#[test]
fn texts_are_read_by_one_spelling() {
    for (to, cases) in SPELLINGS {
        let values: Vec<&str> = cases.iter().map(|case| case.0).collect();
        let expected: Vec<&str> = cases.iter().map(|case| case.1).chain(["null"]).collect();
        assert_eq!(converted(&texts(&values), to), expected, "{to}");
    }
}

#[test]
fn what_is_no_text_goes_only_where_the_way_back_leads_to_it() {
    let moments = |values: Vec<i64>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
    };
    let decimals = |values: Vec<i128>, scale: i8| -> ArrayRef {
        Arc::new(Decimal128Array::from(values).with_precision_and_scale(30, scale).unwrap())
    };
    let day = 86_400_000_000;
    let cases: Vec<(ArrayRef, &str, &[&str])> = vec![
        (
            Arc::new(Int64Array::from(vec![Some(2_147_483_647), Some(2_147_483_648), None])),
            "integer",
            &["2147483647", "!", "null"],
        ),
        (
            Arc::new(Int64Array::from(vec![1 << 53, (1 << 53) + 1, i64::MAX])),
            "double",
            &["9007199254740992.0", "!", "!"],
        ),
        (Arc::new(UInt64Array::from(vec![1, u64::MAX])), "bigint", &["1", "!"]),
        (Arc::new(UInt64Array::from(vec![u64::MAX])), "decimal(20, 0)", &["18446744073709551615"]),
        (Arc::new(Int16Array::from(vec![0, 1, 2])), "boolean", &["false", "true", "!"]),
        (Arc::new(Int32Array::from(vec![999, 1000])), "decimal(5, 2)", &["999.00", "!"]),
        (Arc::new(BooleanArray::from(vec![true, false])), "integer", &["1", "0"]),
        (
            Arc::new(Float64Array::from(vec![2.0, 2.5, 1e300, f64::NAN, f64::INFINITY])),
            "bigint",
            &["2", "!", "!", "!", "!"],
        ),
        (
            Arc::new(Float64Array::from(vec![0.1, 0.25, 1e25, f64::NAN])),
            "decimal(38, 10)",
            &["0.1000000000", "0.2500000000", "10000000000000000000000000.0000000000", "!"],
        ),
        (Arc::new(Float64Array::from(vec![0.5, 0.1, f64::NAN])), "real", &["0.5", "!", "NaN"]),
        (Arc::new(Float32Array::from(vec![0.1])), "double", &["0.10000000149011612"]),
        (decimals(vec![150, 155], 2), "decimal(10, 1)", &["1.5", "!"]),
        (decimals(vec![100, 150, 10_i128.pow(25)], 2), "bigint", &["1", "!", "!"]),
        (decimals(vec![10, 12_345_678_901_234_567_890], 20), "double", &["1e-19", "!"]),
        (Arc::new(Date32Array::from(vec![1])), "timestamptz", &["1970-01-02T00:00:00Z"]),
        (Arc::new(Date32Array::from(vec![i32::MAX])), "timestamp", &["!"]),
        (moments(vec![day, day + 1, -day]), "date", &["1970-01-02", "!", "1969-12-31"]),
        (moments(vec![1]), "timestamp", &["1970-01-01T00:00:00.000001"]),
        (
            Arc::new(TimestampMicrosecondArray::from(vec![1])),
            "timestamptz",
            &["1970-01-01T00:00:00.000001Z"],
        ),
        (Arc::new(Time64MicrosecondArray::from(vec![1])), "text", &["00:00:00.000001"]),
        (moments(vec![0]), "json", &["\"1970-01-01T00:00:00Z\""]),
        (Arc::new(Int64Array::from(vec![Some(5), None])), "bigint", &["5", "null"]),
    ];
    for (values, to, expected) in cases {
        assert_eq!(converted(&values, to), expected, "{} to {to}", values.data_type());
    }
}

#[test]
fn a_type_that_no_value_has_is_no_way() {
    let json = ColumnType::Json.field("c");
    for (from, to) in [
        (Field::new("c", DataType::Int64, true), ColumnType::Date),
        (Field::new("c", DataType::Date32, true), ColumnType::Bigint),
        (Field::new("c", DataType::Binary, true), ColumnType::Uuid),
        (Field::new("c", DataType::Boolean, true), ColumnType::Double),
        (ColumnType::Time.field("c"), ColumnType::Timestamp),
        (ColumnType::Uuid.field("c"), ColumnType::Bigint),
        (json, ColumnType::Bigint),
    ] {
        assert_eq!(way(&from, to), None, "{from:?} to {to}");
        let values = arrow_array::new_null_array(from.data_type(), 1);
        assert!(convert(&values, &from, to).unwrap().refused.is_empty(), "nothing is nothing");
    }
}
