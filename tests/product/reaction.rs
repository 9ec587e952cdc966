//! What follows from a connector's failures: tried again, or ended, as it asked for.

use cartridge_warp_tests::{
    Pipeline,
    rows::{sqlite_count, sqlite_query, sqlite_rows},
    wait_until,
};
use serde_json::{Value, json};

const TABLES: u64 = 2;
const KEYS: u64 = 50;
const CHANGES: u64 = 3000;
/// Changes that the snapshot shows.
const PAST: u64 = 100;

fn pipeline(faults: Value) -> Pipeline {
    let options = json!({
        "tables": TABLES, "keys": KEYS, "past": PAST, "changes": CHANGES, "faults": faults,
    });
    Pipeline::scripted(options)
}

/// The same with an honest source and a destination that fails.
fn failing_destination(faults: Value) -> Pipeline {
    let mut pipeline = pipeline(json!([]));
    pipeline.deliver_to_scripted(json!({ "faults": faults }));
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
fn a_schema_that_tries_again_for_long_is_not_ready() {
    let faults =
        json!([{"call": "get-changes", "at": 3, "times": 1_000_000, "action": "reconnect"}]);
    for (unready_after, code) in [(0.3, "503"), (600.0, "200")] {
        let mut pipeline = pipeline(faults.clone());
        pipeline.set("monitoring.unready_after_seconds", json!(unready_after));
        let mut running = pipeline.start();
        running.wait_for("trying again");
        let health = || running.get("/health");
        wait_until("it has tried for long", || {
            let text = health();
            let attempt = text.split("\"attempt\":").nth(1).and_then(|rest| rest.split(',').next());
            attempt.and_then(|attempt| attempt.parse::<u32>().ok()).is_some_and(|count| count > 12)
        });
        let is_answered = || running.get("/ready").starts_with(&format!("HTTP/1.1 {code}"));
        wait_until("`/ready` answers so while it waits", is_answered);
        assert!(health().starts_with("HTTP/1.1 200"), "it may yet come about");
    }
}

#[test]
fn passing_failures_of_a_destination_are_tried_again_wherever_they_come() {
    let calls = [
        "connect",
        "create-schema-if-not-exists",
        "claim-schema",
        "get-marker",
        "create-table-if-not-exists",
        "write-batch",
        "write-batch-committed",
    ];
    for call in calls {
        for action in ["retry", "reconnect", "trap"] {
            let faults = json!([{"call": call, "at": 0, "times": 2, "action": action}]);
            let pipeline = failing_destination(faults);
            let ended = pipeline.catch_up();
            assert!(ended.status.success(), "{call} {action}: {}", ended.stderr);
            assert!(ended.stderr.contains("trying again"), "{call} {action}: {}", ended.stderr);
            assert_eq!(difference(&pipeline), None, "{call} {action}");
        }
    }
}

#[test]
fn a_commit_whose_answer_was_lost_is_not_written_twice() {
    for action in ["retry", "reconnect", "trap"] {
        let faults: Vec<Value> = (1..40)
            .step_by(3)
            .map(|at| json!({"call": "write-batch-committed", "at": at, "action": action}))
            .collect();
        let mut pipeline = failing_destination(json!(faults));
        pipeline.set("schemas.0.default_batch_size", json!(100));
        pipeline.set(
            "schemas.0.tables",
            json!([{"name": "t0", "write_mode": "append", "write_batch_size": 10}]),
        );
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{action}: {}", ended.stderr);
        assert!(ended.stderr.matches("trying again").count() > 5, "{action}: {}", ended.stderr);
        let snapshot = scripted_source::history::rows(0, PAST, TABLES, KEYS).len() as u64;
        let expected = snapshot + (CHANGES - PAST) / TABLES;
        assert_eq!(sqlite_count(&pipeline.database(), "t0"), expected, "{action}");
    }
}

/// The scripted failure ends the run at once with its words; the next run goes on from there.
fn ends_at_once_and_goes_on(pipeline: &Pipeline, action: &str) {
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(1), "{action}: {}", ended.stderr);
    assert!(ended.stderr.contains("fails by script"), "{action}: {}", ended.stderr);
    assert!(!ended.stderr.contains("trying again"), "{action}: {}", ended.stderr);
    let again = pipeline.catch_up();
    assert!(again.status.success(), "{action}: {}", again.stderr);
    assert_eq!(difference(pipeline), None, "{action}");
}

#[test]
fn a_destination_that_must_stop_ends_the_schema_with_its_words() {
    for action in ["config", "stop"] {
        let pipeline =
            failing_destination(json!([{"call": "write-batch", "at": 2, "action": action}]));
        ends_at_once_and_goes_on(&pipeline, action);
    }
}

#[test]
fn a_destination_that_lies_about_rows_is_named() {
    let mut pipeline = pipeline(json!([]));
    pipeline.deliver_to_scripted(json!({"lies": true}));
    pipeline.set("error_handling.max_retries", json!(1));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    for word in ["scripted", "write-batch", "batch 7, which is none"] {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
}

#[test]
fn lasting_failures_end_the_schema_at_once_with_the_sources_words() {
    for action in ["resync", "config", "stop"] {
        let pipeline = pipeline(json!([{"call": "get-changes", "at": 1, "action": action}]));
        ends_at_once_and_goes_on(&pipeline, action);
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
fn a_schema_that_follows_its_source_is_tried_again_for_ever() {
    let faults = json!([{"call": "get-schema", "at": 0, "times": 8, "action": "reconnect"}]);
    let pipeline = pipeline(faults.clone());
    let mut running = pipeline.start();
    running.wait_for("following changes");
    running.signal(15);
    let ended = running.wait(std::time::Duration::from_secs(20));
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("trying again").count(), 8, "{}", ended.stderr);
    // One that has an end waits for nobody that long.
    let ended = self::pipeline(faults).catch_up();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("trying again").count(), 3, "{}", ended.stderr);
}

#[test]
fn retries_end_while_a_table_waits_to_be_copied_anew() {
    let mut pipeline = pipeline(json!([]));
    pipeline.set("error_handling.max_retries", json!(2));
    assert!(pipeline.catch_up().status.success());
    // After so many it would end well.
    let fault = json!({"call": "plan-snapshot", "at": TABLES, "times": 12, "action": "retry"});
    pipeline.set("source.options.faults", json!([fault]));
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync"]);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("trying again").count(), 2, "{}", ended.stderr);
    let versions = "SELECT version FROM cartridge_warp_metadata_schema_registry";
    let versions = sqlite_query(&pipeline.database(), versions);
    assert_eq!(versions.len() as u64, TABLES, "no shape is registered twice: {versions:?}");
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

/// How often the run opened each side and claimed the schema.
fn opened(pipeline: &Pipeline) -> [u64; 3] {
    let calls = |directory, call| pipeline.calls(directory, call);
    [calls("state", "connect"), calls(".", "connect"), calls(".", "claim-schema")]
}

#[test]
fn a_pause_that_is_asked_for_is_waited_on_the_open_connection() {
    let baseline = failing_destination(json!([]));
    assert!(baseline.catch_up().status.success());
    let source =
        ["connect", "get-schema", "plan-snapshot", "get-full-snapshot", "get-changes", "confirm"];
    let destination = [
        "connect",
        "create-schema-if-not-exists",
        "claim-schema",
        "get-marker",
        "create-table-if-not-exists",
        "update-marker",
        "write-batch",
    ];
    let of_source = source.map(|call| (true, call));
    for (at_source, call) in of_source.into_iter().chain(destination.map(|call| (false, call))) {
        // The second one is for years: the operator's longest pause bounds it.
        let fault = |at: u64, pause: u64| json!({"call": call, "at": at, "action": "retry", "retry_after_ms": pause});
        let faults = json!([fault(0, 1), fault(1, u64::MAX)]);
        let mut pipeline = pipeline(if at_source { faults.clone() } else { json!([]) });
        let of_destination = if at_source { json!([]) } else { faults };
        pipeline.deliver_to_scripted(json!({ "faults": of_destination }));
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{call}: {}", ended.stderr);
        assert!(!ended.stderr.contains("trying again"), "{call}: {}", ended.stderr);
        assert_eq!(ended.stderr.matches("calling again").count(), 2, "{call}: {}", ended.stderr);
        assert_eq!(difference(&pipeline), None, "{call}");
        let mut expected = opened(&baseline);
        // A call that failed was made, too.
        match (at_source, call) {
            (true, "connect") => expected[0] += 2,
            (false, "connect") => expected[1] += 2,
            (false, "claim-schema") => expected[2] += 2,
            _ => {}
        }
        assert_eq!(opened(&pipeline), expected, "{call}: opened and claimed as without failures");
    }
}

#[test]
fn pauses_that_are_asked_for_end_after_max_retries() {
    let fault = json!({
        "call": "get-schema", "at": 0, "times": 1000, "action": "retry", "retry_after_ms": 0,
    });
    let mut pipeline = pipeline(json!([fault]));
    pipeline.set("error_handling.max_retries", json!(2));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    // Three calls on a connection, three connections.
    assert_eq!(pipeline.calls("state", "get-schema"), 9, "{}", ended.stderr);
}

#[test]
fn a_stop_ends_a_pause_that_is_asked_for() {
    let hour = json!({
        "call": "get-changes", "at": 0, "times": 1000, "action": "retry", "retry_after_ms": 3_600_000,
    });
    let mut pipeline = pipeline(json!([hour]));
    pipeline.set("error_handling.max_backoff_seconds", json!(3600));
    let mut running = pipeline.start();
    running.wait_for("calling again");
    running.signal(15);
    let ended = running.wait(std::time::Duration::from_secs(60));
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(pipeline.calls("state", "get-changes"), 1, "{}", ended.stderr);
}
