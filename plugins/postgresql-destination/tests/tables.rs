//! Making, adopting and changing tables.

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used)]

mod support;

use cartridge_warp_sdk::testing::sql::Bench;
use cartridge_warp_sdk::{
    Action, ChangeOutcome, ColumnType, Destination, SchemaChange, SweepRequest, Swept, Table,
    TablePlan,
};
use serde_json::json;
use support::{Bed, Insert, append, cluster, orders, rows, soft, upsert};

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

/// Its keys are compared as it keeps them.
#[test]
fn a_table_of_somebody_else_is_swept_whatever_its_key_is() {
    for (column_type, declared, stays, goes) in [
        (ColumnType::Integer, "numeric(12)", json!(7), json!(8)),
        (ColumnType::String, "varchar COLLATE \"C\"", json!("a"), json!("A")),
    ] {
        let mut bed = Bed::new("{}");
        bed.run(&format!("CREATE TABLE t (k {declared} PRIMARY KEY)"));
        let table = Table::new("t").column("k", column_type.clone()).key(["k"]);
        let keys = Table::new("keys").column("k0", column_type).key(["k0"]);
        bed.plan(&upsert(&table)).unwrap();
        bed.plan(&upsert(&keys)).unwrap();
        let both = [&stays, &goes].map(|key| (Insert, json!({"k": key})));
        bed.write(vec![rows(&table, &both)]).unwrap();
        let request = SweepRequest {
            schema: "shop".to_owned(),
            table: "t".to_owned(),
            keys: "keys".to_owned(),
            markers: Vec::new(),
            epoch: bed.epoch,
        };
        let destination = bed.bench.destination();
        assert_eq!(destination.begin_sweep(&request).unwrap(), None, "{declared}");
        bed.write(vec![rows(&keys, &[(Insert, json!({"k0": stays}))])]).unwrap();
        let swept = bed.bench.destination().sweep(&request).unwrap();
        assert_eq!(swept, Swept { rows: 1, done: true }, "{declared}");
        assert_eq!(bed.query("SELECT count(*) FROM t"), ["1"], "{declared}");
    }
}

#[test]
fn each_schema_has_tables_of_its_own() {
    let mut bed = Bed::new("{}");
    bed.plan(&upsert(&orders())).unwrap();
    bed.bench.destination.create_schema_if_not_exists("crm").unwrap();
    let epoch = bed.bench.destination.claim_schema("crm", "test").unwrap();
    bed.bench.destination.create_table_if_not_exists("crm", &upsert(&orders()), epoch).unwrap();
    bed.write(vec![rows(&orders(), &[(Insert, json!({"id": 1}))])]).unwrap();
    let counts = "SELECT (SELECT count(*) FROM shop.orders), (SELECT count(*) FROM crm.orders)";
    assert_eq!(bed.query(counts), ["1|0"]);
}

#[test]
fn what_others_depend_on_is_not_dropped() {
    let mut bed = Bed::new("{}");
    bed.plan(&upsert(&orders())).unwrap();
    bed.run("CREATE VIEW v AS SELECT name FROM orders");
    let change = SchemaChange::drop_column("name", orders());
    let outcomes = bed.change(&[change]).unwrap();
    assert!(
        matches!(&outcomes[0], ChangeOutcome::Refused(reason) if reason.contains("depend")),
        "{outcomes:?}"
    );
}

#[test]
fn rows_bring_narrower_types_and_no_others() {
    let mut bed = Bed::new("{}");
    bed.plan(&upsert(&orders())).unwrap();
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
