//! Making, adopting and changing tables.

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used)]

mod support;

use cartridge_warp_sdk::{
    Action, ChangeOutcome, ColumnType, Destination, SchemaChange, Table, TablePlan,
};
use support::{Bed, append, orders, soft, upsert};

#[test]
fn what_cannot_be_reconciled_is_refused_in_words() {
    let keyless = TablePlan { key: Vec::new(), ..upsert(&orders()) };
    let own = Table::new("orders")
        .column("id", ColumnType::BigInt)
        .column("Deleted_At", ColumnType::String)
        .key(["id"]);
    let twice = Table::new("orders")
        .column("id", ColumnType::BigInt)
        .column("ID", ColumnType::BigInt)
        .key(["id"]);
    for (existing, plan, code) in [
        ("CREATE TABLE orders (id INTEGER, name TEXT)", upsert(&orders()), "incompatible-key"),
        (
            "CREATE TABLE orders (id INTEGER, x INTEGER, PRIMARY KEY (id, x))",
            upsert(&orders()),
            "required-column or key",
        ),
        (
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, price REAL)",
            upsert(&orders()),
            "column-type",
        ),
        (
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, x TEXT NOT NULL)",
            upsert(&orders()),
            "required-column",
        ),
        (
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT AS ('x'))",
            upsert(&orders()),
            "column-type",
        ),
        ("CREATE TABLE orders (id INTEGER PRIMARY KEY)", append(&orders()), "incompatible-key"),
        ("CREATE VIEW orders AS SELECT 1 AS id", upsert(&orders()), "not-a-table"),
        ("", keyless, "no-key"),
        ("", soft(&own), "column-name-taken"),
        ("", upsert(&twice), "column-name-taken"),
        ("", TablePlan { name: "sqlite_x".to_owned(), ..upsert(&orders()) }, "invalid-name"),
    ] {
        let mut bed = Bed::new("{}");
        bed.run(existing);
        let failure = bed.plan(&plan).unwrap_err();
        assert_eq!(failure.action, Action::Config, "{existing}");
        if code == "required-column or key" {
            assert_eq!(failure.code, "incompatible-key", "{existing}: {failure}");
        } else {
            assert_eq!(failure.code, code, "{existing}: {failure}");
        }
    }
}

#[test]
fn a_key_that_ignores_case_would_merge_rows() {
    let table = Table::new("t").column("k", ColumnType::String).key(["k"]);
    let mut bed = Bed::new("{}");
    bed.run("CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY)");
    assert_eq!(bed.plan(&upsert(&table)).unwrap_err().code, "incompatible-key");
}

#[test]
fn two_schemas_share_a_file_only_with_different_names() {
    let mut bed = Bed::new("{}");
    bed.plan(&upsert(&orders())).unwrap();
    let epoch = bed.bench.destination.claim_schema("crm", "test").unwrap();
    let taken = TablePlan { name: "ORDERS".to_owned(), ..upsert(&orders()) };
    let failure =
        bed.bench.destination.create_table_if_not_exists("crm", &taken, epoch).unwrap_err();
    assert_eq!(failure.code, "table-name-taken");
    assert!(failure.message.contains("table_prefix"), "{failure}");

    let mut bed = Bed::new(r#"{"schema_prefix": true}"#);
    bed.plan(&upsert(&orders())).unwrap();
    let epoch = bed.bench.destination.claim_schema("crm", "test").unwrap();
    bed.bench.destination.create_table_if_not_exists("crm", &upsert(&orders()), epoch).unwrap();
    let tables =
        "SELECT name FROM sqlite_schema WHERE name LIKE '%\\_orders' ESCAPE '\\' ORDER BY 1";
    assert_eq!(bed.query(tables), ["crm_orders", "shop_orders"]);
}

#[test]
fn what_others_depend_on_is_not_dropped() {
    let mut bed = Bed::new("{}");
    bed.plan(&upsert(&orders())).unwrap();
    bed.run("CREATE VIEW v AS SELECT name FROM orders");
    let change = SchemaChange::drop_column("name", orders());
    let outcomes = bed.change(&[change]).unwrap();
    assert!(
        matches!(&outcomes[0], ChangeOutcome::Refused(reason) if reason.contains("view v")),
        "{outcomes:?}"
    );
}

/// As in other databases: without its column it is of no use.
#[test]
fn an_index_goes_with_its_column() {
    let mut bed = Bed::new("{}");
    bed.plan(&upsert(&orders())).unwrap();
    bed.run("CREATE INDEX i ON orders (name); CREATE INDEX kept ON orders (price)");
    let outcomes = bed.change(&[SchemaChange::drop_column("name", orders())]).unwrap();
    assert_eq!(outcomes, [ChangeOutcome::Applied]);
    let indexes = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'orders'
        AND sql IS NOT NULL";
    assert_eq!(bed.query(indexes), ["kept"]);
}
