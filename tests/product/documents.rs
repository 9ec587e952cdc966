//! A schemaless source: rows are whole, shapes are inferred, and types come as they like.

use std::fs;

use cartridge_warp_test_postgresql::Cluster;
use cartridge_warp_tests::{
    Ended, Pipeline, lake_rows,
    rows::{sqlite_query, sqlite_rows},
};
use serde_json::{Value, json};

/// A destination and what stands in it afterwards, as (id, column) pairs.
enum Kept {
    Sqlite,
    Postgresql(Cluster),
}

impl Kept {
    fn all() -> Vec<Self> {
        let server = Cluster::start(&[]);
        server.create_database("copy");
        vec![Self::Sqlite, Self::Postgresql(server)]
    }

    fn pipeline(&self, options: Value) -> Pipeline {
        let mut pipeline = Pipeline::documents(options);
        pipeline.set("single_schema_name", json!("shop"));
        if let Self::Postgresql(server) = self {
            let url = server.url("copy");
            let destination = json!({"type": "postgresql", "connection_string": url});
            pipeline.set("destination", destination);
            server.sql("copy", "DROP SCHEMA IF EXISTS shop, cartridge_warp_metadata CASCADE");
        }
        pipeline
    }

    /// A column of every row by id, as text; nulls are `null`.
    fn texts(&self, pipeline: &Pipeline, column: &str) -> Vec<String> {
        match self {
            Self::Sqlite => {
                let sql = format!("SELECT CAST({column} AS TEXT) AS v FROM t ORDER BY id");
                let rows = sqlite_query(&pipeline.database(), &sql);
                rows.iter().map(|row| row["v"].as_str().unwrap_or("null").to_owned()).collect()
            }
            Self::Postgresql(server) => {
                server.sql("copy", &format!("SELECT {column}::text FROM shop.t ORDER BY id"))
            }
        }
    }

    fn json(&self, pipeline: &Pipeline, column: &str) -> Vec<Value> {
        let texts = self.texts(pipeline, column);
        texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }
}

fn succeeded(ended: &Ended) {
    assert!(ended.status.success(), "{}", ended.stderr);
}

/// Every change of a type is let through; so many rows make a commit.
fn anything_goes(pipeline: &mut Pipeline, commit_rows: u32) {
    let rules = json!({"strategy": "permissive", "require_approval_for_risky_changes": false});
    pipeline.set("schema_evolution", rules);
    pipeline.set("schemas.0.tables", json!([{"name": "t", "write_batch_size": commit_rows}]));
}

/// Each batch a commit of its own, so that rows are there already when their column changes; and
/// several in one, so that they are not.
fn each_way() -> Vec<(Kept, u32)> {
    let own = Kept::all().into_iter().map(|kept| (kept, 1));
    own.chain([(Kept::Sqlite, 1000)]).collect()
}

/// Three rows, then a run whose shape lacks `note`: row 1 lost it, row 2 is deleted, row 3 rests.
fn lost_field(kept: &Kept, table: Value) -> Pipeline {
    let rows = json!([
        {"id": 1, "note": "a", "size": 1}, {"id": 2, "note": "b", "size": 2},
        {"id": 3, "note": "c", "size": 3},
    ]);
    let wide = json!({"note": "string", "size": "bigint"});
    let narrow = json!({"size": "bigint"});
    let mut pipeline = kept.pipeline(json!({"columns": wide, "rows": rows}));
    let mut listed = table;
    listed["name"] = json!("t");
    pipeline.set("schemas.0.tables", json!([listed]));
    succeeded(&pipeline.catch_up());
    let batch = json!({"columns": narrow, "rows": [{"id": 1, "size": 10}], "deleted": [2]});
    pipeline.set("source.options", json!({"columns": narrow, "batches": [batch]}));
    succeeded(&pipeline.catch_up());
    pipeline
}

#[test]
fn a_field_that_a_document_lost_is_null_also_after_a_restart() {
    for kept in Kept::all() {
        let pipeline = lost_field(&kept, json!({}));
        assert_eq!(kept.texts(&pipeline, "note"), ["null", "c"]);
        assert_eq!(kept.texts(&pipeline, "size"), ["10", "3"]);
    }
}

#[test]
fn a_deleted_row_that_is_kept_keeps_its_values() {
    for kept in Kept::all() {
        let soft = json!({"deletion_strategy": "soft", "soft_delete_column": "gone"});
        let pipeline = lost_field(&kept, soft);
        assert_eq!(kept.texts(&pipeline, "note"), ["null", "b", "c"], "2 was only deleted");
        assert_eq!(kept.texts(&pipeline, "size"), ["10", "2", "3"]);
        let gone = kept.texts(&pipeline, "gone");
        let yes = |text: &String| matches!(text.as_str(), "1" | "true" | "t");
        assert_eq!(gone.iter().map(yes).collect::<Vec<_>>(), [false, true, false]);
    }
}

#[test]
fn columns_that_are_left_out_stay_out_and_masked_ones_masked() {
    let kept = Kept::Sqlite;
    let rules = json!({"columns": {"exclude": ["size"], "mask": {"note": "hash-unkeyed"}}});
    let pipeline = lost_field(&kept, rules);
    let rows = sqlite_rows(&pipeline.database(), "t", "id");
    assert!(rows.iter().all(|row| !row.contains_key("size")), "{rows:?}");
    assert_eq!(rows[0]["note"], Value::Null);
    assert_eq!(rows[1]["note"].as_str().unwrap().len(), 64);
}

#[test]
fn rules_may_name_columns_that_were_not_seen_yet() {
    let kept = Kept::Sqlite;
    let batch = json!({"columns": {"card": "string"}, "rows": [{"id": 1, "card": "4111"}]});
    let mut pipeline = kept.pipeline(json!({"batches": [batch]}));
    let table = json!({"name": "t", "columns": {"mask": ["card"]}});
    pipeline.set("schemas.0.tables", json!([table]));
    let ended = pipeline.catch_up();
    succeeded(&ended);
    assert!(ended.stderr.contains("not seen yet"), "{}", ended.stderr);
    assert_eq!(kept.texts(&pipeline, "card"), ["null"]);
}

#[test]
fn a_log_of_changes_says_what_is_null_and_what_was_deleted() {
    let kept = Kept::Sqlite;
    let wide = json!({"note": "string"});
    let rows = json!([{"id": 1, "note": "a"}]);
    let mut pipeline = kept.pipeline(json!({"columns": wide, "rows": rows}));
    fs::create_dir(pipeline.path("lake")).unwrap();
    pipeline.set("destination", json!({"type": "files", "connection_string": "./lake"}));
    pipeline.set("schemas.0.tables", json!([{"name": "t", "write_mode": "append"}]));
    succeeded(&pipeline.catch_up());
    let batch = json!({"rows": [{"id": 1}], "deleted": [1]});
    pipeline.set("source.options", json!({"batches": [batch]}));
    succeeded(&pipeline.catch_up());
    let rows = lake_rows(&pipeline.path("lake/shop/t"));
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert_eq!((&rows[0]["note"], &rows[1]["note"]), (&json!("a"), &Value::Null));
    assert!(rows[1].get("note").is_some() && rows[2].get("note").is_none(), "{rows:?}");
}

/// A value of each type: how the source gives it, and what it is as JSON.
fn samples() -> Vec<(&'static str, Value, Value)> {
    let uuid = "1f1f1f1f-0000-1f1f-1f1f-1f1f1f1f1f1f";
    vec![
        ("bigint", json!(i64::MAX), json!(i64::MAX)),
        ("double", json!(0.5), json!(0.5)),
        ("double", json!({"$double": "NaN"}), json!("NaN")),
        ("double", json!({"$double": "-inf"}), json!("-Infinity")),
        ("boolean", json!(true), json!(true)),
        ("string", json!("say \"hi\"\n\\"), json!("say \"hi\"\n\\")),
        ("string", json!("{}"), json!("{}")),
        ("decimal(10,2)", json!("-0.25"), json!(-0.25)),
        ("date", json!("2024-05-01"), json!("2024-05-01")),
        ("uuid", json!(uuid), json!(uuid)),
        ("binary", json!({"$bytes": "\u{1}A"}), json!("0141")),
        ("array(bigint)", json!([1, 2]), json!([1, 2])),
    ]
}

/// Times may be written with more or fewer zeros behind the point.
fn times() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("time", json!("12:00:00.5"), "12:00:00.5"),
        ("timestamp", json!("2024-05-01T12:00:00.5"), "2024-05-01T12:00:00.5"),
        ("timestamptz", json!("2024-05-01T12:00:00.5Z"), "2024-05-01T12:00:00.5"),
    ]
}

fn one(kind: &str, id: i64, value: &Value) -> Value {
    json!({"columns": {"v": kind}, "rows": [{"id": id, "v": value}, {"id": id + 1}]})
}

#[test]
fn a_column_of_json_holds_whatever_comes_before_and_after() {
    for (kept, commit_rows) in each_way() {
        let all: Vec<_> = samples()
            .into_iter()
            .map(|(kind, value, json)| (kind, value, Ok(json)))
            .chain(times().into_iter().map(|(kind, value, text)| (kind, value, Err(text))))
            .collect();
        for (kind, value, expected) in all {
            let batches = [
                one(kind, 1, &value),
                one("json", 3, &json!({"a": [1]})),
                one(kind, 5, &value),
                one("json", 7, &json!([])),
            ];
            let mut pipeline = kept.pipeline(json!({"columns": {"v": kind}, "batches": batches}));
            anything_goes(&mut pipeline, commit_rows);
            let ended = pipeline.catch_up();
            succeeded(&ended);
            let changes = ended.stderr.matches("shape changed").count();
            assert_eq!(changes, 1, "{kind} to JSON and no further: {}", ended.stderr);
            let found = kept.json(&pipeline, "v");
            for at in [0, 4] {
                match &expected {
                    Ok(expected) => assert_eq!(&found[at], expected, "{kind} row {at}"),
                    Err(start) => {
                        let text = found[at].as_str().unwrap();
                        assert!(text.starts_with(start), "{kind} row {at}: {text}");
                    }
                }
            }
            let nulls: Vec<_> = found.iter().skip(1).step_by(2).collect();
            assert_eq!(nulls, [&Value::Null; 4], "{kind}: what is null stays null");
            assert_eq!((&found[2], &found[6]), (&json!({"a": [1]}), &json!([])), "{kind}");
            // The shape that is inferred at the next start is not taken for a change.
            let ended = pipeline.catch_up();
            succeeded(&ended);
            assert_eq!(ended.stderr.matches("shape changed").count(), 0, "{kind}");
        }
    }
}

#[test]
fn a_column_of_text_holds_every_other_value_exactly() {
    for (kept, commit_rows) in each_way() {
        let others: Vec<_> = samples().into_iter().filter(|(kind, ..)| *kind != "string").collect();
        for (kind, value, json) in others {
            let batches =
                [one(kind, 1, &value), one("string", 3, &json!("words")), one(kind, 5, &value)];
            let mut pipeline = kept.pipeline(json!({"columns": {"v": kind}, "batches": batches}));
            anything_goes(&mut pipeline, commit_rows);
            let ended = pipeline.catch_up();
            succeeded(&ended);
            assert_eq!(ended.stderr.matches("shape changed").count(), 1, "{}", ended.stderr);
            let found = kept.texts(&pipeline, "v");
            let expected = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
            for at in [0, 4] {
                let same = found[at].replace(", ", ",") == expected;
                assert!(same, "{kind} row {at}: {} is not {expected}", found[at]);
            }
            assert_eq!([&found[1], &found[3], &found[5]], ["null"; 3], "{kind}");
            assert_eq!(found[2], "words", "{kind}");
        }
    }
}

#[test]
fn types_that_come_in_turns_come_to_rest() {
    for kept in Kept::all() {
        let kinds = ["bigint", "double", "bigint", "string", "json", "boolean", "string", "json"];
        let value = |kind| match kind {
            "double" => json!(1.5),
            "boolean" => json!(false),
            "string" => json!("s"),
            "json" => json!({"k": "v"}),
            _ => json!(7),
        };
        let rounds = kinds.iter().cycle().take(kinds.len() * 3);
        let batches: Vec<_> = rounds
            .enumerate()
            .map(|(at, kind)| one(kind, 1 + 2 * i64::try_from(at).unwrap(), &value(kind)))
            .collect();
        let mut pipeline = kept.pipeline(json!({"columns": {"v": "bigint"}, "batches": batches}));
        anything_goes(&mut pipeline, 1);
        let ended = pipeline.catch_up();
        succeeded(&ended);
        assert_eq!(ended.stderr.matches("shape changed").count(), 2, "text, then JSON");
        let found = kept.json(&pipeline, "v");
        assert_eq!(found.len(), kinds.len() * 6);
        // Numbers that were text before the column became JSON are strings.
        assert_eq!((&found[0], &found[2], &found[6]), (&json!("7"), &json!("1.5"), &json!("s")));
        assert_eq!((&found[10], &found[12]), (&json!(false), &json!("s")));
        assert_eq!((&found[16], &found[18]), (&json!(7), &json!(1.5)));
    }
}
