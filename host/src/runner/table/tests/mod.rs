//! What tables make of batches by their rules, on Arrow's level.

mod filtered;

use std::{collections::HashMap, sync::Arc};

use arrow_array::{
    Array, ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt8Array,
    cast::AsArray,
    types::{Int32Type, Int64Type, TimestampMicrosecondType, UInt8Type},
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use serde_json::{Value, json};

use super::{Past, Promises, Table, TableRules, Taken};
use crate::{
    config::WarpConfig,
    model::{ChangeKind, ColumnType, SchemaChange, TableBatch, TableShape, batch::OP_COLUMN},
    plugin::{encode_batch, table_schema},
};

/// A table `t` with these columns, of which the first is the key, and with these rules.
fn table(fields: Vec<Field>, columns: Value) -> Table {
    let key = vec![fields[0].name().clone()];
    let rules = json!({"name": "t", "columns": columns});
    table_of(fields, key, rules, Promises::default())
}

/// The same with another key, settings and promises.
fn table_of(fields: Vec<Field>, key: Vec<String>, rules: Value, promises: Promises) -> Table {
    let schema = Arc::new(Schema::new(fields));
    let source = TableShape { name: "t".into(), schema, key, estimated_rows: None };
    let config = json!({
        "name": "shop-eu",
        "single_schema_name": "public",
        "hash_key": "a key of some length",
        "source": {"type": "files", "connection_string": "in"},
        "destination": {"type": "sqlite", "connection_string": "out.db"},
        "schemas": [{"name": "public", "tables": [rules]}],
    });
    let config = WarpConfig::from_value(config, std::path::Path::new("/")).unwrap();
    Table::new(source, config.table_settings("public", "t"), promises)
}

fn batch(columns: Vec<(Field, ArrayRef)>) -> TableBatch {
    let (fields, columns): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let schema = table_schema(Arc::new(Schema::new(fields))).unwrap();
    let rows = RecordBatch::try_new(Arc::clone(&schema.arrow), columns).unwrap();
    encode_batch("t", &schema, rows).unwrap()
}

fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, name != OP_COLUMN)
}

fn column(name: &str, values: impl Array + 'static) -> (Field, ArrayRef) {
    (field(name, values.data_type().clone()), Arc::new(values))
}

fn faults(table: &Table) -> String {
    let faults: Vec<String> = table.faults(true).iter().map(ToString::to_string).collect();
    faults.join("; ")
}

#[test]
fn a_value_that_its_type_does_not_have_is_a_dead_letter_and_the_others_keep_their_order() {
    let fields = vec![
        field("id", DataType::Int64),
        field("n", DataType::Int64),
        field("note", DataType::Utf8),
    ];
    let mut table = table(fields, json!({"types": {"n": "integer"}, "exclude": ["note"]}));
    assert_eq!(faults(&table), "");
    assert_eq!(*table.plan().schema.field(1).data_type(), DataType::Int32);
    let Taken { batches, letters } = table
        .shape(batch(vec![
            column("_op", UInt8Array::from(vec![0, 1, 1, 2, 0])),
            column("id", Int64Array::from(vec![1, 2, 3, 4, 5])),
            column(
                "n",
                Int64Array::from(vec![
                    Some(-7),
                    Some(3_000_000_000),
                    None,
                    None,
                    Some(-2_147_483_649),
                ]),
            ),
            column("note", StringArray::from(vec!["a", "b", "c", "d", "e"])),
            // The third row's `n` and the second one's `note` were not sent.
            column(
                "_unchanged",
                BinaryArray::from(vec![
                    None,
                    Some([0b100_u8].as_slice()),
                    Some(&[0b10]),
                    None,
                    None,
                ]),
            ),
        ]))
        .unwrap();
    let numbers: Vec<Vec<Option<i32>>> = batches
        .iter()
        .map(|batch| {
            let column = batch.columns.column_by_name("n").unwrap();
            column.as_primitive::<Int32Type>().iter().collect()
        })
        .collect();
    assert_eq!(numbers, [vec![Some(-7)], vec![None, None]]);
    let bits = batches[1].columns.column_by_name("_unchanged").unwrap().as_binary::<i32>();
    assert_eq!(bits.value(0), [0b10], "what was not sent stays as it is at the destination");
    let said: Vec<_> =
        letters.iter().map(|it| (it.operation.as_str(), it.payload.as_str())).collect();
    assert_eq!(
        said,
        [
            ("update", r#"{"id":2,"n":3000000000}"#),
            ("insert", r#"{"id":5,"n":-2147483649,"note":"e"}"#)
        ]
    );
    let letter = &letters[0];
    assert_eq!((letter.table.as_str(), letter.code.as_str()), ("t", "type-conversion"));
    assert_eq!(letter.message, "the value of `n` is none of type integer");
    assert_eq!(table.redact_payload(&letters[1].payload), r#"{"id":5,"n":-2147483649}"#);
}

#[test]
fn added_columns_hold_what_is_known_of_a_row() {
    let moment = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let add = json!({
        "source": "eu", "version": 2, "rate": 0.5, "is_new": true, "pipeline": {"from": "pipeline"},
        "schema": {"from": "schema"}, "of": {"from": "table"}, "at": {"from": "commit_time"},
    });
    let mut table = table(vec![field("id", DataType::Int64)], json!({"add": add}));
    assert_eq!(faults(&table), "");
    let names: Vec<String> =
        table.plan().schema.fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(
        names,
        ["id", "at", "is_new", "of", "pipeline", "rate", "schema", "source", "version"]
    );
    assert_eq!(table.column_count(), 9);
    let times = TimestampMicrosecondArray::from(vec![Some(5), None]).with_timezone("UTC");
    let changes = batch(vec![
        column("_op", UInt8Array::from(vec![1, 2])),
        (field("_ts", moment.clone()), Arc::new(times)),
        column("id", Int64Array::from(vec![1, 2])),
    ]);
    let shaped = table.shape(changes).unwrap().batches.remove(0).columns;
    let text =
        |name: &str| shaped.column_by_name(name).unwrap().as_string::<i32>().value(1).to_owned();
    assert_eq!(
        [text("source"), text("pipeline"), text("schema"), text("of")],
        ["eu", "shop-eu", "public", "t"]
    );
    let times = shaped.column_by_name("at").unwrap().as_primitive::<TimestampMicrosecondType>();
    assert_eq!(times.iter().collect::<Vec<_>>(), [Some(5), None]);
    // Rows of a copy have no time, and a truncate nothing at all.
    let copied = table.shape(batch(vec![column("id", Int64Array::from(vec![1]))])).unwrap();
    assert!(copied.batches[0].columns.column_by_name("at").unwrap().is_null(0));
    let truncation = table.truncation().unwrap().remove(0).columns;
    let data = truncation.schema();
    let data = data.fields().iter().filter(|field| field.name() != "_op");
    for field in data {
        assert!(truncation.column_by_name(field.name()).unwrap().is_null(0), "{}", field.name());
    }
}

#[test]
fn rules_that_cannot_work_are_told() {
    let moment = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    for (case, key, rules, expected) in [
        (
            "no way",
            DataType::Int64,
            json!({"types": {"at": "bigint"}}),
            "`columns.types.at` makes bigint of",
        ),
        (
            "keys that are many texts",
            DataType::Utf8,
            json!({"types": {"k": "bigint"}}),
            "of a key column of",
        ),
        (
            "keys that are floats",
            DataType::Float64,
            json!({"types": {"k": "text"}}),
            "of a key column of",
        ),
        ("keys as their text", DataType::Int64, json!({"types": {"k": "text"}}), ""),
        ("keys in fewer bits", DataType::Int64, json!({"types": {"k": "integer"}}), ""),
        ("keys that are hashed", DataType::Utf8, json!({"mask": {"k": "hash"}}), ""),
        (
            "half of a key",
            DataType::Utf8,
            json!({"mask": {"k": {"keep_last": 4}}}),
            "`k` cannot be masked",
        ),
        (
            "a domain as a key",
            DataType::Utf8,
            json!({"mask": {"k": "email"}}),
            "`k` cannot be masked",
        ),
        (
            "a column of its name",
            DataType::Int64,
            json!({"add": {"at": "x"}}),
            "`columns.add` adds one of this name",
        ),
        (
            "the name is free",
            DataType::Int64,
            json!({"rename": {"at": "b"}, "add": {"at": "x"}}),
            "",
        ),
    ] {
        let table = table(vec![field("k", key), field("at", moment.clone())], rules);
        let found = faults(&table);
        let is_right =
            if expected.is_empty() { found.is_empty() } else { found.contains(expected) };
        assert!(is_right, "{case}: {found}");
    }
}

/// A column that its source tells apart from others of its name.
fn identified(name: &str, id: &str) -> Field {
    field(name, DataType::Utf8).with_metadata(HashMap::from([("warp:id".into(), id.into())]))
}

#[test]
fn what_a_table_became_is_its_own_matter_and_no_mistake_of_the_settings() {
    let column = identified;
    let (k, a) = (|| column("k", "1"), || column("a", "2"));
    let mask = |name: &str| json!({"name": "t", "columns": {"mask": [name]}});
    let soft = json!({"name": "t", "deletion_strategy": "soft"});
    let exclude = json!({"name": "t", "columns": {"exclude": ["a"]}});
    let rename = json!({"name": "t", "columns": {"rename": {"k": "b"}}});
    let past = |fields, key: &str| Some((fields, key.to_owned()));
    let promises = Promises { soft_delete: true, ..Promises::default() };
    for (case, rules, past, now, key, expected) in [
        ("a typing mistake", mask("x"), past(vec![k(), a()], "k"), vec![k(), a()], "k", "Unusable"),
        (
            "another name",
            mask("a"),
            past(vec![k(), a()], "k"),
            vec![k(), column("b", "2")],
            "k",
            "Unfit",
        ),
        ("dropped", mask("a"), past(vec![k(), a()], "k"), vec![k()], "k", ""),
        ("another key", exclude.clone(), past(vec![k(), a()], "k"), vec![k(), a()], "a", "Unfit"),
        (
            "the key before, too",
            exclude.clone(),
            past(vec![k(), a()], "a"),
            vec![k(), a()],
            "a",
            "Unusable",
        ),
        (
            "a name is taken",
            soft,
            past(vec![k()], "k"),
            vec![k(), column("is_deleted", "3")],
            "k",
            "Unfit",
        ),
        (
            "two of one name",
            rename,
            past(vec![k()], "k"),
            vec![k(), column("b", "3")],
            "k",
            "Unfit",
        ),
        ("it came later", exclude, None, vec![k(), a()], "a", "Unfit"),
    ] {
        let table = table_of(now, vec![key.to_owned()], rules, promises);
        let past = past.map(|(fields, key)| {
            let schema = Arc::new(Schema::new(fields));
            let shape =
                TableShape { name: "t".into(), schema, key: vec![key], estimated_rows: None };
            Past { shape, rules: None }
        });
        let found = format!("{:?}", table.faults_since(true, past.as_ref()));
        let is_right = if expected.is_empty() {
            found == "[]"
        } else {
            found.starts_with(&format!("[{expected}"))
        };
        assert!(is_right, "{case}: {found}");
    }
}

#[test]
fn rules_for_a_column_that_the_destination_has_dropped_too_are_no_mistake() {
    let table = table(vec![identified("k", "1")], json!({"mask": ["a"]}));
    let past = |rules| Past { shape: table.source.clone(), rules };
    let found = |rules| table.faults_since(true, Some(&past(rules))).len();
    assert_eq!((found(Some(table.rules())), found(None)), (0, 1));
}

#[test]
fn a_change_that_the_rules_cannot_take_is_told() {
    let rules = json!({"add": {"source": "eu"}, "types": {"n": "date"}, "rename": {"a": "b"}});
    let columns = || {
        vec![field("id", DataType::Int64), field("n", DataType::Utf8), field("a", DataType::Utf8)]
    };
    let table = table(columns(), rules);
    let check = |kind: ChangeKind, new: Field| {
        let mut fields = columns();
        fields.retain(|field| field.name() != new.name());
        fields.push(new);
        let schema = Arc::new(Schema::new(fields));
        let key = vec!["id".to_owned()];
        let after = TableShape { name: "t".into(), schema, key, estimated_rows: None };
        let change = SchemaChange { table: "t".into(), kind, after: Some(after) };
        table.check_change(&change).err().map_or_else(String::new, |error| error.to_string())
    };
    let add = |column: &str| ChangeKind::AddColumn { column: column.into() };
    assert!(
        check(add("source"), field("source", DataType::Utf8)).contains("`columns.add` adds one")
    );
    assert!(check(add("b"), field("b", DataType::Utf8)).contains("another is called `b` already"));
    assert_eq!(check(add("c"), field("c", DataType::Utf8)), "");
    let modify = ChangeKind::ModifyColumn { column: "n".into() };
    assert_eq!(check(modify.clone(), field("n", DataType::Date32)), "", "the column stays text");
    let json = ColumnType::Json.field("n");
    assert!(check(modify, json).contains("makes date of"));
}

#[test]
fn text_is_text_and_no_longer_what_its_source_calls_it() {
    let numeric = [("warp:type".to_owned(), "numeric".to_owned())];
    let numeric = field("n", DataType::Utf8).with_metadata(HashMap::from(numeric));
    let unseen = [("warp:unseen".to_owned(), "true".to_owned())];
    let unseen = field("u", DataType::Utf8).with_metadata(HashMap::from(unseen));
    let rules = json!({"types": {"n": "text", "u": "date"}});
    let fields = vec![field("id", DataType::Int64), numeric.clone(), unseen];
    let mut table_of_text = table(fields, rules);
    assert_eq!(faults(&table_of_text), "", "nobody knows yet what `u` is");
    let plan = table_of_text.plan().schema;
    assert!(plan.field(1).metadata().is_empty() && *plan.field(2).data_type() == DataType::Date32);
    let rows = batch(vec![
        column("id", Int64Array::from(vec![1])),
        (numeric.clone(), Arc::new(StringArray::from(vec!["1.0"]))),
    ]);
    let shaped = table_of_text.shape(rows).unwrap().batches.remove(0).columns;
    assert_eq!(shaped.column_by_name("n").unwrap().as_string::<i32>().value(0), "1.0");
    // `1.0` and `1.00` are one key and two texts.
    let key = table(vec![numeric], json!({"types": {"n": "text"}}));
    assert!(faults(&key).contains("of a key column of"));
}

#[test]
fn hashes_of_releases_before_are_those_without_a_key() {
    let before: TableRules = serde_json::from_value(json!({
        "columns": {"include": [], "exclude": [], "mask": {"note": "hash"}, "rename": {}},
        "left_out": [], "write_mode": "upsert", "deletion_strategy": "hard",
        "soft_delete_column": "is_deleted", "deleted_at_column": "deleted_at",
    }))
    .unwrap();
    for (mask, changes) in [(json!("hash-unkeyed"), 0), (json!("hash"), 1), (json!("email"), 1)] {
        let fields = vec![field("id", DataType::Int64), field("note", DataType::Utf8)];
        let table = table(fields, json!({"mask": {"note": mask}}));
        let found = before.changes(&table.rules(), &table.source, &[]);
        assert_eq!(found.len(), changes, "{mask}: {found:?}");
        let stored = serde_json::to_string(&table.rules()).unwrap();
        assert!(!stored.contains("a key of some length"), "{stored}");
    }
}

/// A log of rows with a column `k`, its key or not.
fn log(has_key: bool, exact_snapshot: bool, change_log: bool) -> Table {
    let key = if has_key { vec!["k".to_owned()] } else { Vec::new() };
    let promises = Promises { exact_snapshot, change_log, append: true, ..Promises::default() };
    let rules = json!({"name": "t", "write_mode": "append"});
    table_of(vec![field("k", DataType::Int64)], key, rules, promises)
}

#[test]
fn a_log_takes_what_is_told_twice_only_by_keys() {
    for (case, has_key, exact, change_log, expected) in [
        ("nothing is told twice", false, true, false, ""),
        ("the last row of a key counts", true, false, true, ""),
        ("nothing tells which rows are one", false, false, true, "it has no key"),
        ("rows do not say what they are", true, false, false, "would double rows"),
    ] {
        let found = faults(&log(has_key, exact, change_log));
        let is_right =
            if expected.is_empty() { found.is_empty() } else { found.contains(expected) };
        assert!(is_right, "{case}: {found}");
    }
}

#[test]
fn copied_rows_of_a_log_say_so_where_their_changes_come_once_more() {
    let sent = || {
        let operations = column(OP_COLUMN, UInt8Array::from(vec![0, 1]));
        [
            batch(vec![column("k", Int64Array::from(vec![7, 8]))]),
            batch(vec![column("k", Int64Array::from(vec![7, 8])), operations]),
        ]
    };
    for rows in sent() {
        let mut table = log(true, false, true);
        let copied = table.shape(table.copied(rows).unwrap()).unwrap().batches.remove(0);
        let column = |name| copied.columns.column_by_name(name).unwrap();
        assert_eq!(column(OP_COLUMN).as_primitive::<UInt8Type>().values(), &[4, 4]);
        assert_eq!(column("k").as_primitive::<Int64Type>().values(), &[7, 8]);
        assert_eq!(copied.operation_counts(), [2, 0, 0, 0], "they count as inserts");
    }
    for rows in sent() {
        let exact = log(true, true, true).copied(rows.clone()).unwrap();
        assert_eq!(exact.columns, rows.columns, "nothing comes once more");
        let upserted = table(vec![field("k", DataType::Int64)], json!({}));
        assert_eq!(upserted.copied(rows.clone()).unwrap().columns, rows.columns, "no log");
    }
}

#[test]
fn only_chunks_that_may_come_in_any_order_have_several_readers() {
    let machine =
        std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, 4));
    let seven = || json!({"name": "t", "max_parallel_streams": 7});
    let nobody = || json!({"name": "t"});
    let log = || json!({"name": "t", "write_mode": "append"});
    for (case, rules, disjoint_chunks, shared_epoch, chunks, expected) in [
        ("as many as somebody says", seven(), true, false, 9, 7),
        ("also where the table is small", seven(), true, true, 1, 7),
        ("chunks that have to come in order", seven(), false, true, 9, 1),
        ("as many as the machine's cores can serve", nobody(), true, true, 9, machine),
        ("a small table", nobody(), true, true, 1, 1),
        ("nothing to copy", nobody(), true, true, 0, 1),
        ("one connection to write over", nobody(), true, false, 9, 1),
        ("a log, whose order is that of one connection", log(), true, true, 9, 1),
    ] {
        let promises =
            Promises { disjoint_chunks, shared_epoch, append: true, ..Promises::default() };
        let fields = vec![field("k", DataType::Int64)];
        let table = table_of(fields, vec!["k".to_owned()], rules, promises);
        assert_eq!(table.readers_of(chunks), expected, "{case}");
    }
}
