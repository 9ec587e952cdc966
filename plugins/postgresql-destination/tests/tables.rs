//! Making, adopting and changing tables.

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used)]

mod support;

use cartridge_warp_sdk::{
    Action, ChangeOutcome, Column, ColumnType, Destination, SchemaChange, Table, TablePlan,
};
use serde_json::json;
use support::{Bed, Delete, Insert, append, cluster, orders, rows, soft, upsert};

#[test]
fn an_existing_table_gets_what_it_lacks_and_loses_nothing() {
    let mut bed = Bed::new("{}");
    bed.run(
        "CREATE TABLE orders (note TEXT DEFAULT 'n', ID BIGINT NOT NULL UNIQUE);
         INSERT INTO orders (id, note) VALUES (1, 'kept')",
    );
    bed.plan(&soft(&orders())).unwrap();
    bed.plan(&soft(&orders())).unwrap();
    let batch = [
        (Insert, json!({"id": 1, "name": "a", "price": "1.00"})),
        (Insert, json!({"id": 2, "name": "b"})),
        (Delete, json!({"id": 2})),
    ];
    bed.write(vec![rows(&orders(), &batch)]).unwrap();
    assert_eq!(
        bed.query("SELECT note, id, name, price, is_deleted FROM orders ORDER BY id"),
        ["kept|1|a|1.00|f", "n|2|b|null|t"]
    );
}

#[test]
fn what_cannot_be_reconciled_is_refused_in_words() {
    let keyless = TablePlan { key: Vec::new(), ..upsert(&orders()) };
    let own = Table::new("orders")
        .column("id", ColumnType::BigInt)
        .column("deleted_at", ColumnType::String)
        .key(["id"]);
    let twice = Table::new("orders")
        .column("id", ColumnType::BigInt)
        .column("id", ColumnType::BigInt)
        .key(["id"]);
    for (existing, plan, code) in [
        ("CREATE TABLE orders (id BIGINT, name TEXT)", upsert(&orders()), "incompatible-key"),
        (
            "CREATE TABLE orders (id BIGINT, x INTEGER, PRIMARY KEY (id, x))",
            upsert(&orders()),
            "required-column",
        ),
        (
            "CREATE TABLE orders (id BIGINT PRIMARY KEY, price REAL)",
            upsert(&orders()),
            "column-type",
        ),
        (
            "CREATE TABLE orders (id BIGINT PRIMARY KEY, x TEXT NOT NULL)",
            upsert(&orders()),
            "required-column",
        ),
        (
            "CREATE TABLE orders (id BIGINT PRIMARY KEY, name TEXT GENERATED ALWAYS AS ('x') STORED)",
            upsert(&orders()),
            "column-type",
        ),
        ("CREATE TABLE orders (id BIGINT PRIMARY KEY)", append(&orders()), "incompatible-key"),
        ("CREATE VIEW orders AS SELECT 1 AS id", upsert(&orders()), "not-a-table"),
        ("", keyless, "no-key"),
        ("", soft(&own), "column-name-taken"),
        ("", upsert(&twice), "column-name-taken"),
        ("", TablePlan { name: "x".repeat(64), ..upsert(&orders()) }, "invalid-name"),
        (
            "CREATE TABLE orders (id BIGINT PRIMARY KEY, name VARCHAR(20))",
            upsert(&orders()),
            "column-type",
        ),
        (
            "CREATE TABLE orders (id BIGINT PRIMARY KEY DEFERRABLE)",
            upsert(&orders()),
            "incompatible-key",
        ),
        (
            "CREATE TABLE orders (id BIGINT PRIMARY KEY, is_deleted TEXT)",
            soft(&orders()),
            "column-name-taken",
        ),
    ] {
        let mut bed = Bed::new("{}");
        bed.run(existing);
        let failure = bed.plan(&plan).unwrap_err();
        assert_eq!(failure.action, Action::Config, "{existing}");
        assert_eq!(failure.code, code, "{existing}: {failure}");
    }
}

#[test]
fn a_key_that_ignores_case_would_merge_rows() {
    let table = Table::new("t").column("k", ColumnType::String).key(["k"]);
    let mut bed = Bed::new("{}");
    let collation = "CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2',
        deterministic = false)";
    // A server that was built without ICU has no such keys.
    if let Err(refusal) = cluster().try_sql("template1", &format!("BEGIN; {collation}; ROLLBACK")) {
        assert!(refusal.contains("ICU is not supported in this build"), "{refusal}");
        return;
    }
    bed.run(&format!("{collation}; CREATE TABLE t (k text COLLATE any_case PRIMARY KEY)"));
    assert_eq!(bed.plan(&upsert(&table)).unwrap_err().code, "incompatible-key");
}

#[test]
fn each_schema_has_tables_of_its_own() {
    let mut bed = Bed::new("{}");
    bed.plan(&upsert(&orders())).unwrap();
    bed.destination.create_schema_if_not_exists("crm").unwrap();
    let epoch = bed.destination.claim_schema("crm", "test").unwrap();
    bed.destination.create_table_if_not_exists("crm", &upsert(&orders()), epoch).unwrap();
    bed.write(vec![rows(&orders(), &[(Insert, json!({"id": 1}))])]).unwrap();
    let counts = "SELECT (SELECT count(*) FROM shop.orders), (SELECT count(*) FROM crm.orders)";
    assert_eq!(bed.query(counts), ["1|0"]);
}

#[test]
fn names_of_any_kind_are_quoted() {
    let strange = r#"sélect "quoted" 'x'; -- ☃"#;
    let table = Table::new(strange)
        .column("from", ColumnType::BigInt)
        .column(strange, ColumnType::String)
        .key(["from"]);
    let mut bed = Bed::new("{}");
    bed.plan(&soft(&table)).unwrap();
    let batch = [
        (Insert, json!({"from": 1, strange: "v"})),
        (Delete, json!({"from": 1})),
        (Insert, json!({"from": 1, strange: "w"})),
    ];
    bed.write(vec![rows(&table, &batch)]).unwrap();
    let quoted = format!("\"{}\"", strange.replace('"', "\"\""));
    assert_eq!(bed.query(&format!("SELECT {quoted} FROM {quoted}")), ["w"]);
}

#[test]
fn schema_changes_apply_once_and_repeat_without_harm() {
    let mut bed = Bed::new("{}");
    bed.plan(&upsert(&orders())).unwrap();
    bed.write(vec![rows(&orders(), &[(Insert, json!({"id": 1, "name": "a", "price": "1.50"}))])])
        .unwrap();
    let wide = orders().column("qty", ColumnType::BigInt);
    let renamed = {
        let mut table = wide.clone();
        table.columns[1].name = "title".to_owned();
        table
    };
    let text = {
        let mut table = renamed.clone();
        table.columns[3] = Column::new("qty", ColumnType::String);
        table
    };
    let narrow = {
        let mut table = text.clone();
        table.columns.remove(2);
        table
    };
    let changes = [
        SchemaChange::add_table(orders()),
        SchemaChange::add_column("qty", wide),
        SchemaChange::rename_column("name", "title", renamed),
        SchemaChange::modify_column("qty", text),
        SchemaChange::drop_column("price", narrow.clone()),
    ];
    let first = bed.destination.apply_schema_changes("shop", &changes, bed.epoch).unwrap();
    use ChangeOutcome::{Applied, Unchanged};
    assert_eq!(first, [Unchanged, Applied, Applied, Applied, Applied]);
    bed.write(vec![rows(&narrow, &[(Insert, json!({"id": 2, "title": "b", "qty": "007"}))])])
        .unwrap();
    assert_eq!(bed.query("SELECT id, title, qty FROM orders ORDER BY id"), ["1|a|null", "2|b|007"]);

    let mut again = Bed::at(&bed.database, "{}");
    let narrowed = again.destination.apply_schema_changes("shop", &changes[2..], again.epoch);
    let narrowed = narrowed.unwrap();
    assert_eq!(narrowed, [Unchanged, Unchanged, Unchanged]);
    again.plan(&upsert(&narrow)).unwrap();
}

#[test]
fn changes_that_would_lose_something_are_refused() {
    let mut bed = Bed::new("{}");
    bed.run("CREATE TABLE old (id BIGINT PRIMARY KEY)");
    bed.plan(&upsert(&orders())).unwrap();
    let old = Table::new("old").column("id", ColumnType::BigInt).key(["id"]);
    bed.plan(&upsert(&old)).unwrap();
    bed.run("CREATE VIEW v AS SELECT name FROM orders");
    let mut number = orders();
    number.columns[1].column_type = ColumnType::Integer;
    for (change, why) in [
        (SchemaChange::modify_column("name", number), "no exact form"),
        (SchemaChange::drop_column("id", orders()), "part of the key"),
        (SchemaChange::drop_column("name", orders()), "depend"),
        (SchemaChange::rename_column("name", "price", orders()), "there already"),
        (SchemaChange::drop_table("old"), "before the connector"),
    ] {
        let outcomes = bed
            .destination
            .apply_schema_changes("shop", std::slice::from_ref(&change), bed.epoch)
            .unwrap();
        assert!(
            matches!(&outcomes[0], ChangeOutcome::Refused(reason) if reason.contains(why)),
            "{change:?}: {outcomes:?}"
        );
    }
    bed.run("DROP VIEW v");
    let dropped = [SchemaChange::drop_table("orders"), SchemaChange::drop_table("orders")];
    let outcomes = bed.destination.apply_schema_changes("shop", &dropped, bed.epoch).unwrap();
    assert_eq!(outcomes, [ChangeOutcome::Applied, ChangeOutcome::Unchanged]);
}

#[test]
fn rows_for_an_unknown_table_or_column_fail() {
    let mut bed = Bed::new("{}");
    let one = rows(&orders(), &[(Insert, json!({"id": 1}))]);
    assert_eq!(bed.write(vec![one]).unwrap_err().code, "unknown-table");
    bed.plan(&upsert(&orders())).unwrap();
    let wide = orders().column("extra", ColumnType::String);
    let one = rows(&wide, &[(Insert, json!({"id": 1}))]);
    assert_eq!(bed.write(vec![one]).unwrap_err().code, "unknown-column");
    // Integers would become text, and digits would be rounded away.
    for (at, column_type) in [(1, "integer"), (2, "decimal(12,4)"), (0, "decimal(3,0)")] {
        let mut other = orders();
        other.columns[at].column_type = column_type.parse().unwrap();
        let one = rows(&other, &[(Insert, json!({"id": 1}))]);
        assert_eq!(bed.write(vec![one]).unwrap_err().code, "column-type", "{column_type}");
    }
    for (at, column_type) in [(0, "integer"), (2, "decimal(5,1)")] {
        let mut other = orders();
        other.columns[at].column_type = column_type.parse().unwrap();
        let one = rows(&other, &[(Insert, json!({"id": 1, "price": "1.5"}))]);
        assert_eq!(bed.write(vec![one]).unwrap().rows_written, 1, "{column_type}");
    }
    assert_eq!(bed.query("SELECT id, price FROM orders"), ["1|1.50"]);
}
