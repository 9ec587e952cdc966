//! Destinations in the kit.

use cartridge_warp_tests::Product;
use serde_json::json;

use super::{Bench, assert_doubles};

/// Each type that a case can have, in two tables, one with a key of two columns.
fn of_sqlite(connector: &str, component: &std::path::Path) -> Bench {
    let driver = ["python3", "sqlite_driver.py", "far"];
    let mut bench = Bench::new("destination", connector, component, &driver);
    bench.case["tables"] = json!({
        "books": {"key": ["id"], "columns": {
            "id": "bigint", "title": "text", "price": "decimal(10,2)", "sold": "boolean",
            "weight": "double", "printed": "date", "seen": "timestamptz", "about": "json"}},
        "shelves": {"key": ["room", "number"], "columns": {
            "room": "text", "number": "integer", "tag": "uuid", "opens": "time",
            "made": "timestamp", "width": "real"}},
    });
    bench
}

#[test]
fn sqlite_passes() {
    let component = Product::find().plugins.join("sqlite-destination.wasm");
    let mut bench = of_sqlite("sqlite", &component);
    bench.case["refused_options"] = json!([{"cache_mebibytes": -1}, {"synchronous": "sometimes"}]);
    let (outcomes, statement) = bench.outcomes(&[]);
    assert!(outcomes.values().all(|outcome| outcome == "passed"), "{outcomes:?}");
    assert!(outcomes.len() >= 15, "{outcomes:?}");
    assert_eq!(statement["component"], "sqlite");
    assert_eq!(statement["complete"], true);
    assert_eq!(statement["sha256"].as_str().map(str::len), Some(64));
}

#[test]
fn each_check_of_a_destination_has_a_mutant() {
    let component = Product::find().test_plugins.join("scripted-destination.wasm");
    let make = |mutant: Option<&str>| {
        let mut bench = of_sqlite("scripted", &component);
        bench.case["destination"]["options"] = json!({ "mutant": mutant });
        bench.case["refused_options"] = json!([{"mutant": "none-such"}]);
        bench
    };
    // The check that is there for it first.
    let doubles: &[(&str, &[&str])] = &[
        ("empties_tables", &["create-table", "markers", "clear-tables", "fence"]),
        ("trims_texts", &["values", "unchanged", "dead-letters"]),
        ("reverses_batches", &["order", "truncate", "redelivery", "dead-letters"]),
        ("keeps_deleted", &["deletes", "order", "redelivery", "dead-letters"]),
        ("nulls_unsent", &["unchanged", "refused-row", "dead-letters"]),
        ("skips_truncates", &["truncate", "dead-letters"]),
        ("refuses_again", &["redelivery"]),
        ("forgets_markers", &["markers", "dead-letters"]),
        ("commits_refused", &["refused-row"]),
        ("hides_refused", &["dead-letters"]),
        ("skips_clears", &["clear-tables"]),
        ("unfenced", &["fence"]),
    ];
    assert_doubles("destination", make, doubles);
}
