//! From a MongoDB server to a PostgreSQL server nothing is lost or doubled, whatever happens.

#![allow(clippy::expect_used, clippy::panic)] // Helpers of tests are tests, too.

mod compare;
mod created;
mod emptiness;
mod lake;
mod logged;
mod lost;
mod protected;
mod retry;
mod servers;
mod shape;
mod types;
mod verify;
mod writer;

use std::thread::sleep;
use std::time::Duration;

use cartridge_warp_test_mongodb::{ReplicaSet, Settings};
use cartridge_warp_tests::Pipeline;
use fastrand::Rng;
use serde_json::json;

use servers::{SCHEMA, Servers};
use writer::Writer;

/// Kills of the runner before its snapshot is complete, and after.
const KILLS_IN_SNAPSHOT: usize = 40;
const KILLS_IN_STREAM: usize = 70;
/// More starts than that are no way to come to these numbers.
const STARTS_MAX: usize = 400;
/// Documents of each collection when the snapshot begins.
const DOCUMENTS: u64 = 30_000;
/// What the log says when the snapshot is complete and the stream begins.
const STREAMING: &str = "following changes";

fn pause(milliseconds: u64) {
    sleep(Duration::from_millis(milliseconds));
}

/// Enough history for a writer at full speed.
fn servers() -> Servers {
    Servers::start(Settings { oplog_entries_max: 20_000_000, ..Settings::default() })
}

/// Copies what is left and compares.
fn assert_equal(servers: &Servers, pipeline: &Pipeline) {
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(servers.difference(), None);
}

#[test]
fn nothing_is_lost_or_doubled_when_the_runner_is_killed() {
    let servers = servers();
    let mut random = Rng::with_seed(0x5EED);
    writer::fill(&mut servers.source.client(), &mut random, DOCUMENTS);
    let mut pipeline = servers.pipeline(&servers.source.url(""));
    pipeline.set("schemas.0.default_max_parallel_streams", json!(2));
    // Small batches: a fast machine must not copy everything in one life.
    pipeline.set(
        "schemas.0.tables",
        json!([{"name": "orders", "full_load_batch_size": 200},
                                            {"name": "users", "full_load_batch_size": 200}]),
    );
    let writer = Writer::start(servers.source.port(), 1);
    let (mut in_snapshot, mut in_stream) = (0, 0);
    for start in 0.. {
        if in_snapshot >= KILLS_IN_SNAPSHOT && in_stream >= KILLS_IN_STREAM {
            break;
        }
        assert!(start < STARTS_MAX, "{in_snapshot} before, {in_stream} in the stream");
        let mut running = pipeline.start();
        let (until, life) = match in_snapshot < KILLS_IN_SNAPSHOT {
            true => ("serving metrics", random.u64(0..150)),
            false => (STREAMING, random.u64(0..400)),
        };
        running.wait_for(until);
        pause(life);
        let killed = running.kill();
        assert!(killed.status.code().is_none(), "it ended by itself: {}", killed.stderr);
        match killed.stderr.contains(STREAMING) {
            true => in_stream += 1,
            false => in_snapshot += 1,
        }
    }
    let commands = writer.commands();
    drop(writer);
    println!("{commands} commands, {in_snapshot} kills in the snapshot, {in_stream} in the stream");
    assert!(commands > 1000, "the writer did little: {commands} commands");
    assert_equal(&servers, &pipeline);
}

#[test]
fn nothing_is_lost_or_doubled_when_servers_and_connections_fail() {
    let mut servers = servers();
    let mut random = Rng::with_seed(2);
    writer::fill(&mut servers.source.client(), &mut random, 1000);
    // One member: it only stands between the two, so that connections can be cut.
    let set = ReplicaSet::start(servers.source.port(), 1);
    let pipeline = servers.pipeline(&set.url(""));
    let mut running = pipeline.start();
    running.wait_for(STREAMING);
    let writer = Writer::start(servers.source.port(), 2);
    let mut cut = 0;
    for _ in 0..3 {
        pause(500);
        cut += set.cut();
        pause(500);
        servers.source.kill();
        pause(300);
        servers.source.resume();
        pause(500);
        servers.source.restart();
        servers.destination.kill();
        pause(300);
        servers.destination.resume();
    }
    pause(500);
    assert!(cut > 0, "there was no connection to cut");
    assert!(writer.commands() > 100, "the writer did little");
    drop(writer);
    assert!(running.stderr().contains("trying again"), "{}", running.stderr());
    running.signal(15);
    let ended = running.wait(Duration::from_secs(60));
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_equal(&servers, &pipeline);
}

#[test]
fn nothing_is_lost_or_doubled_when_another_primary_is_elected() {
    let servers = servers();
    let mut random = Rng::with_seed(3);
    writer::fill(&mut servers.source.client(), &mut random, 1000);
    let set = ReplicaSet::start(servers.source.port(), 3);
    let pipeline = servers.pipeline(&set.url(""));
    let mut running = pipeline.start();
    running.wait_for(STREAMING);
    let writer = Writer::start(servers.source.port(), 3);
    for election in 0..6 {
        pause(500);
        set.step_down();
        // A real primary cuts its clients when it steps down; both ways are met.
        if election % 2 == 0 {
            set.cut();
        }
    }
    pause(500);
    drop(writer);
    let count = format!("SELECT count(*) > 0 FROM {SCHEMA}.events");
    assert_eq!(servers.at_destination(&count), ["t"], "nothing came through the new primaries");
    running.signal(15);
    let ended = running.wait(Duration::from_secs(60));
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_equal(&servers, &pipeline);
}
