//! The keys that size batches and pace reading change how often the connectors are called.

use std::time::Duration;

use cartridge_warp_tests::Pipeline;
use serde_json::{Value, json};

/// One table with 1,000 rows in its snapshot and 4,000 changes after it.
fn pipeline(schema: Value) -> Pipeline {
    let options = json!({"tables": 1, "keys": 5000, "past": 3000, "changes": 7000});
    let mut pipeline = Pipeline::scripted(options);
    pipeline.deliver_to_scripted(json!({}));
    let mut listed = schema;
    listed["name"] = json!("shop");
    pipeline.set("schemas", json!([listed]));
    pipeline
}

/// Calls of a connector in a run to the end: `state` is the source, `.` the destination.
fn calls(schema: Value, directory: &str, call: &str) -> u64 {
    let pipeline = pipeline(schema);
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    pipeline.calls(directory, call)
}

fn of_table(key: &str, value: u32) -> Value {
    json!({"tables": [{"name": "t0", key: value}]})
}

#[test]
fn batch_sizes_bound_what_is_read_and_written_at_once() {
    let reads = |size| calls(of_table("full_load_batch_size", size), "state", "get-full-snapshot");
    // Two chunks: the last read of each finds the end.
    assert_eq!(reads(10_000), 2);
    assert!(reads(100) > 8, "a small batch means many reads");

    let reads = |schema| calls(schema, "state", "get-changes");
    let of_schema = reads(json!({"default_batch_size": 1000}));
    let nearer = json!({
        "default_batch_size": 1000, "tables": [{"name": "t0", "stream_batch_size": 100}],
    });
    let nearer = reads(nearer);
    assert!((4..10).contains(&of_schema), "{of_schema} reads of 1000 for 4000 changes");
    assert!((40..50).contains(&nearer), "{nearer} reads of 100: the table's value wins");

    let writes = |size: u32| {
        let table = json!({"name": "t0", "stream_batch_size": 100, "write_batch_size": size});
        calls(json!({"tables": [table]}), ".", "write-batch")
    };
    let (small, large) = (writes(100), writes(5000));
    assert!(small >= 40, "{small} commits of 100 rows for 4000 changes");
    assert!(large <= small / 4, "{large} commits of up to 5000 against {small} of 100");
}

#[test]
fn parallel_streams_read_a_snapshot_with_instances_of_their_own() {
    let opened = |global: u32, schema: Value| {
        let mut pipeline = pipeline(schema);
        pipeline.set("global_max_parallel_streams", json!(global));
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{}", ended.stderr);
        pipeline.calls("state", "connect")
    };
    let one = opened(1, json!({}));
    assert_eq!(opened(2, json!({})), one + 1, "each further stream is an instance");
    assert_eq!(opened(1, json!({"default_max_parallel_streams": 2})), one + 1, "a schema's wins");
    let nearer = json!({
        "default_max_parallel_streams": 2,
        "tables": [{"name": "t0", "max_parallel_streams": 1}],
    });
    assert_eq!(opened(1, nearer), one, "a table's wins over both");
}

#[test]
fn the_polling_interval_paces_a_quiet_source() {
    let idle = |schema: Value| {
        let pipeline = pipeline(schema);
        assert!(pipeline.catch_up().status.success());
        let before = pipeline.calls("state", "get-changes");
        let mut running = pipeline.start();
        running.wait_for("following changes");
        std::thread::sleep(Duration::from_secs(2));
        running.signal(15);
        assert!(running.wait(Duration::from_secs(20)).status.success());
        pipeline.calls("state", "get-changes") - before
    };
    let seldom = idle(json!({"default_polling_interval": 5}));
    let often = idle(json!({"default_polling_interval": 0.05}));
    assert!(seldom <= 3, "{seldom} reads in two seconds with an interval of five");
    assert!(often >= 8, "{often} reads in two seconds with an interval of 50 ms");
    let nearer = json!({
        "default_polling_interval": 5,
        "tables": [{"name": "t0", "polling_interval_seconds": 0.05}],
    });
    assert!(idle(nearer) >= 8, "the table's value wins");
}
