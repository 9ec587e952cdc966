//! Sources in the kit.

use std::fs;

use cartridge_warp_tests::Product;
use serde_json::json;

use super::{Bench, assert_doubles};

#[test]
fn each_check_of_a_source_has_a_mutant() {
    let component = Product::find().test_plugins.join("scripted-source.wasm");
    let make = |mutant: Option<&str>| {
        let driver = ["python3", "told.py", "far"];
        let mut bench = Bench::new("source", "scripted", &component, &driver);
        fs::create_dir(bench.directory.path().join("far")).expect("a directory");
        bench.case["source"]["options"] = json!({ "told": { "mutant": mutant } });
        bench.case["tables"] =
            json!({"told": {"key": ["id"], "columns": {"id": "bigint", "value": "bigint"}}});
        bench.case["refused_options"] = json!([{"tables": "lots"}]);
        bench
    };
    let behind_a_copy = ["overlap", "changes-resumed", "withheld-confirm", "confirmed", "idle"];
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
        ("skips_some", &["changes-resumed"]),
        ("waits_for_confirm", &["withheld-confirm", "changes-resumed"]),
        ("forgets_too_much", &["confirmed"]),
        ("dawdles", &["idle"]),
        ("takes_any_position", &["foreign-position"]),
    ];
    assert_doubles("source", make, doubles);
}
