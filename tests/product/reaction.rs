//! What follows from a source's failures: tried again, or ended, as it asked for.

use cartridge_warp_tests::{Pipeline, rows::sqlite_rows};
use serde_json::{Value, json};

const TABLES: u64 = 2;
const KEYS: u64 = 50;
const CHANGES: u64 = 3000;

fn pipeline(faults: Value) -> Pipeline {
    let mut pipeline = Pipeline::new();
    let component = pipeline.product.test_plugins.join("scripted-source.wasm");
    pipeline.set(
        "source",
        json!({
            "type": "scripted",
            "plugin": component,
            "connection_string": "state",
            "options": {"tables": TABLES, "keys": KEYS, "changes": CHANGES, "faults": faults},
        }),
    );
    pipeline.set("error_handling.max_backoff_seconds", json!(0.05));
    pipeline
}

/// The first difference between the history and its copy.
fn difference(pipeline: &Pipeline) -> Option<String> {
    (0..TABLES).find_map(|table| {
        let expected = scripted_source::history::rows(table, CHANGES, TABLES, KEYS);
        let found: Vec<(u64, u64)> = sqlite_rows(&pipeline.database(), &format!("t{table}"), "id")
            .iter()
            .map(|row| (row["id"].as_u64().unwrap(), row["value"].as_u64().unwrap()))
            .collect();
        (found != expected)
            .then(|| format!("t{table}: {} rows, not {}", found.len(), expected.len()))
    })
}

#[test]
fn passing_failures_are_tried_again_wherever_they_come() {
    let calls =
        ["connect", "get-schema", "plan-snapshot", "get-full-snapshot", "get-changes", "confirm"];
    for call in calls {
        for action in ["retry", "reconnect", "trap"] {
            let pipeline = pipeline(json!([{"call": call, "at": 0, "times": 2, "action": action}]));
            let ended = pipeline.catch_up();
            assert!(ended.status.success(), "{call} {action}: {}", ended.stderr);
            assert!(ended.stderr.contains("trying again"), "{call} {action}: {}", ended.stderr);
            assert_eq!(difference(&pipeline), None, "{call} {action}");
        }
    }
}

#[test]
fn lasting_failures_end_the_schema_at_once_with_the_sources_words() {
    for action in ["resync", "config", "stop"] {
        let pipeline = pipeline(json!([{"call": "get-changes", "at": 1, "action": action}]));
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(1), "{action}: {}", ended.stderr);
        assert!(ended.stderr.contains("fails by script"), "{action}: {}", ended.stderr);
        assert!(!ended.stderr.contains("trying again"), "{action}: {}", ended.stderr);
        let again = pipeline.catch_up();
        assert!(again.status.success(), "{action}: {}", again.stderr);
        assert_eq!(difference(&pipeline), None, "{action}");
    }
}

#[test]
fn retries_end_after_max_retries_in_a_row() {
    let mut pipeline =
        pipeline(json!([{"call": "get-schema", "at": 0, "times": 1000, "action": "retry"}]));
    pipeline.set("error_handling.max_retries", json!(2));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("trying again").count(), 2, "{}", ended.stderr);
}

#[test]
fn a_source_hears_of_a_position_only_after_the_commit() {
    // It forgets what was confirmed: a confirmation too early turns a kill into `resync`.
    let mut random = fastrand::Rng::with_seed(11);
    let mut pipeline = pipeline(json!([]));
    pipeline.set("schemas.0.default_batch_size", json!(20));
    pipeline.set("schemas.0.tables", json!([{"name": "t0", "write_batch_size": 10}]));
    for _ in 0..20 {
        let running = pipeline.start();
        std::thread::sleep(std::time::Duration::from_millis(random.u64(40..140)));
        let killed = running.kill();
        assert!(!killed.stderr.contains("pruned"), "{}", killed.stderr);
    }
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(difference(&pipeline), None);
}
