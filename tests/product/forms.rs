//! Values take the form that the operator wants: masked, of another type, beside columns that are added.

use cartridge_warp_tests::{Databases, Ended, Pipeline};
use serde_json::{Value, json};

const KEY: &str = "a key of some length";

/// Two tables with one address; `amount` is so long that the log does not repeat it.
fn shop() -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE orders (id bigint PRIMARY KEY, email text, card text, amount text, qty bigint, at timestamp, rate numeric);
         ALTER TABLE orders ALTER amount SET STORAGE EXTERNAL;
         INSERT INTO orders SELECT n, 'a' || n || '@example.com', '411111111111111' || n,
           repeat('0', 4000) || n || '.50', n, '2024-05-01 12:00', n * 1.10 FROM generate_series(1, 3) n;
         CREATE TABLE customers (email text PRIMARY KEY, name text);
         INSERT INTO customers VALUES ('a2@example.com', 'Ana')",
    );
    let mut pipeline = databases.pipeline();
    pipeline.set("name", json!("shop-eu"));
    pipeline.set("hash_key", json!(KEY));
    (databases, pipeline)
}

fn rules(qty: &str, keep: u32) -> Value {
    json!([
        {"name": "orders", "columns": {
            "mask": {"email": "hash", "card": {"keep_last": keep}},
            "types": {"amount": "decimal(12, 2)", "qty": qty, "at": "timestamptz", "rate": "text"},
            "add": {"origin": "eu", "pipeline": {"from": "pipeline"}, "committed": {"from": "commit_time"}},
        }},
        {"name": "customers", "columns": {"mask": {"email": "hash", "name": {"keep_first": 1}}}},
    ])
}

const ROWS: &str =
    "SELECT concat_ws(' ', id, card, amount, qty, at AT TIME ZONE 'UTC', origin, pipeline,
     committed IS NULL) FROM orders ORDER BY id";

fn assert_success(ended: &Ended) {
    assert!(ended.status.success(), "{}", ended.stderr);
}

fn row(id: i64, amount: &str, qty: &str, is_copied: bool) -> String {
    let copied = if is_copied { "t" } else { "f" };
    format!("{id} ***111{id} {amount} {qty} 2024-05-01 12:00:00 eu shop-eu {copied}")
}

#[test]
fn values_take_their_form_in_the_copy_in_the_stream_and_after_an_edit() {
    let (databases, mut pipeline) = shop();
    pipeline.set("schemas.0.tables", rules("integer", 4));
    assert_success(&pipeline.run(&["check"]));
    assert_success(&pipeline.catch_up());
    let copied: Vec<String> =
        (1..=3).map(|n| row(n, &format!("{n}.50"), &n.to_string(), true)).collect();
    assert_eq!(databases.at_destination(ROWS), copied);
    let columns = "SELECT data_type FROM information_schema.columns WHERE table_name = 'orders'
         AND column_name IN ('amount', 'qty', 'at', 'committed', 'rate') ORDER BY column_name";
    let types =
        ["numeric", "timestamp with time zone", "timestamp with time zone", "integer", "text"];
    assert_eq!(databases.at_destination(columns), types);
    let joined = "SELECT o.id, c.name FROM orders o JOIN customers c USING (email)";
    assert_eq!(
        databases.at_destination(joined),
        ["2|A***"],
        "equal values are equal in every table"
    );
    let plain = "SELECT count(*) FROM orders WHERE email = encode(sha256('a2@example.com'), 'hex')";
    assert_eq!(databases.at_destination(plain), ["0"], "and nobody who guesses one can tell");

    // Values that were not sent stay, and those that no integer has are dead letters.
    databases.at_source("UPDATE orders SET qty = 20 WHERE id = 2; UPDATE orders SET qty = 3000000000 WHERE id = 3;
         INSERT INTO orders VALUES (4, 'a4@example.com', '4111111111111114', '1.005', 4, '2024-05-01 12:00');
         INSERT INTO orders VALUES (5, 'a5@example.com', '4111111111111115', '1e1', 5, '2024-05-01 12:00');
         DELETE FROM orders WHERE id = 1");
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(4), "{}", ended.stderr);
    let now = [row(2, "2.50", "20", false), copied[2].clone(), row(5, "10.00", "5", false)];
    assert_eq!(databases.at_destination(ROWS), now);
    let letters = databases.at_destination(
        "SELECT table_name || ': ' || error_message FROM cartridge_warp_metadata.dead_letter_queue ORDER BY 1",
    );
    assert_eq!(
        letters,
        [
            "orders: the value of `amount` is none of type decimal(12, 2)",
            "orders: the value of `qty` is none of type integer",
        ]
    );
    let seen = "SELECT count(*) FROM cartridge_warp_metadata.dead_letter_queue d
         WHERE d::text ~ 'example|4111'";
    assert_eq!(databases.at_destination(seen), ["0"], "what is masked is masked there, too");

    // Edited: the table is copied again, and what was refused fits by now.
    databases.at_source("UPDATE orders SET amount = '4.00' WHERE id = 4");
    pipeline.set("schemas.0.tables", rules("bigint", 3));
    let ended = pipeline.catch_up();
    assert_success(&ended);
    assert!(ended.stderr.contains("`qty` was made integer and is copied"), "{}", ended.stderr);
    let quantities =
        "SELECT string_agg(right(card, -3) || ' ' || qty, ', ' ORDER BY id) FROM orders";
    assert_eq!(databases.at_destination(quantities), ["112 20, 113 3000000000, 114 4, 115 5"]);
}

#[test]
fn with_another_key_what_is_hashed_is_copied_again_and_nothing_else() {
    let (databases, mut pipeline) = shop();
    databases.at_source("CREATE TABLE plain (id int PRIMARY KEY); INSERT INTO plain VALUES (1)");
    pipeline.set(
        "schemas.0.tables",
        json!([{"name": "customers", "columns": {"mask": {"email": "hash"}}}]),
    );
    assert_success(&pipeline.catch_up());
    let hash = || databases.at_destination("SELECT email FROM customers").remove(0);
    let first = hash();
    databases.at_destination("INSERT INTO plain VALUES (-1)");
    // In a file, by now.
    let file = pipeline.path("hash.key");
    std::fs::write(&file, format!("{KEY}\n")).unwrap();
    pipeline.set("hash_key", Value::Null);
    pipeline.set("hash_key_file", json!("./hash.key"));
    let ended = pipeline.catch_up();
    assert_success(&ended);
    assert!(!ended.stderr.contains("copied by other rules"), "the same key: {}", ended.stderr);
    std::fs::write(&file, "another key of that length").unwrap();
    for said in [pipeline.run(&["check"]), pipeline.catch_up()] {
        assert_success(&said);
        assert!(said.stderr.contains("`email` was hashed by the key "), "{}", said.stderr);
        assert!(!said.stderr.contains("another key"), "{}", said.stderr);
    }
    assert_ne!(hash(), first);
    assert_eq!(
        databases.at_destination("SELECT count(*) FROM plain"),
        ["2"],
        "it is not copied again"
    );
    pipeline.set("schema_evolution", json!({"on_rules_change": "refuse"}));
    std::fs::write(&file, "a third key of that length").unwrap();
    let refused = pipeline.catch_up();
    assert!(
        !refused.status.success() && refused.stderr.contains("--full-resync=public.customers"),
        "{}",
        refused.stderr
    );
    // What a stored key would be for: nobody can find it there.
    let stored = "SELECT count(*) FROM cartridge_warp_metadata.sync_markers
         WHERE encode(value, 'escape') ~ 'another key'";
    assert_eq!(databases.at_destination(stored), ["0"]);
}

#[test]
fn forms_that_cannot_be_are_told_by_check_and_park_their_table() {
    let (databases, mut pipeline) = shop();
    let forms = |columns: Value| json!([{"name": "orders", "columns": columns}]);
    for (columns, says) in [
        (json!({"types": {"at": "bigint"}}), "`columns.types.at` makes bigint of"),
        (json!({"mask": {"id": "email"}}), "key column `id` cannot be masked like that"),
        (json!({"types": {"id": "double"}}), "`columns.types.id` makes double of a key column"),
        (json!({"add": {"card": "x"}}), "has a column `card`, and `columns.add` adds one"),
        (json!({"types": {"nowhere": "text"}}), "`columns.types` names `nowhere`"),
    ] {
        pipeline.set("schemas.0.tables", forms(columns));
        let checked = pipeline.run(&["check"]);
        let is_told = checked.stderr.contains(says) && !checked.status.success();
        assert!(is_told, "{says}: {}", checked.stderr);
    }
    pipeline
        .set("schemas.0.tables", forms(json!({"add": {"region": "eu"}, "types": {"id": "text"}})));
    assert_success(&pipeline.catch_up());
    assert_eq!(databases.at_destination("SELECT id || region FROM orders WHERE id = '2'"), ["2eu"]);
    // A column of that name comes at the source: the others go on.
    databases.at_source(
        "ALTER TABLE orders ADD region text; UPDATE orders SET region = 'us' WHERE id = 2;
         INSERT INTO customers VALUES ('b@example.com', 'Bo')",
    );
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("`columns.add` adds one of this name"), "{}", ended.stderr);
    assert_eq!(databases.at_destination("SELECT count(*) FROM customers"), ["2"]);
    assert_eq!(databases.at_destination("SELECT region FROM orders WHERE id = '2'"), ["eu"]);
}

#[test]
fn times_without_an_end_and_far_off_have_texts_too() {
    let databases = Databases::start();
    let row = |id: u8, n: &str| {
        format!(
            "INSERT INTO spans VALUES ({id}, '-infinity', 'infinity', '-infinity', '{n}');
             INSERT INTO spans VALUES ({id}0, '5874897-12-31', '294000-01-01Z', 'infinity', '1');"
        )
    };
    databases.at_source(&format!(
        "CREATE TABLE spans (id int PRIMARY KEY, since date, till timestamptz, at timestamp, n text); {}",
        row(1, "1")
    ));
    let mut pipeline = databases.pipeline();
    let columns =
        json!({"mask": {"till": {"keep_first": 4}}, "types": {"since": "text", "n": "integer"}});
    pipeline.set("schemas.0.tables", json!([{"name": "spans", "columns": columns}]));
    assert_success(&pipeline.catch_up());
    // In the stream, and beside a value that makes its row a dead letter.
    databases.at_source(&format!("{} {}", row(2, "2"), row(3, "x")));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(4), "{}", ended.stderr);
    let rows = databases.at_destination("SELECT * FROM spans ORDER BY id");
    let near = |id: u8, n: &str| format!("{id}|-infinity|infi***|-infinity|{n}");
    let far = |id: u8| format!("{id}0|+5874897-12-31|+294***|infinity|1");
    assert_eq!(rows, [near(1, "1"), near(2, "2"), far(1), far(2), far(3)]);
    let letter = "SELECT payload FROM cartridge_warp_metadata.dead_letter_queue";
    let payload = r#"{"at":"-infinity","id":3,"n":"x","since":"-infinity"}"#;
    assert_eq!(databases.at_destination(letter), [payload]);
}
