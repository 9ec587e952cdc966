//! Each key of `schema_evolution` decides what it says, between runs and in the middle of a stream.

use cartridge_warp_tests::{Databases, Pipeline, rows::sqlite_query};
use serde_json::{Value, json};

/// What a destination's table looks like: its columns and their declared types.
fn columns(pipeline: &Pipeline, table: &str) -> Vec<(String, String)> {
    let sql = format!("SELECT name, type FROM pragma_table_info('{table}')");
    let rows = sqlite_query(&pipeline.database(), &sql);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.iter().map(|row| (text(&row["name"]), text(&row["type"]))).collect()
}

fn names(pipeline: &Pipeline, table: &str) -> Vec<String> {
    columns(pipeline, table).into_iter().map(|(name, _)| name).collect()
}

/// A change of a column's declared type between two runs, the rules, and whether it is let through.
struct TypeCase {
    name: &'static str,
    from: &'static str,
    to: &'static str,
    rules: Value,
    accepted: bool,
}

#[test]
fn types_grow_as_far_as_the_rules_let_them() {
    let case = |name, from, to, rules, accepted| TypeCase { name, from, to, rules, accepted };
    let permissive = |more: Value| {
        let mut rules = json!({
            "strategy": "permissive", "require_approval_for_risky_changes": false,
        });
        rules.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rules
    };
    let cases = [
        case("a wider number", "integer", "bigint", json!({}), true),
        case("no widening", "integer", "bigint", json!({"enable_type_widening": false}), false),
        case("text for numbers is risky", "bigint", "string", json!({}), false),
        case("a risk wants approval", "bigint", "string", json!({"strategy": "permissive"}), false),
        case("an approved risk", "bigint", "string", permissive(json!({})), true),
        case(
            "a table that keeps its types",
            "integer",
            "bigint",
            json!({"table_configs": {"orders": {"allow_type_changes": false}}}),
            false,
        ),
        case(
            "no text for other types",
            "bigint",
            "string",
            permissive(json!({"enable_fallback_to_varchar": false})),
            false,
        ),
        case("nested values", "string", "json", permissive(json!({})), true),
        case(
            "no nested values",
            "string",
            "json",
            permissive(json!({"enable_object_to_json": false})),
            false,
        ),
    ];
    for TypeCase { name, from, to, rules, accepted } in cases {
        let mut pipeline = Pipeline::new();
        pipeline.set("schema_evolution", rules);
        pipeline.set("source.options", json!({"columns": {"orders": {"total": from}}}));
        pipeline.write("orders.ndjson", "{\"id\":1,\"total\":null}\n");
        let first = pipeline.catch_up();
        assert!(first.status.success(), "{name}: {}", first.stderr);
        let before = columns(&pipeline, "orders");
        pipeline.set("source.options", json!({"columns": {"orders": {"total": to}}}));
        pipeline.append("orders.ndjson", "{\"id\":2,\"total\":null}\n");
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.success(), accepted, "{name}: {}", ended.stderr);
        let count = sqlite_query(&pipeline.database(), "SELECT id FROM orders").len();
        assert_eq!(count, if accepted { 2 } else { 1 }, "{name}");
        if !accepted {
            assert_eq!(columns(&pipeline, "orders"), before, "{name}: nothing is half done");
            let said = ["modify_column `total` refused", "modify_column `total` to text waits"];
            assert!(said.iter().any(|it| ended.stderr.contains(it)), "{name}: {}", ended.stderr);
        }
    }
}

/// A history in which `note` is dropped, renamed or retyped on the way.
fn reshaped(kind: &str, rules: Value) -> Pipeline {
    let options = json!({"changes": 1000, "reshape": {"at": 500, "kind": kind}});
    let mut pipeline = Pipeline::scripted(options);
    pipeline.set("schema_evolution", rules);
    pipeline
}

/// The rows of the history's first table, as (key, value).
fn first_table(pipeline: &Pipeline) -> Vec<(u64, u64)> {
    let rows = sqlite_query(&pipeline.database(), "SELECT id, value FROM t0 ORDER BY id");
    let number = |value: &Value| value.as_u64().unwrap();
    rows.iter().map(|row| (number(&row["id"]), number(&row["value"]))).collect()
}

#[test]
fn changes_in_the_middle_of_the_stream_follow_the_rules() {
    let free = |strategy: &str| {
        json!({
            "strategy": strategy,
            "require_approval_for_risky_changes": false,
            "require_approval_for_dangerous_changes": false,
        })
    };
    let all = ["id", "value", "note"].as_slice();
    let of_table = |strategy: &str, allow: bool| {
        let mut rules = free(strategy);
        rules["table_configs"] = json!({"t0": {"allow_column_removals": allow}});
        rules
    };
    let cases: [(&str, Value, Option<&[&str]>); 10] = [
        ("drop", json!({}), Some(all)),
        ("drop", free("permissive"), Some(all)),
        ("drop", json!({"strategy": "aggressive"}), None),
        ("drop", free("aggressive"), Some(&["id", "value"])),
        ("drop", of_table("aggressive", false), Some(all)),
        ("drop", of_table("conservative", true), Some(&["id", "value"])),
        ("rename", json!({}), None),
        ("rename", json!({"strategy": "permissive"}), None),
        ("rename", free("permissive"), Some(&["id", "value", "remark"])),
        ("modify", free("strict"), None),
    ];
    for (kind, rules, expected) in cases {
        let name = format!("{kind} {rules}");
        let pipeline = reshaped(kind, rules);
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.success(), expected.is_some(), "{name}: {}", ended.stderr);
        let found = names(&pipeline, "t0");
        assert_eq!(found, expected.unwrap_or(all), "{name}");
        let done = if expected.is_some() { 1000 } else { 500 };
        let history = scripted_source::history::rows(0, done, 2, 50);
        let rows = first_table(&pipeline);
        assert_eq!(rows, history, "{name}: everything before the refused change is there");
    }
}

#[test]
fn a_table_that_is_made_anew_begins_empty_whatever_was_kept() {
    let free = json!({
        "strategy": "aggressive", "require_approval_for_dangerous_changes": false,
    });
    // Rows that were kept are those of the old table, and go when the new one comes.
    for rules in [json!({}), free] {
        let name = rules.to_string();
        let pipeline = reshaped("recreate", rules);
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{name}: {}", ended.stderr);
        assert_eq!(
            first_table(&pipeline),
            scripted_source::history::rows_between(0, 500..1000, 2, 50),
            "{name}"
        );
    }
}

#[test]
fn a_table_that_is_made_anew_with_other_types_is_compared_with_what_is_kept_of_it() {
    let free = |strategy: &str| {
        json!({
            "strategy": strategy,
            "require_approval_for_risky_changes": false,
            "require_approval_for_dangerous_changes": false,
        })
    };
    for (rules, from, to, is_taken) in [
        // The new table goes on in the columns of the old one, whose rows go, if the rules allow it.
        (json!({}), "string", "json", false),
        (free("permissive"), "string", "json", true),
        (json!({}), "json", "bigint", true),
        // Where the table went too there is nothing to compare with.
        (free("aggressive"), "json", "bigint", true),
    ] {
        let name = format!("{from} to {to} {rules}");
        let reshape = json!({"at": 500, "kind": "recreate", "from": from, "to": to});
        let databases = Databases::start();
        let mut pipeline = Pipeline::scripted(json!({"changes": 1000, "reshape": reshape}));
        pipeline.set("destination", databases.destination_config());
        pipeline.set("schema_evolution", rules);
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.success(), is_taken, "{name}: {}", ended.stderr);
        if !is_taken {
            assert!(
                ended.stderr.contains("modify_column `note` to json waits for a person"),
                "{}",
                ended.stderr
            );
        }
        let changes = if is_taken { 500..1000 } else { 0..500 };
        let rows = scripted_source::history::rows_between(0, changes, 2, 50);
        let rows: Vec<_> = rows.iter().map(|(id, value)| format!("{id}|{value}")).collect();
        let found = databases.at_destination("SELECT id, value FROM shop.t0 ORDER BY id");
        assert_eq!(found, rows, "{name}");
    }
}

#[test]
fn excluded_tables_keep_their_shape() {
    for (excluded, expected) in [(json!([]), true), (json!(["ord*"]), false)] {
        let mut pipeline = Pipeline::new();
        pipeline.set("schema_evolution", json!({ "excluded_tables": excluded }));
        pipeline.write("orders.ndjson", "{\"id\":1}\n");
        assert!(pipeline.catch_up().status.success());
        pipeline.append("orders.ndjson", "{\"id\":2,\"note\":\"new\"}\n");
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{}", ended.stderr);
        assert_eq!(names(&pipeline, "orders").contains(&"note".to_owned()), expected);
    }
}
