//! A source that floods its destination, or spins without bringing anything, is stopped or slowed
//! down by name, and a schema beside it goes on.

use std::time::{Duration, Instant};

use cartridge_warp_tests::{
    Databases, Ended, Pipeline, Running,
    rows::{sqlite_count, sqlite_query},
    wait_until,
};
use serde_json::json;

/// What an evil run says when it reaches a limit.
fn stops(pipeline: &Pipeline, key: &str) -> Ended {
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(1), "{key}: {}", ended.stderr);
    let reached = format!("plugin `evil` reached `limits.{key}` of schema `shop` at table `");
    assert!(ended.stderr.contains(&reached), "{key}: {}", ended.stderr);
    assert!(!ended.stderr.contains("trying again"), "{key}: {}", ended.stderr);
    ended
}

fn flood(deed: &str, key: &str, max: serde_json::Value) -> Pipeline {
    let mut pipeline = Pipeline::evil(deed);
    pipeline.set("schemas.0.limits", json!({ key: max }));
    pipeline
}

fn columns(pipeline: &Pipeline) -> usize {
    sqlite_query(&pipeline.database(), "SELECT name FROM pragma_table_info('items')").len()
}

fn tables(pipeline: &Pipeline) -> u64 {
    let sql = "SELECT count(*) AS n FROM sqlite_master WHERE type = 'table' \
               AND (name = 'items' OR name GLOB 't[0-9]*')";
    sqlite_query(&pipeline.database(), sql)[0]["n"].as_u64().unwrap()
}

#[test]
fn dead_letters_are_bounded_over_all_runs() {
    let pipeline = flood("flood:dead-letters", "dead_letter_bytes", json!("20MiB"));
    stops(&pipeline, "dead_letter_bytes");
    let letters =
        || sqlite_count(&pipeline.database(), "cartridge_warp_metadata_dead_letter_queue");
    let kept = letters();
    assert!((4..20).contains(&kept), "{kept} letters of 1 MiB");
    // A supervisor that starts it again and again brings it no further.
    for _ in 0..3 {
        stops(&pipeline, "dead_letter_bytes");
    }
    assert!(letters() < 20, "{} letters after further runs", letters());
}

#[test]
fn columns_are_bounded_however_they_come() {
    for deed in ["flood:columns", "flood:columns-in-rows"] {
        let pipeline = flood(deed, "columns_max", json!(20));
        for _ in 0..2 {
            stops(&pipeline, "columns_max");
            assert_eq!(columns(&pipeline), 20, "{deed}");
        }
    }
}

#[test]
fn columns_that_are_left_out_are_bounded_too() {
    let mut pipeline = flood("flood:columns", "columns_max", json!(20));
    pipeline.set("schema_evolution", json!({"excluded_columns": ["c*"]}));
    let ended = stops(&pipeline, "columns_max");
    assert!(ended.stderr.contains("21 columns that are left out"), "{}", ended.stderr);
    assert_eq!(columns(&pipeline), 1);
}

#[test]
fn tables_are_bounded_over_all_runs() {
    let pipeline = flood("flood:tables", "tables_max", json!(10));
    for _ in 0..2 {
        stops(&pipeline, "tables_max");
        assert_eq!(tables(&pipeline), 10);
    }
}

#[test]
fn shapes_are_bounded_in_memory_and_in_history() {
    let wide = flood("flood:wide-tables", "shape_bytes", json!("1MiB"));
    stops(&wide, "shape_bytes");
    assert!(tables(&wide) > 1, "it stops when there are too many, not at once");
    let changing = flood("flood:columns", "shape_history_bytes", json!("64KiB"));
    stops(&changing, "shape_history_bytes");
    assert!(columns(&changing) > 1);
}

#[test]
fn a_schema_beside_a_flood_goes_on() {
    let mut pipeline = Pipeline::evil("flood:dead-letters");
    pipeline.set("mode", json!("multi"));
    let limits = json!({"dead_letter_bytes": "16MiB"});
    pipeline.set("schemas", json!([{"name": "shop", "limits": limits}, {"name": "good"}]));
    pipeline.set("destination.options", json!({"schema_prefix": true}));
    let ended = stops(&pipeline, "dead_letter_bytes");
    assert!(!ended.stderr.contains("of schema `good`"), "{}", ended.stderr);
    assert_eq!(sqlite_count(&pipeline.database(), "good_items"), 3, "the rows of `good`");
}

/// The sum of all series of this metric with this text among the labels.
fn metric(running: &Running, name: &str, labels: &str) -> f64 {
    let metrics = running.get("/metrics");
    let series = metrics.lines().filter(|line| line.starts_with(name) && line.contains(labels));
    series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

#[test]
fn answers_that_bring_nothing_are_paced_whatever_is_in_them() {
    let deeds = [
        "idle:nothing",
        "idle:zero-rows",
        "idle:unselected-rows",
        "idle:announcements",
        "idle:unselected-announcements",
        "idle:snapshot",
    ];
    for deed in deeds {
        let mut pipeline = Pipeline::evil(deed);
        pipeline.set("schemas.0.table_blacklist", json!(["hidden"]));
        let mut running = pipeline.start();
        running.wait_for("\"address\"");
        let reads = || metric(&running, "cartridge_warp_plugin_custom_total", "name=\"reads\"");
        let commits = || {
            let calls = "cartridge_warp_plugin_call_seconds_count";
            metric(&running, calls, "update-marker") + metric(&running, calls, "write-batch")
        };
        let patience = Instant::now();
        while reads() < 10.0 {
            assert!(patience.elapsed() < Duration::from_secs(60), "{deed}: {}", running.stderr());
            std::thread::sleep(Duration::from_millis(20));
        }
        let (start, reads_before, commits_before) = (Instant::now(), reads(), commits());
        std::thread::sleep(Duration::from_secs(3));
        let (more_reads, more_commits) = (reads() - reads_before, commits() - commits_before);
        let seconds = start.elapsed().as_secs_f64();
        // A pause of 20 ms each; positions and cursors alone are worth a commit a second.
        assert!(more_reads > 0.0, "{deed}: it reads on");
        assert!(more_reads <= seconds * 50.0 + 10.0, "{deed}: {more_reads} reads in {seconds} s");
        assert!(more_commits > 0.0, "{deed}: positions are committed");
        assert!(more_commits <= seconds * 2.0 + 4.0, "{deed}: {more_commits} commits");
        running.signal(15);
        let ended = running.wait(Duration::from_secs(30));
        assert!(ended.status.success(), "{deed}: {}", ended.stderr);
    }
}

/// What is copied is committed little by little, and the next run goes on as fast as it may.
#[test]
fn a_copy_is_as_slow_as_the_operator_wants() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE orders (id int PRIMARY KEY);
         INSERT INTO orders SELECT generate_series(1, 5000)",
    );
    let mut pipeline = databases.pipeline();
    pipeline.set("schemas.0.limits", json!({"rows_per_second": 10}));
    let running = pipeline.start();
    let count = || {
        let rows = databases.try_at_destination("SELECT count(*) FROM orders");
        rows.and_then(|rows| rows[0].parse::<u64>().ok()).unwrap_or_default()
    };
    wait_until("rows arrive", || count() > 0);
    running.kill();
    // Unhurried, all of them would have come in one commit.
    assert!(count() < 5000, "{} rows", count());
    pipeline.set("schemas.0.limits", json!({}));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference(), None);
}
