//! Keys of any type, and keys that are equal and look different.

use serde_json::json;

use super::{Bed, Bench, rows, upsert};
use crate::Operation::{self, Delete, Insert};
use crate::{ColumnType, Table, TableWriter, Value};

/// A row that moves from one spelling of its key to the other and back is still there.
pub fn zeros_of_either_sign_are_one_key<B: Bench>() {
    let table = Table::new("points")
        .column("x", ColumnType::Double)
        .column("name", ColumnType::String)
        .key(["x"]);
    for others in [0, 100, 10_100] {
        let mut bed = Bed::<B>::new("{}");
        bed.plan(&upsert(&table)).unwrap();
        bed.write(vec![rows(&table, &[(Insert, json!({"x": 0.0, "name": "a"}))])]).unwrap();
        let moves = [
            (Delete, json!({"x": 0.0})),
            (Insert, json!({"x": -0.0, "name": "b"})),
            (Delete, json!({"x": -0.0})),
            (Insert, json!({"x": 0.0, "name": "c"})),
        ];
        let rest: Vec<_> = (1000..1000 + others).map(|x| (Delete, json!({"x": x}))).collect();
        let outcome = bed.write(vec![rows(&table, &[&moves[..], &rest].concat())]).unwrap();
        assert!(outcome.rejected.is_empty(), "{others}: {outcome:?}");
        assert_eq!(bed.query("SELECT name FROM points"), ["c"], "{others}");
    }
}

/// Together and one by one.
pub fn a_key_of_any_type_is_found_again<B: Bench>() {
    for (column_type, value) in [
        ("string", Value::Str("ключ \"'")),
        ("bigint", Value::I64(-7)),
        ("decimal(30,10)", Value::Str("1.5")),
        ("double", Value::F64(1.5)),
        ("timestamptz", Value::TimestampTz(1)),
        ("uuid", Value::Uuid([1; 16])),
        ("binary", Value::Bytes(&[0])),
        ("boolean", Value::Bool(false)),
    ] {
        let table = Table::new("t").column("k", column_type.parse().unwrap()).key(["k"]);
        let mut bed = Bed::<B>::new("{}");
        bed.plan(&upsert(&table)).unwrap();
        let mut write = |operations: &[Operation]| {
            let mut writer = TableWriter::changes(&table);
            for operation in operations {
                writer.push(*operation, [value.clone()]).unwrap();
            }
            bed.write(vec![writer.finish().unwrap()]).unwrap();
            bed.query("SELECT count(*) FROM t")
        };
        assert_eq!(write(&[Insert, Operation::Update, Delete]), ["0"], "{column_type}");
        assert_eq!(write(&[Insert]), ["1"], "{column_type}");
        assert_eq!(write(&[Operation::Update]), ["1"], "{column_type}");
        assert_eq!(write(&[Delete]), ["0"], "{column_type}");
    }
}
