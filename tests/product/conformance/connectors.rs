//! Our own connectors in the kit. Files as a source are in `docs/conformance.md`.

use std::fs;

use cartridge_warp_test_postgresql::Cluster;
use cartridge_warp_tests::Product;
use serde_json::{Value, json};

use super::{Bench, all_types, destinations};

/// Every check passes but those that say nothing of this one. Returns the statement.
#[track_caller]
fn assert_passes(bench: &Bench, not_applicable: &[&str]) -> Value {
    let (outcomes, statement) = bench.outcomes(&[]);
    let others: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome != "passed").collect();
    let are_spared = others.iter().all(|(_, outcome)| *outcome == "not-applicable");
    let names: Vec<&str> = others.iter().map(|(name, _)| name.as_str()).collect();
    assert!(are_spared && names == not_applicable, "{outcomes:?}");
    assert!(outcomes.len() >= 15, "{outcomes:?}");
    statement
}

#[test]
fn sqlite_passes() {
    let component = Product::find().plugins.join("sqlite-destination.wasm");
    let mut bench = destinations::of_sqlite("sqlite", &component);
    bench.case["refused_options"] = json!([{"cache_mebibytes": -1}, {"synchronous": "sometimes"}]);
    let statement = assert_passes(&bench, &["disturbed", "secrets"]);
    assert_eq!(statement["component"], "sqlite");
    assert_eq!(statement["complete"], true);
    assert_eq!(statement["sha256"].as_str().map(str::len), Some(64));
}

/// One side of a pipeline on this server.
fn of_postgresql(role: &str, cluster: &Cluster) -> Bench {
    cluster.create_database("shop");
    // The server asks for no password, so any will do.
    let url = cluster.url("shop").replace("postgres@", "postgres:canary-of-the-kit@");
    let psql = cluster.program("psql").get_program().to_string_lossy().into_owned();
    let component = Product::find().plugins.join(format!("postgresql-{role}.wasm"));
    let driver = ["python3", "postgresql.py", &psql, &url, role];
    let mut bench = Bench::new(role, "postgresql", &component, &driver);
    bench.case[role]["connection_string"] = json!(url);
    bench.case["tables"] = all_types();
    let option = if role == "source" { "text_types" } else { "audit_columns" };
    bench.case["refused_options"] = json!([{ option: "perhaps" }]);
    let can: &[&str] = if role == "source" { &["alter", "cut"] } else { &["cut"] };
    bench.case["driver_can"] = json!(can);
    bench
}

#[test]
fn postgresql_passes_as_a_destination() {
    let cluster = Cluster::start(&[]);
    assert_passes(&of_postgresql("destination", &cluster), &[]);
}

#[test]
fn postgresql_passes_as_a_source() {
    let cluster = Cluster::start(&[("wal_level", "logical")]);
    assert_passes(&of_postgresql("source", &cluster), &["exact-snapshot"]);
}

/// It keeps logs, and what they come to is told.
#[test]
fn files_pass_as_a_destination() {
    let component = Product::find().plugins.join("files-destination.wasm");
    let driver = ["python3", "lake.py", "far"];
    let mut bench = Bench::new("destination", "files", &component, &driver);
    fs::create_dir(bench.directory.path().join("far")).expect("a directory");
    bench.case["tables"] = all_types();
    bench.case["refused_options"] = json!([{"format": "stone"}]);
    assert_passes(&bench, &["dead-letters", "disturbed", "refused-row", "secrets"]);
}
