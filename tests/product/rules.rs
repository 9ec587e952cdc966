//! Rules of tables change between two runs: no row stays as the old rules made it.

use cartridge_warp_tests::{Databases, Ended, Pipeline, rows::sqlite_count};
use serde_json::{Value, json};

/// What an edit of a table's rules makes of rows that were copied before it.
struct Edit {
    name: &'static str,
    before: Value,
    after: Value,
    /// A row at the source, and what is to be found at the destination, where `r` is the row as JSON.
    expected: &'static str,
    found: &'static str,
    copied_again: bool,
}

/// An edit after which the destination has these columns as the source has them.
fn edit(name: &'static str, before: Value, after: Value, columns: &'static str) -> Edit {
    let (expected, found) = match columns {
        "all" => ("email, '|', total, '|', note", "r->>'email', '|', r->>'total', '|', r->>'note'"),
        "all but note" => ("total, '|'", "r->>'total', '|', r->>'note'"),
        _ => ("total, '|'", "r->>'total', '|', r->>'email'"),
    };
    Edit { name, before, after, expected, found, copied_again: true }
}

fn columns(rules: &Value) -> Value {
    json!({ "columns": rules })
}

fn edits() -> Vec<Edit> {
    let none = json!({});
    let hash = |column: &str| columns(&json!({"mask": {column: "hash-unkeyed"}}));
    let rename = |from: &str, to: &str| columns(&json!({"rename": {from: to}}));
    let exclude = columns(&json!({"exclude": ["note"]}));
    let soft = json!({"deletion_strategy": "soft"});
    let soft_as = json!({"deletion_strategy": "soft", "soft_delete_column": "gone"});
    let total_as = |expected, found, edit: Edit| Edit { expected, found, ..edit };
    let sum = "r->>'sum', '|', r->>'total'";
    let hashed = |column: &str| match column {
        "email" => ("encode(sha256(email::bytea), 'hex')", "r->>'email'"),
        _ => ("encode(sha256(total::text::bytea), 'hex')", "r->>'total'"),
    };
    let to_hash = |name, column: &str, before: Value| {
        let (expected, found) = hashed(column);
        total_as(expected, found, edit(name, before, hash(column), "all"))
    };
    let same = |edit: Edit| Edit { copied_again: false, ..edit };
    vec![
        edit("excluded no more", exclude.clone(), none.clone(), "all"),
        edit("excluded", none.clone(), exclude.clone(), "all but note"),
        edit("included no more", columns(&json!({"include": ["total"]})), none.clone(), "all"),
        edit(
            "included alone",
            none.clone(),
            columns(&json!({"include": ["total"]})),
            "all but note",
        ),
        edit("redacted", none.clone(), columns(&json!({"mask": ["email"]})), "all but email"),
        edit("redacted no more", columns(&json!({"mask": ["email"]})), none.clone(), "all"),
        edit(
            "hashed, then redacted",
            hash("email"),
            columns(&json!({"mask": ["email"]})),
            "all but email",
        ),
        to_hash("hashed", "email", none.clone()),
        to_hash("a number hashed", "total", none.clone()),
        edit("a number hashed no more", hash("total"), none.clone(), "all"),
        total_as("total, '|'", sum, edit("renamed", none.clone(), rename("total", "sum"), "all")),
        total_as(
            "total, '|'",
            "r->>'amount', '|', r->>'sum'",
            edit("renamed otherwise", rename("total", "sum"), rename("total", "amount"), "all"),
        ),
        edit("renamed no more", rename("total", "sum"), none.clone(), "all"),
        total_as(
            "id, '|', total",
            "r->>'number', '|', r->>'total'",
            edit("the key renamed", none.clone(), rename("id", "number"), "all"),
        ),
        total_as(
            "total, 'false'",
            "r->>'total', coalesce(r->>'gone', 'none')",
            edit("marked elsewhere", soft.clone(), soft_as.clone(), "all"),
        ),
        edit("removed when deleted", soft, none.clone(), "all"),
        same(edit(
            "the same in other words",
            columns(&json!({"exclude": ["email", "total"], "mask": {"note": "redact"}})),
            columns(&json!({"include": ["note"], "mask": ["note"]})),
            "all but note",
        ))
        .without_total(),
        same(edit("nothing", none.clone(), json!({"write_batch_size": 7}), "all")),
    ]
}

impl Edit {
    /// Of rows that come without `total`.
    fn without_total(self) -> Self {
        Self { expected: "'|'", found: "r->>'total', '|', r->>'note'", ..self }
    }
}

/// The tables of the configuration, one for each edit.
fn tables(edits: &[Edit], rules: impl Fn(&Edit) -> &Value) -> Value {
    let table = |(n, edit): (usize, &Edit)| {
        let mut table = rules(edit).clone();
        table["name"] = json!(format!("t{n}"));
        table
    };
    edits.iter().enumerate().map(table).collect()
}

/// One table of three rows for each name; nothing is copied yet.
fn databases(names: impl Iterator<Item = String>) -> (Databases, Pipeline) {
    let databases = Databases::start();
    for name in names {
        databases.at_source(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, email text, total bigint, note text);
             INSERT INTO {name} SELECT n, 'a' || n || '@example.com', n * 10, 'note ' || n
             FROM generate_series(1, 3) n"
        ));
    }
    let mut pipeline = databases.pipeline();
    pipeline.set("error_handling.max_backoff_seconds", json!(0.1));
    (databases, pipeline)
}

fn assert_success(ended: &Ended) {
    assert!(ended.status.success(), "{}", ended.stderr);
}

/// Whether a line says that table `t{n}` was copied by other rules, and what comes of it.
fn is_said(ended: &Ended, what: &str, n: usize) -> bool {
    let table = [format!("\"t{n}\""), format!("table=t{n} "), format!("table=\"t{n}\"")];
    ended.stderr.lines().any(|line| {
        line.contains("copied by other rules")
            && line.contains(what)
            && table.iter().any(|name| line.contains(name))
    })
}

#[test]
fn edited_rules_hold_for_rows_that_were_copied_before() {
    let edits = edits();
    let (databases, mut pipeline) = databases((0..edits.len()).map(|n| format!("t{n}")));
    pipeline.set("schemas.0.tables", tables(&edits, |edit| &edit.before));
    assert_success(&pipeline.catch_up());
    for n in 0..edits.len() {
        databases.at_source(&format!(
            "INSERT INTO t{n} VALUES (4, 'd@example.com', 40, 'new'); DELETE FROM t{n} WHERE id = 1;
             UPDATE t{n} SET note = 'changed' WHERE id = 2"
        ));
        databases.at_destination(&format!("INSERT INTO t{n} (id) VALUES (-1)"));
    }
    pipeline.set("schemas.0.tables", tables(&edits, |edit| &edit.after));
    let mut wrong = Vec::new();
    for foretold in [pipeline.run(&["run", "--dry-run"]), pipeline.run(&["check"])] {
        assert_success(&foretold);
        for (n, Edit { name, copied_again, .. }) in edits.iter().enumerate() {
            if is_said(&foretold, "a run empties the table", n) != *copied_again {
                wrong.push(format!("{name}: foretold: {}", !copied_again));
            }
        }
    }
    let ended = pipeline.catch_up();
    assert_success(&ended);
    for (n, Edit { name, expected, found, copied_again, .. }) in edits.iter().enumerate() {
        let expected =
            databases.at_source(&format!("SELECT concat({expected}) AS it FROM t{n} ORDER BY it"));
        let rows = databases.at_destination(&format!(
            "SELECT concat({found}) AS it FROM t{n} t, to_jsonb(t) r
             WHERE coalesce((r->>'id')::int, 0) >= 0 ORDER BY it"
        ));
        let spoilt = format!("SELECT 1 FROM t{n} t WHERE (to_jsonb(t)->>'id')::int = -1");
        let is_kept = !databases.at_destination(&spoilt).is_empty();
        if rows != expected || is_kept == *copied_again {
            wrong.push(format!("{name}: {rows:?} for {expected:?}, kept: {is_kept}"));
        }
        if is_said(&ended, "the table is emptied", n) != *copied_again {
            wrong.push(format!("{name}: said: {}", !copied_again));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), ended.stderr);
    assert!(ended.stderr.contains("`note` was left out and is copied"), "{}", ended.stderr);
    let ended = pipeline.catch_up();
    assert_success(&ended);
    assert!(!ended.stderr.contains("other rules"), "once is enough: {}", ended.stderr);
}

#[test]
fn deletes_that_are_marked_from_now_on_are_no_reason_for_a_copy() {
    let (databases, mut pipeline) = databases(["t".to_owned()].into_iter());
    assert_success(&pipeline.catch_up());
    databases.at_source("DELETE FROM t WHERE id = 1");
    pipeline.set("schemas.0.tables", json!([{"name": "t", "deletion_strategy": "soft"}]));
    let ended = pipeline.catch_up();
    assert_success(&ended);
    assert!(!ended.stderr.contains("other rules"), "{}", ended.stderr);
    let rows = databases.at_destination("SELECT concat(id, is_deleted) FROM t ORDER BY id");
    assert_eq!(rows, ["1t", "2f", "3f"], "a new copy would not have the first");
}

#[test]
fn columns_that_came_while_they_were_kept_away_are_no_exception() {
    let names = ["included", "excluded", "masked"];
    let (databases, mut pipeline) = databases(names.iter().map(ToString::to_string));
    let late = |table: &str| {
        let sql =
            format!("SELECT coalesce(to_jsonb(t)->>'late', 'none') FROM {table} t ORDER BY id");
        databases.at_destination(&sql)
    };
    let include = json!({"name": "included", "columns": {"include": ["total", "note"]}});
    pipeline.set("schemas.0.tables", json!([include]));
    pipeline.set("schema_evolution", json!({"excluded_columns": ["lat*"]}));
    assert_success(&pipeline.catch_up());
    for name in names {
        databases
            .at_source(&format!("ALTER TABLE {name} ADD late text; UPDATE {name} SET late = id"));
    }
    for _ in 0..2 {
        assert_success(&pipeline.catch_up());
        names.iter().for_each(|name| assert_eq!(late(name), ["none"; 3], "{name}"));
    }
    // A new copy for another reason lets nothing through that is kept away.
    let mask = json!({"name": "masked", "columns": {"mask": ["email"]}});
    pipeline.set("schemas.0.tables", json!([include, mask]));
    assert_success(&pipeline.catch_up());
    assert_eq!(databases.at_destination("SELECT count(email) FROM masked"), ["0"]);
    names.iter().for_each(|name| assert_eq!(late(name), ["none"; 3], "{name}"));

    pipeline.set("schema_evolution", json!({}));
    assert_success(&pipeline.catch_up());
    assert_eq!(late("included"), ["none"; 3], "its own rule keeps it away");
    assert_eq!((late("excluded"), late("masked")), (vec_of("1 2 3"), vec_of("1 2 3")));
    pipeline.set("schemas.0.tables", json!([mask]));
    assert_success(&pipeline.catch_up());
    assert_eq!(late("included"), vec_of("1 2 3"));
}

fn vec_of(words: &str) -> Vec<String> {
    words.split(' ').map(str::to_owned).collect()
}

/// A run and a check that refuse with these words.
fn assert_refused(pipeline: &Pipeline, all_words: &[&str]) {
    let (failed, checked) = (pipeline.catch_up(), pipeline.run(&["check"]));
    assert_eq!(failed.status.code(), Some(1), "{}", failed.stderr);
    assert_eq!(checked.status.code(), Some(2), "{}", checked.stderr);
    for text in [failed.stderr, checked.stdout + &checked.stderr] {
        for words in all_words {
            assert!(text.contains(words), "no {words:?} in: {text}");
        }
    }
}

#[test]
fn edited_rules_are_refused_where_the_operator_wants_to_decide() {
    let (databases, mut pipeline) = databases(["orders", "items"].iter().map(ToString::to_string));
    let notes = || databases.at_destination("SELECT count(note) FROM orders");
    let rules = |exclude: &[&str]| json!([{"name": "orders", "columns": {"exclude": exclude}}]);
    pipeline.set("schema_evolution.on_rules_change", json!("refuse"));
    assert_success(&pipeline.catch_up());
    pipeline.set("schemas.0.tables", rules(&["note"]));
    let words = [
        "on_rules_change: copy",
        "`note` was copied and is left out",
        "--full-resync=public.orders",
    ];
    assert_refused(&pipeline, &words);
    assert_eq!(notes(), ["3"], "nothing was emptied");
    // With the old rules it goes on as if nothing had happened.
    pipeline.set("schemas.0.tables", rules(&[]));
    assert_success(&pipeline.catch_up());
    assert_eq!(notes(), ["3"]);
    pipeline.set("schemas.0.tables", rules(&["note"]));
    assert_success(&pipeline.run(&["run", "--until-caught-up", "--full-resync=orders"]));
    assert_eq!(notes(), ["0"], "as was asked for");
    assert_success(&pipeline.catch_up());
    pipeline.set("schemas.0.tables", rules(&[]));
    assert_success(&pipeline.run(&["resync", "orders"]));
    assert_success(&pipeline.run(&["check"]));
    assert_success(&pipeline.catch_up());
    assert_eq!(notes(), ["3"], "what a person has copied again comes by the rules of now");
    pipeline.set("schemas.0.tables", rules(&["note"]));
    assert_success(&pipeline.run(&["pause", "orders"]));
    assert_success(&pipeline.run(&["resume", "orders"]));
    assert_success(&pipeline.catch_up());
    assert_eq!(notes(), ["0"]);
    pipeline.set("schema_evolution.on_rules_change", json!("copy"));
    pipeline.set("schemas.0.tables", rules(&[]));
    assert_success(&pipeline.catch_up());
    assert_eq!(notes(), ["3"]);
}

#[test]
fn a_log_is_not_emptied_for_edited_rules_unless_somebody_says_so() {
    let mut pipeline = Pipeline::scripted(json!({"tables": 2, "keys": 200, "changes": 1000}));
    let rules = |write_mode: &str, columns: Value| json!([{"name": "t1", "write_mode": write_mode, "columns": columns}]);
    let rows = |pipeline: &Pipeline| sqlite_count(&pipeline.database(), "t1");
    pipeline.set("schemas.0.tables", rules("append", json!({})));
    assert_success(&pipeline.catch_up());
    let log = rows(&pipeline);
    for (name, table) in [
        ("a mask", rules("append", json!({"mask": ["value"]}))),
        ("one row for each key", rules("upsert", json!({}))),
    ] {
        pipeline.set("schemas.0.tables", table);
        assert_refused(&pipeline, &["table `t1`", "cannot be told again", "--full-resync=shop.t1"]);
        assert_eq!(rows(&pipeline), log, "{name}");
    }
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=shop.t1"]);
    assert_success(&ended);
    assert!(rows(&pipeline) <= 200, "one row for each key");
    // What is no log can be told again as the beginning of one.
    pipeline.set("schemas.0.tables", rules("append", json!({})));
    let ended = pipeline.catch_up();
    assert_success(&ended);
    assert!(ended.stderr.contains("rows were removed when deleted and are kept as a log"));
}

#[test]
fn rules_that_an_older_release_did_not_keep_are_taken_for_those_of_now() {
    let (databases, mut pipeline) = databases(["orders".to_owned()].into_iter());
    assert_success(&pipeline.catch_up());
    let forgotten = databases.at_destination(
        "UPDATE cartridge_warp_metadata.sync_markers SET value =
           convert_to((convert_from(value, 'UTF8')::jsonb - 'rules')::text, 'UTF8')
         WHERE stream = 'shape/orders' RETURNING 1",
    );
    assert_eq!(forgotten, ["1"]);
    databases.at_destination("UPDATE orders SET note = 'kept' WHERE id = 1");
    let note = "SELECT note FROM orders WHERE id = 1";
    let mut copied_with = |mask: Value| {
        pipeline.set("schemas.0.tables", json!([{"name": "orders", "columns": {"mask": mask}}]));
        assert_success(&pipeline.catch_up());
        databases.at_destination(note)
    };
    assert_eq!(copied_with(json!([])), ["kept"]);
    assert_eq!(copied_with(json!(["note"])), ["null"], "they are known by now");
}
