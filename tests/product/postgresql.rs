//! Between two real PostgreSQL servers nothing is lost or doubled, whatever happens.

use std::{thread::sleep, time::Duration};

use cartridge_warp_tests::{Databases, Pipeline, wait_until};
use fastrand::Rng;
use serde_json::json;

/// Kills, unless `CARTRIDGE_WARP_TEST_KILLS` says otherwise.
const KILLS: usize = 110;
/// What the log says when the snapshot is complete and the stream begins.
const STREAMING: &str = "following changes";

fn kills() -> usize {
    let given = std::env::var("CARTRIDGE_WARP_TEST_KILLS").ok();
    given.map_or(KILLS, |kills| kills.parse().unwrap())
}

fn pause(milliseconds: u64) {
    sleep(Duration::from_millis(milliseconds));
}

/// A pipeline that tries again soon.
fn patient(databases: &Databases) -> Pipeline {
    let mut pipeline = databases.pipeline();
    pipeline.set("error_handling.max_backoff_seconds", json!(0.2));
    pipeline
}

/// Copies what is left and compares.
fn assert_equal(databases: &Databases, pipeline: &Pipeline) {
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference(), None);
}

/// A change of shape and rows that need it.
fn reshape(databases: &Databases, number: usize) {
    databases.at_source(&format!(
        "ALTER TABLE pgbench_tellers ADD COLUMN note_{number} text;
         UPDATE pgbench_tellers SET note_{number} = 'n' || tid WHERE tid % 2 = 0;
         CREATE TABLE extra_{number} (id bigint PRIMARY KEY, at timestamptz, v numeric(20,4));
         INSERT INTO extra_{number} SELECT n, now(), n / 7.0 FROM generate_series(1, 100) n;
         DELETE FROM extra_{number} WHERE id % 5 = 0;
         UPDATE extra_{number} SET id = id + 1000 WHERE id % 7 = 0;"
    ));
}

#[test]
fn nothing_is_lost_or_doubled_when_the_runner_is_killed() {
    let databases = Databases::start();
    databases.initialise_pgbench(1);
    let mut pipeline = patient(&databases);
    pipeline.set("schemas.0.default_max_parallel_streams", json!(2));
    pipeline.set(
        "schemas.0.tables",
        json!([{"name": "pgbench_accounts", "full_load_batch_size": 1000}]),
    );
    let writer = databases.pgbench(400);
    let mut random = Rng::with_seed(0x5EED);
    let (mut in_snapshot, mut in_stream) = (0, 0);
    let kills = kills();
    for kill in 0..kills {
        let mut running = pipeline.start();
        // The first half hits start-up and snapshot, the second half the stream.
        let (until, life) = match kill < kills / 2 {
            true => ("serving metrics", random.u64(0..400)),
            false => (STREAMING, random.u64(0..400)),
        };
        running.wait_for(until);
        pause(life);
        if kill % 20 == 10 {
            reshape(&databases, kill);
        }
        let killed = running.kill();
        assert!(killed.status.code().is_none(), "it ended by itself: {}", killed.stderr);
        match killed.stderr.contains(STREAMING) {
            true => in_stream += 1,
            false => in_snapshot += 1,
        }
    }
    drop(writer);
    assert_equal(&databases, &pipeline);
    assert!(
        in_snapshot >= kills / 11 && in_stream >= kills / 3,
        "{in_snapshot} before, {in_stream} in the stream"
    );
}

#[test]
fn nothing_is_lost_or_doubled_when_servers_and_connections_fail() {
    let mut databases = Databases::start();
    databases.initialise_pgbench(1);
    let pipeline = patient(&databases);
    let mut running = pipeline.start();
    running.wait_for(STREAMING);
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE application_name = 'cartridge-warp'";
    for _ in 0..3 {
        let writer = databases.pgbench(400);
        pause(500);
        databases.at_source(cut);
        pause(300);
        databases.at_destination(cut);
        pause(300);
        databases.destination.kill();
        pause(500);
        databases.destination.resume();
        drop(writer);
        databases.source.restart();
        let writer = databases.pgbench(400);
        databases.at_destination(
            "ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf()",
        );
        pause(1500);
        databases.at_destination(
            "SET default_transaction_read_only = off;
             ALTER SYSTEM RESET default_transaction_read_only; SELECT pg_reload_conf()",
        );
        pause(500);
        drop(writer);
    }
    assert!(running.stderr().contains("trying again"), "{}", running.stderr());
    // The way of reading is the default, so both are taken.
    assert!(running.stderr().contains("streaming the log"), "{}", running.stderr());
    running.signal(15);
    let ended = running.wait(Duration::from_secs(30));
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_equal(&databases, &pipeline);
}

#[test]
fn of_two_runners_the_older_one_is_fenced() {
    let databases = Databases::start();
    databases.initialise_pgbench(1);
    let pipeline = patient(&databases);
    let mut older = pipeline.start();
    older.wait_for(STREAMING);
    let writer = databases.pgbench(200);
    let mut newer = pipeline.start();
    newer.wait_for(STREAMING);
    let older = older.wait(Duration::from_secs(30));
    assert_eq!(older.status.code(), Some(5), "{}", older.stderr);
    assert!(older.stderr.contains("fenced"), "{}", older.stderr);
    pause(1000);
    drop(writer);
    newer.signal(15);
    let newer = newer.wait(Duration::from_secs(30));
    assert!(newer.status.success(), "{}", newer.stderr);
    assert_equal(&databases, &pipeline);
}

#[test]
fn a_schedule_gives_way_to_a_run_that_was_started_later() {
    let databases = Databases::start();
    databases.at_source("CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1)");
    let mut pipeline = databases.pipeline();
    let streaming = pipeline.config.clone();
    pipeline.set("schemas.0.mode", json!("batch"));
    pipeline.set("schemas.0.schedule", json!("* * * * * *"));
    let mut older = pipeline.start();
    older.wait_for("waiting for the schedule");
    pipeline.config = streaming;
    let mut newer = pipeline.start();
    newer.wait_for(STREAMING);
    let older = older.wait(Duration::from_secs(60));
    assert_eq!(older.status.code(), Some(5), "{}", older.stderr);
    databases.at_source("INSERT INTO items VALUES (2)");
    wait_until("the newer one goes on", || databases.difference().is_none());
    newer.signal(15);
    let newer = newer.wait(Duration::from_secs(30));
    assert!(newer.status.success(), "{}", newer.stderr);
}
