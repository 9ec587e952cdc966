//! Making, adopting and changing tables.

use serde_json::json;

use super::{Bed, Bench, append, orders, rows, soft, upsert};
use crate::Operation::{Delete, Insert};
use crate::{ChangeOutcome, Column, ColumnType, SchemaChange, Table};

/// Columns are added, and nothing is changed.
pub fn an_existing_table_gets_what_it_lacks_and_loses_nothing<B: Bench>() {
    let mut bed = Bed::<B>::new("{}");
    bed.run(&format!(
        "CREATE TABLE orders (note TEXT DEFAULT 'n', ID {} NOT NULL UNIQUE);
         INSERT INTO orders (id, note) VALUES (1, 'kept')",
        B::WORDS.key
    ));
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
        [format!("kept|1|a|1.00|{}", B::WORDS.no), format!("n|2|b|null|{}", B::WORDS.yes)]
    );
}

/// Words of SQL, quotes, anything.
pub fn names_of_any_kind_are_quoted<B: Bench>() {
    let strange = r#"sélect "quoted" 'x'; -- ☃"#;
    let table = Table::new(strange)
        .column("from", ColumnType::BigInt)
        .column(strange, ColumnType::String)
        .key(["from"]);
    let mut bed = Bed::<B>::new("{}");
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

/// Also by a connection that does not remember them.
pub fn schema_changes_apply_once_and_repeat_without_harm<B: Bench>() {
    let mut bed = Bed::<B>::new("{}");
    bed.plan(&upsert(&orders())).unwrap();
    let one = [(Insert, json!({"id": 1, "name": "a", "price": "1.50"}))];
    bed.write(vec![rows(&orders(), &one)]).unwrap();
    let wide = orders().column("qty", ColumnType::BigInt);
    let mut renamed = wide.clone();
    renamed.columns[1].name = "title".to_owned();
    let mut text = renamed.clone();
    text.columns[3] = Column::new("qty", ColumnType::String);
    let mut narrow = text.clone();
    narrow.columns.remove(2);
    let changes = [
        SchemaChange::add_table(orders()),
        SchemaChange::add_column("qty", wide),
        SchemaChange::rename_column("name", "title", renamed),
        SchemaChange::modify_column("qty", text),
        SchemaChange::drop_column("price", narrow.clone()),
    ];
    use ChangeOutcome::{Applied, Unchanged};
    assert_eq!(bed.change(&changes).unwrap(), [Unchanged, Applied, Applied, Applied, Applied]);
    let two = [(Insert, json!({"id": 2, "title": "b", "qty": "007"}))];
    bed.write(vec![rows(&narrow, &two)]).unwrap();
    assert_eq!(bed.query("SELECT id, title, qty FROM orders ORDER BY id"), ["1|a|null", "2|b|007"]);

    *bed.bench.destination() = bed.bench.connect();
    assert_eq!(bed.change(&changes[2..]).unwrap(), [Unchanged, Unchanged, Unchanged]);
    bed.plan(&upsert(&narrow)).unwrap();
}

/// With a reason for a person.
pub fn changes_that_would_lose_something_are_refused<B: Bench>() {
    let mut bed = Bed::<B>::new("{}");
    bed.run(&format!("CREATE TABLE old (id {} PRIMARY KEY)", B::WORDS.key));
    bed.plan(&upsert(&orders())).unwrap();
    let one = [(Insert, json!({"id": 1, "name": "a"}))];
    bed.write(vec![rows(&orders(), &one)]).unwrap();
    let old = Table::new("old").column("id", ColumnType::BigInt).key(["id"]);
    bed.plan(&upsert(&old)).unwrap();
    let mut number = orders();
    number.columns[1].column_type = ColumnType::Integer;
    for (change, why) in [
        (SchemaChange::modify_column("name", number), "no exact form"),
        (SchemaChange::drop_column("id", orders()), "part of the key"),
        (SchemaChange::rename_column("name", "price", orders()), "there already"),
        (SchemaChange::rename_column("none", "other", orders()), "no column none"),
        (SchemaChange::add_column("other", orders()), "does not say what"),
        (SchemaChange::drop_table("old"), "before the connector"),
    ] {
        let outcomes = bed.change(std::slice::from_ref(&change)).unwrap();
        assert!(
            matches!(&outcomes[0], ChangeOutcome::Refused(reason) if reason.contains(why)),
            "{change:?}: {outcomes:?}"
        );
    }
    let dropped = [SchemaChange::drop_table("orders"), SchemaChange::drop_table("orders")];
    let outcomes = bed.change(&dropped).unwrap();
    assert_eq!(outcomes, [ChangeOutcome::Applied, ChangeOutcome::Unchanged]);
}

/// Widening keeps every value; narrowing would not.
pub fn only_exact_changes_of_a_type_are_made<B: Bench>() {
    for (from, to, possible) in [
        ("integer", "bigint", true),
        ("bigint", "string", true),
        ("bigint", "double", false),
        ("double", "decimal(10,2)", false),
        ("string", "integer", false),
        ("date", "timestamp", true),
        ("timestamp", "timestamptz", false),
        ("string", "json", true),
        ("binary", "string", true),
        ("binary", "json", true),
        ("json", "string", true),
        ("json", "bigint", false),
        ("array(string)", "json", true),
    ] {
        let table = |column_type: &str| {
            let table = Table::new("t").column("id", ColumnType::BigInt).key(["id"]);
            table.column("v", column_type.parse().unwrap())
        };
        let value = match from {
            "integer" | "bigint" | "double" => json!(1),
            "date" => json!("2024-05-01"),
            "timestamp" => json!("2024-05-01T10:00:00"),
            "array(string)" => json!(["a"]),
            _ => json!("a"),
        };
        // Without a value any type can be had.
        for (value, possible) in [(value, possible), (json!(null), true)] {
            let mut bed = Bed::<B>::new("{}");
            bed.plan(&upsert(&table(from))).unwrap();
            let one = [(Insert, json!({"id": 1, "v": value}))];
            bed.write(vec![rows(&table(from), &one)]).unwrap();
            let outcomes = bed.change(&[SchemaChange::modify_column("v", table(to))]).unwrap();
            let applied = outcomes[0] == ChangeOutcome::Applied;
            assert_eq!(applied, possible, "{from} to {to}, {value}: {outcomes:?}");
        }
    }
}

/// Also where a runner died between the change and what it remembers of it.
pub fn the_first_value_of_a_column_gives_it_its_type<B: Bench>() {
    for plan in [upsert, append] {
        let table = |column: Column| {
            let table = Table::new("t").column("id", ColumnType::BigInt).key(["id"]);
            table.with(column)
        };
        let guessed = table(Column::new("v", ColumnType::String).unseen());
        let typed = table(Column::new("v", ColumnType::BigInt));
        let mut bed = Bed::<B>::new("{}");
        let null = |id: i32| [(Insert, json!({"id": id, "v": null}))];
        bed.plan(&plan(&guessed)).unwrap();
        bed.write(vec![rows(&guessed, &null(1))]).unwrap();
        let change = [SchemaChange::modify_column("v", typed.clone())];
        assert_eq!(bed.change(&change).unwrap(), [ChangeOutcome::Applied]);

        *bed.bench.destination() = bed.bench.connect();
        bed.plan(&plan(&guessed)).unwrap();
        bed.write(vec![rows(&guessed, &null(2))]).unwrap();
        assert_eq!(bed.change(&change).unwrap(), [ChangeOutcome::Unchanged]);
        bed.write(vec![rows(&typed, &[(Insert, json!({"id": 3, "v": 7}))])]).unwrap();
        let of_type = "SELECT id, v + 1 FROM t ORDER BY id";
        assert_eq!(bed.query(of_type), ["1|null", "2|null", "3|8"]);
    }
}

/// Nothing is guessed.
pub fn rows_for_an_unknown_table_or_column_fail<B: Bench>() {
    let mut bed = Bed::<B>::new("{}");
    let one = |table: &Table| vec![rows(table, &[(Insert, json!({"id": 1}))])];
    assert_eq!(bed.write(one(&orders())).unwrap_err().code, "unknown-table");
    bed.plan(&upsert(&orders())).unwrap();
    let wide = orders().column("extra", ColumnType::String);
    assert_eq!(bed.write(one(&wide)).unwrap_err().code, "unknown-column");
    let mut other = orders();
    other.columns[1].column_type = ColumnType::Integer;
    assert_eq!(bed.write(one(&other)).unwrap_err().code, "column-type");
    let keyless = Table::new("orders").column("name", ColumnType::String);
    let nameless = vec![rows(&keyless, &[(Insert, json!({"name": "a"}))])];
    assert_eq!(bed.write(nameless).unwrap_err().code, "malformed-batch");
}
