//! Sources in the kit.

use std::fs;

use cartridge_warp_tests::Product;
use serde_json::json;

use super::{Bench, assert_doubles};

fn told(mutant: Option<&str>) -> Bench {
    let component = Product::find().test_plugins.join("scripted-source.wasm");
    let driver = ["python3", "cutting.py", "far/cuts", "python3", "told.py", "far"];
    let mut bench = Bench::new("source", "scripted", &component, &driver);
    fs::create_dir(bench.directory.path().join("far")).expect("a directory");
    bench.case["source"]["options"] = json!({ "told": { "mutant": mutant } });
    bench.case["tables"] =
        json!({"told": {"key": ["id"], "columns": {"id": "bigint", "value": "bigint"}}});
    bench.case["refused_options"] = json!([{"tables": "lots"}]);
    bench.case["driver_can"] = json!(["alter", "restart"]);
    bench.tell_secret("source");
    bench
}

/// What a driver cannot write is not asked of it, and the statement says so.
#[test]
fn operations_that_are_left_out_are_not_tried() {
    let mut bench = told(Some("drops_deletes"));
    let only = ["--only", "changes"];
    assert_eq!(bench.outcomes(&only).0["changes"], "failed");
    bench.case["operations"] = json!(["insert", "update"]);
    let (outcomes, statement) = bench.outcomes(&only);
    assert_eq!(outcomes["changes"], "passed");
    assert_eq!(statement["operations"], json!(["insert", "update"]));
    bench.case["operations"] = json!(["update"]);
    let ended = bench.run(&only);
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stdout);
    assert!(ended.words().contains("`operations` lacks `insert`"), "{}", ended.stderr);
}

#[test]
fn each_check_of_a_source_has_a_mutant() {
    let behind_a_copy = [
        "overlap",
        "changes-resumed",
        "withheld-confirm",
        "confirmed",
        "idle",
        "transactions",
        "new-column",
        "disturbed",
    ];
    let drops: Vec<&str> = [&["changes"], &behind_a_copy[..]].concat();
    let loses: Vec<&str> = [&["snapshot", "exact-snapshot"], &drops[..]].concat();
    // The check that is there for it first.
    let doubles: &[(&str, &[&str])] = &[
        ("hides_key", &["schema"]),
        ("loses_rows", &loses),
        ("renames_chunks", &["snapshot-plan"]),
        ("forgets_cursors", &["snapshot-resumed"]),
        ("overlaps_chunks", &["disjoint-chunks"]),
        ("reads_now", &["exact-snapshot"]),
        ("misses_overlap", &["overlap"]),
        ("drops_deletes", &drops),
        ("skips_some", &["changes-resumed", "disturbed"]),
        (
            "waits_for_confirm",
            &["withheld-confirm", "changes-resumed", "transactions", "new-column"],
        ),
        ("forgets_too_much", &["confirmed"]),
        ("dawdles", &["idle"]),
        ("takes_any_position", &["foreign-position"]),
        ("splits_transactions", &["transactions"]),
        ("keeps_columns", &["new-column"]),
        ("stops_when_cut", &["disturbed"]),
        ("logs_secrets", &["secrets"]),
        ("fails_with_secrets", &["secrets"]),
    ];
    assert_doubles("source", told, doubles);
}
