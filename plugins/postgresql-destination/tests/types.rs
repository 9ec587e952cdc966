//! Every type of the model comes back as it was.

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used)]

mod support;

use cartridge_warp_sdk::{
    Column, ColumnType, Operation, Table, TablePlan, TableWriter, Value, WriteMode,
};
use serde_json::json;
use support::{Bed, Insert, cluster, rows, upsert};

/// Rows of a column `v`, one by one, copied, as arrays and through the staging table.
fn stored(column: Column, values: &[Value<'_>]) -> Vec<String> {
    let table = Table::new("t").column("id", ColumnType::Integer).with(column).key(["id"]);
    let mut bed = Bed::new("{}");
    bed.plan(&upsert(&table)).unwrap();
    let mut write = |ids: std::ops::Range<i64>, operation| {
        let mut writer = TableWriter::inserts(&table);
        for id in ids {
            let value = values[id as usize % values.len()].clone();
            writer.push(operation, [Value::I64(id), value]).unwrap();
        }
        let outcome = bed.write(vec![writer.finish().unwrap()]).unwrap();
        assert!(outcome.rejected.is_empty(), "{outcome:?}");
    };
    let count = values.len() as i64;
    write(0..count, Operation::Insert);
    write(count * 50..count * 100, Operation::Insert);
    write(count * 150..count * 200, Operation::Update);
    write(count * 4000..count * 4000 + 10_100, Operation::Update);
    let sql = |ids: &str| {
        format!("SELECT pg_typeof(v), v FROM t WHERE id >= {ids} ORDER BY id LIMIT {count}")
    };
    let first = bed.query(&sql("0"));
    assert_eq!(bed.query(&sql(&(count * 50).to_string())), first, "copied");
    assert_eq!(bed.query(&sql(&(count * 150).to_string())), first, "as arrays");
    assert_eq!(bed.query(&sql(&(count * 4000).to_string())), first, "staged");
    first
}

#[test]
fn each_type_has_one_exact_form() {
    let huge = "1234567890123456789012345678901234567890123456789012345.6789";
    for (column_type, values, expect) in [
        (
            "string",
            vec![Value::Str("007"), Value::Str(""), Value::Str("ü\u{1}\"|"), Value::Null],
            vec!["text|007", "text|", "text|ü\u{1}\"|", "text|null"],
        ),
        ("integer", vec![Value::I64(i32::MIN.into())], vec!["integer|-2147483648"]),
        ("bigint", vec![Value::I64(i64::MAX)], vec!["bigint|9223372036854775807"]),
        ("decimal(20,0)", vec![Value::U64(u64::MAX)], vec!["numeric|18446744073709551615"]),
        ("float", vec![Value::F64(0.5), Value::F64(f64::NAN)], vec!["real|0.5", "real|NaN"]),
        (
            "double",
            vec![Value::F64(0.1), Value::F64(f64::NEG_INFINITY)],
            vec!["double precision|0.1", "double precision|-Infinity"],
        ),
        (
            "decimal(10,2)",
            vec![Value::Str("-0.5"), Value::Str("12345678.90"), Value::I64(0)],
            vec!["numeric|-0.50", "numeric|12345678.90", "numeric|0.00"],
        ),
        ("decimal(5,-2)", vec![Value::I64(1_234_500)], vec!["numeric|1234500"]),
        (
            "decimal(60,4)",
            vec![Value::Str(huge), Value::Str("0.0001")],
            vec![
                "numeric|1234567890123456789012345678901234567890123456789012345.6789",
                "numeric|0.0001",
            ],
        ),
        ("boolean", vec![Value::Bool(true), Value::Bool(false)], vec!["boolean|t", "boolean|f"]),
        (
            "date",
            vec![Value::Str("2024-02-29"), Value::Date(-800_000), Value::Date(i32::MAX)],
            vec!["date|2024-02-29", "date|0222-09-04 BC", "date|infinity"],
        ),
        ("time", vec![Value::Str("23:59:59.5")], vec!["time without time zone|23:59:59.5"]),
        (
            "timestamp",
            vec![Value::Timestamp(0), Value::Timestamp(i64::MIN)],
            vec![
                "timestamp without time zone|1970-01-01 00:00:00",
                "timestamp without time zone|-infinity",
            ],
        ),
        (
            "timestamptz",
            vec![Value::TimestampTz(-1)],
            vec!["timestamp with time zone|1969-12-31 23:59:59.999999+00"],
        ),
        ("uuid", vec![Value::Uuid([0xab; 16])], vec!["uuid|abababab-abab-abab-abab-abababababab"]),
        ("json", vec![Value::Json(r#"{"a": 1.10}"#.into())], vec![r#"jsonb|{"a": 1.10}"#]),
        (
            "binary",
            vec![Value::Bytes(&[0, 255]), Value::Bytes(&[])],
            vec!["bytea|\\x00ff", "bytea|\\x"],
        ),
    ] {
        let column = Column::new("v", column_type.parse().unwrap());
        assert_eq!(stored(column, &values), expect, "{column_type}");
    }
}

#[test]
fn lists_are_arrays() {
    let list = |items| Value::List(items);
    for (column_type, values, expect) in [
        (
            "array(integer)",
            vec![list(vec![Value::I64(1), Value::Null, Value::I64(3)]), list(vec![])],
            vec!["integer[]|{1,NULL,3}", "integer[]|{}"],
        ),
        (
            "array(array(string))",
            vec![list(vec![
                list(vec![Value::Str("a"), Value::Str("b,")]),
                list(vec![Value::Null, Value::Str("")]),
            ])],
            vec![r#"text[]|{{a,"b,"},{NULL,""}}"#],
        ),
        ("array(decimal(5,1))", vec![list(vec![Value::Str("1.5")])], vec!["numeric[]|{1.5}"]),
        ("array(json)", vec![list(vec![Value::Json("1".into())])], vec!["jsonb[]|{1}"]),
    ] {
        let column = Column::new("v", column_type.parse().unwrap());
        assert_eq!(stored(column, &values), expect, "{column_type}");
    }
}

/// Types of the server, and values of theirs as it writes them.
const TEXTS: &[(&str, &str)] = &[
    ("numeric", "NaN"),
    ("numeric", "-Infinity"),
    ("numeric", "1.0"),
    ("numeric", "1.00"),
    ("numeric", "-0.0000000001000"),
    ("numeric", "100000000000000000000.5"),
    ("numeric", "0"),
    ("numeric(90,2)", "12345678.90"),
    ("interval", "-1 years -2 mons +3 days -04:05:06.789"),
    ("interval", "00:00:00"),
    ("interval(2)", "1 day 100:00:00.12"),
    ("inet", "192.168.0.1/24"),
    ("inet", "::ffff:10.0.0.1"),
    ("cidr", "2001:db8::/32"),
    ("macaddr", "08:00:2b:01:02:03"),
    ("oid", "4294967295"),
    ("time without time zone", "23:59:59.999999"),
    ("macaddr8", "08:00:2b:01:02:03:04:05"),
    ("bit(3)", "101"),
    ("bit varying(5)", "10"),
    ("money", "$1,234.50"),
    ("xml", "<a b=\"c\"/>"),
    ("tsvector", "'fat':2 'rat':3A"),
    ("tsquery", "'fat' & !'cat'"),
    ("point", "(1.5,2)"),
    ("polygon", "((0,0),(1,1),(2,0))"),
    ("int4range", "[1,10)"),
    ("tstzrange", "[\"2024-01-01 00:00:00+00\",)"),
    ("time with time zone", "12:00:00.5+05:30"),
    ("timestamp without time zone", "4713-01-01 00:00:00 BC"),
    ("date", "0044-03-15 BC"),
    ("pg_lsn", "16/B374D848"),
    ("integer[]", "[0:1]={1,NULL}"),
    ("text[]", "{{a,\"b c\"},{NULL,\"\"}}"),
    ("text[]", "{}"),
    ("text[]", "{\"NULL\",\"a\\\\\\\"b\",ü}"),
    ("smallint[]", "[-1:-1][2:3]={{-32768,32767}}"),
    ("bigint[]", "{9223372036854775807}"),
    ("boolean[]", "{t,f}"),
    ("numeric[]", "{1.0,NaN,-1.00}"),
    ("numeric(5,1)[]", "{1.5}"),
    ("character varying(3)[]", "{abc}"),
    ("character(3)[]", "{\"a  \"}"),
    ("name[]", "{a}"),
    ("uuid[]", "{abababab-abab-abab-abab-abababababab}"),
    ("bytea[]", "{\"\\\\x00ff\"}"),
    ("date[]", "{infinity,\"0044-03-15 BC\"}"),
    ("timestamp with time zone[]", "{\"2024-02-29 10:00:00.5+00\"}"),
    ("interval[]", "{\"1 day\"}"),
    ("json[]", "{\"{\\\"a\\\":  1}\"}"),
    ("inet[]", "{10.0.0.1}"),
    ("bit varying[]", "{101,1}"),
    ("double precision[]", "{0.1,NaN}"),
    ("jsonb[]", "{\"{\\\"a\\\": 1}\"}"),
    ("character varying(5)", "ab  "),
    ("jsonpath", "$.\"a\"[*]"),
];

#[test]
fn types_of_postgresql_come_back_from_their_text() {
    let digits = "9".repeat(1000);
    // Not every server was built with XML.
    let has_xml = cluster().try_sql("postgres", "SELECT xml '<a/>'").is_ok();
    let long = ("numeric(1000,0)", digits.as_str());
    for (origin, text) in TEXTS.iter().copied().chain([long]) {
        if origin == "xml" && !has_xml {
            continue;
        }
        let column = Column::new("v", ColumnType::String).origin(format!("postgresql:{origin}"));
        let name = stored(column, &[Value::Str(text), Value::Null]);
        let limits = origin.find('(').zip(origin.find(')'));
        let bare = limits.map_or(origin.to_owned(), |(open, end)| {
            format!("{}{}", &origin[..open], &origin[end + 1..])
        });
        assert_eq!(name, [format!("{bare}|{text}"), format!("{bare}|null")], "{origin}");
    }
    for (column_type, origin, value, expect) in [
        ("integer", "smallint", Value::I64(7), "smallint|7"),
        ("json", "json", Value::Json("{\"b\":1, \"a\":1}".into()), "json|{\"b\":1, \"a\":1}"),
        ("string", "shop.mood", Value::Str("sad"), "text|sad"),
        ("string", "citext", Value::Str("X"), "text|X"),
        ("string", "character(3)", Value::Str("a  "), "character|a  "),
        ("string", "name", Value::Str("a"), "name|a"),
    ] {
        let column = Column::new("v", column_type.parse().unwrap());
        let column = column.origin(format!("postgresql:{origin}"));
        assert_eq!(stored(column, &[value]), [expect], "{origin}");
    }
}

/// Rows beyond which a batch that is not copied straight into its table is staged.
const MANY: usize = 10_100;

#[test]
fn new_rows_of_types_of_postgresql_are_staged_only_where_the_server_has_to_read_them() {
    for (origin, text, is_staged) in [
        ("numeric", "1.50", false),
        ("interval", "1 day", false),
        ("numeric[]", "{1.0,NULL}", false),
        ("inet", "10.0.0.1", false),
        ("numeric", "1e5", true),
        ("interval", "P1D", true),
        ("integer[]", "{ 1 }", true),
        ("point", "(1.5,-2e-07)", false),
        ("time with time zone", "12:00:00.5-03:30", false),
        ("tstzrange", "[\"2024-01-01 00:00:00+00\",)", false),
        ("numrange", "empty", false),
        ("int4multirange", "{[1,3),[5,9)}", false),
        ("time with time zone", "24:00:00+00", true),
        ("int4range", "[1, 5)", true),
        ("box", "(1,2),(0,0)", true),
    ] {
        let column = Column::new("v", ColumnType::String).origin(format!("postgresql:{origin}"));
        let table = Table::new("t").column("id", ColumnType::Integer).with(column).key(["id"]);
        let append = TablePlan { write_mode: WriteMode::Append, ..upsert(&table) };
        for plan in [upsert(&table), append] {
            let mut bed = Bed::new("{}");
            bed.plan(&plan).unwrap();
            let mut writer = TableWriter::inserts(&table);
            for id in 0..MANY {
                writer.push(Insert, [Value::I64(id as i64), Value::Str(text)]).unwrap();
            }
            let outcome = bed.write(vec![writer.finish().unwrap()]).unwrap();
            let what = format!("{origin} {text}, {:?}", plan.write_mode);
            assert!(outcome.rejected.is_empty(), "{what}: {outcome:?}");
            let same = format!("SELECT count(*) FROM t WHERE v::text = ('{text}'::{origin})::text");
            assert_eq!(bed.query(&same), [MANY.to_string()], "{what}");
            if plan.write_mode == WriteMode::Append {
                let before = "SELECT id, lag(id) OVER (ORDER BY _cartridge_seq) AS before FROM t";
                let ordered = format!("SELECT count(*) FROM ({before}) t WHERE id = before + 1");
                assert_eq!(bed.query(&ordered), [(MANY - 1).to_string()], "{what}");
            }
            let stages = bed.query("SELECT count(*) > 0 FROM pg_class WHERE relpersistence = 't'");
            assert_eq!(stages, [if is_staged { "t" } else { "f" }], "{what}");
        }
    }
}

#[test]
fn wider_columns_of_an_existing_table_take_what_comes() {
    let table = Table::new("t")
        .column("a", ColumnType::Integer)
        .column("b", "decimal(10,2)".parse().unwrap())
        .column("c", ColumnType::Uuid)
        .key(["a", "c"]);
    let mut bed = Bed::new("{}");
    bed.run("CREATE TABLE t (a numeric, b numeric(30,10), c text, PRIMARY KEY (c, a))");
    bed.plan(&upsert(&table)).unwrap();
    let uuid = "abababab-abab-abab-abab-abababababab";
    let row = |a: i32, b: &str| (Insert, json!({"a": a, "b": b, "c": uuid}));
    bed.write(vec![rows(&table, &[row(1, "1.5"), row(2, "2")])]).unwrap();
    let many: Vec<_> = (2..102).map(|a| row(a, "3.25")).collect();
    bed.write(vec![rows(&table, &many)]).unwrap();
    let gone: Vec<_> = (3..103).map(|a| (Operation::Delete, json!({"a": a, "c": uuid}))).collect();
    bed.write(vec![rows(&table, &gone)]).unwrap();
    bed.write(vec![rows(&table, &[(Operation::Delete, json!({"a": 1, "c": uuid}))])]).unwrap();
    assert_eq!(bed.query("SELECT a, b, c FROM t"), [format!("2|3.2500000000|{uuid}")]);
}

#[test]
fn keys_that_are_equal_and_spelled_differently_are_one_row() {
    let of = |column_type: &str, origin: Option<&str>| {
        let column = Column::new("k", column_type.parse().unwrap());
        origin.map_or(column.clone(), |origin| column.origin(format!("postgresql:{origin}")))
    };
    let cases = [
        (of("string", Some("numeric")), json!("1.0"), json!("1.00")),
        (of("string", Some("numeric")), json!("-0.0"), json!("0")),
        (of("string", Some("numeric")), json!("1e2"), json!("100")),
        (of("string", Some("numeric(50,2)")), json!("1.0"), json!("1.00")),
        (of("string", Some("interval")), json!("1 day"), json!("24:00:00")),
        (of("string", Some("character(5)")), json!("a"), json!("a  ")),
        (of("string", Some("inet")), json!("10.0.0.1"), json!("10.0.0.1/32")),
        (of("string", Some("numrange")), json!("[1,2)"), json!("[1.0,2.00)")),
        (of("string", Some("numeric[]")), json!("{1.0}"), json!("{1.00}")),
        (of("array(double)", None), json!([0.0]), json!([-0.0])),
        (of("double", None), json!(0.0), json!(-0.0)),
        (of("float", None), json!(-0.0), json!(0.0)),
        (of("json", Some("jsonb")), json!({"a": 1}), json!({"a": 1.0})),
        (of("json", Some("jsonb")), json!([1, {"b": 1, "a": 2}]), json!([1.0, {"a": 2, "b": 1}])),
    ];
    for (column, one, other) in cases {
        let table = Table::new("t").with(column).column("v", ColumnType::String).key(["k"]);
        let mut bed = Bed::new("{}");
        bed.plan(&upsert(&table)).unwrap();
        // Only then are there other ways than a statement for each row.
        let collapses = table.columns[0].column_type == ColumnType::Double
            || table.columns[0].origin_type.as_deref() == Some("postgresql:numeric");
        let row = |operation, key: &serde_json::Value, value: &str| {
            (operation, json!({"k": key, "v": value}))
        };
        let (insert, delete, update) = (Insert, support::Delete, support::Update);
        for (name, history, expect) in [
            (
                "a move and a move back",
                vec![
                    row(delete, &one, ""),
                    row(insert, &other, "b"),
                    row(delete, &other, ""),
                    row(insert, &one, "c"),
                ],
                vec!["c"],
            ),
            (
                "a deletion under the other spelling",
                vec![row(update, &one, "b"), row(delete, &other, "")],
                vec![],
            ),
            (
                "the last update",
                vec![row(update, &one, "b"), row(update, &other, "c"), row(update, &one, "d")],
                vec!["d"],
            ),
            (
                "one that says nothing new",
                vec![row(update, &other, "b"), row(update, &one, "~")],
                vec!["b"],
            ),
        ] {
            for others in [0, 100, if collapses { 10_100 } else { 0 }] {
                let mut request = bed.request(vec![rows(&table, &[row(insert, &one, "a")])]);
                request.clear_tables = vec!["t".to_owned()];
                bed.send(request).unwrap();
                // Rows of the same key again and again, so that the batch is a long one.
                let rest = (0..others).map(|_| history[history.len() - 1].clone());
                let all: Vec<_> = history.iter().cloned().chain(rest).collect();
                let outcome = bed.write(vec![rows(&table, &all)]).unwrap();
                let what = format!("{:?} {one}, {other}: {name}, {others}", table.columns[0]);
                assert!(outcome.rejected.is_empty(), "{what}: {outcome:?}");
                assert_eq!(bed.query("SELECT v FROM t"), expect, "{what}");
            }
        }
    }
}
