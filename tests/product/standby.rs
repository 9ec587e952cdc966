//! A second runner waits while the first one answers, and takes over when it does not.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use cartridge_warp_tests::{Databases, Pipeline, Running, rows::sqlite_count, wait_until};
use serde_json::json;

const FOLLOWS: &str = "following changes";
const WAITS: &str = "standby: another run holds the schema";
const STOP: i32 = 19;
const CONTINUE: i32 = 18;
const TERMINATE: i32 = 15;
/// How long a holder may say nothing.
const TTL: Duration = Duration::from_secs(5);
/// A takeover that took longer would have waited for a server's time limit.
const TAKEOVER_MAX: Duration = Duration::from_secs(40);

/// A run that waits where another one has the schema.
fn standby(pipeline: &Pipeline) -> Running {
    Running::start(pipeline.command(&["run", "--standby"]))
}

/// How often it has said so.
fn count(running: &Running, words: &str) -> usize {
    running.stderr().matches(words).count()
}

fn wait_for_again(running: &Running, words: &str, before: usize) {
    wait_until(words, || count(running, words) > before);
}

/// One that works, and one that waits.
fn pair(pipeline: &Pipeline) -> (Running, Running) {
    let mut holder = standby(pipeline);
    holder.wait_for(FOLLOWS);
    let mut waiter = standby(pipeline);
    waiter.wait_for(WAITS);
    (holder, waiter)
}

fn ended(running: Running) -> String {
    running.signal(TERMINATE);
    let ended = running.wait(Duration::from_secs(60));
    assert!(ended.status.success(), "{}", ended.stderr);
    ended.stderr
}

/// pgbench's tables, of which each row of the history comes once or is seen twice.
fn bank() -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.initialise_pgbench(1);
    let mut pipeline = databases.pipeline();
    pipeline.set("standby", json!({"ttl_seconds": TTL.as_secs()}));
    let history = json!([{"name": "pgbench_history", "write_mode": "append"}]);
    pipeline.set("schemas.0.tables", history);
    (databases, pipeline)
}

/// Where the slot stands, and where the destination does: the source's own bytes.
fn places(databases: &Databases) -> (u64, u64) {
    let stored = "SELECT encode(substring(value FROM 14 FOR 8), 'hex') FROM
        cartridge_warp_metadata.sync_markers WHERE stream = 'changes'";
    // The slot first: the destination only moves on meanwhile.
    let slot = "SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots";
    let slot = databases.at_source(slot)[0].parse().unwrap();
    let stored = u64::from_str_radix(&databases.at_destination(stored)[0], 16).unwrap();
    (slot, stored.swap_bytes())
}

/// A slot never passes what was committed, whoever confirms (I11).
fn watch_slot(databases: &Databases, time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        let (slot, stored) = places(databases);
        assert!(slot <= stored, "the slot is at {slot}, the destination at {stored}");
    }
}

#[test]
fn a_holder_that_is_killed_or_stopped_is_replaced_and_nothing_is_lost_or_doubled() {
    let (databases, pipeline) = bank();
    let (mut holder, mut waiter) = pair(&pipeline);
    let writer = databases.pgbench(200);
    sleep(TTL * 2);
    assert_eq!(count(&waiter, FOLLOWS), 0, "one that answers is waited for");
    for round in 0..4 {
        let (stops, before, begun) = (round % 2 == 0, count(&waiter, FOLLOWS), Instant::now());
        if stops {
            holder.signal(STOP);
        } else {
            let killed = holder.kill();
            assert!(killed.status.code().is_none(), "it ended by itself: {}", killed.stderr);
            holder = standby(&pipeline);
        }
        wait_for_again(&waiter, FOLLOWS, before);
        let took = begun.elapsed();
        println!("taken over after {took:?}, stopped: {stops}");
        assert!(took < TAKEOVER_MAX, "{took:?}: {}", waiter.stderr());
        let waited = count(&holder, WAITS);
        if stops {
            watch_slot(&databases, Duration::from_secs(1));
            holder.signal(CONTINUE);
        }
        watch_slot(&databases, Duration::from_secs(3));
        if stops {
            wait_for_again(&holder, WAITS, waited);
        } else {
            holder.wait_for(WAITS);
        }
        // It neither ended nor took the schema back.
        assert_eq!(count(&waiter, WAITS), waited_times(round), "{}", waiter.stderr());
        std::mem::swap(&mut holder, &mut waiter);
    }
    drop(writer);
    wait_until("both sides are equal", || databases.difference().is_none());
    let begun = Instant::now();
    ended(waiter);
    assert!(begun.elapsed() < TTL, "one that waits ends at once");
    ended(holder);
    assert_eq!(databases.difference(), None);
}

/// How often the one that takes over in this round has begun to wait before.
fn waited_times(round: usize) -> usize {
    usize::from(round < 4)
}

#[test]
fn a_holder_that_is_stopped_in_the_middle_of_a_commit_keeps_nobody_out() {
    let (databases, pipeline) = bank();
    let (holder, mut waiter) = pair(&pipeline);
    databases.at_destination(
        "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
             PERFORM pg_sleep(1); RETURN new; END$$;
         CREATE TRIGGER slow AFTER UPDATE ON cartridge_warp_metadata.sync_markers
             FOR EACH ROW WHEN (new.stream = 'changes') EXECUTE FUNCTION public.slow()",
    );
    databases.at_source("UPDATE pgbench_branches SET bbalance = 7");
    let in_commit = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    wait_until("it commits", || !databases.at_destination(in_commit).is_empty());
    holder.signal(STOP);
    let begun = Instant::now();
    let open = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'";
    wait_until("its session has the lock", || !databases.at_destination(open).is_empty());
    waiter.wait_for(FOLLOWS);
    println!("taken over after {:?}", begun.elapsed());
    assert!(begun.elapsed() < TAKEOVER_MAX, "{}", waiter.stderr());
    databases.at_destination("DROP TRIGGER slow ON cartridge_warp_metadata.sync_markers");
    wait_until("both sides are equal", || databases.difference().is_none());
    let waited = count(&holder, WAITS);
    holder.signal(CONTINUE);
    wait_for_again(&holder, WAITS, waited);
    databases.at_source("UPDATE pgbench_branches SET bbalance = 8");
    wait_until("the new one goes on", || databases.difference().is_none());
    ended(holder);
    ended(waiter);
}

#[test]
fn a_schema_that_is_given_back_is_taken_over_at_once_and_a_quiet_one_stays_quiet() {
    let (databases, mut pipeline) = bank();
    pipeline.set("standby.ttl_seconds", json!(3600));
    let mut holder = standby(&pipeline);
    holder.wait_for(FOLLOWS);
    let room = "SELECT count(*) FROM cartridge_warp_metadata.epochs
        WHERE schema_name LIKE 'cartridge_warp_standby_%'";
    sleep(Duration::from_secs(3));
    assert_eq!(databases.at_destination(room), ["0"], "nobody waits, so nobody is answered");
    pipeline.set("control", json!({"socket": "./control.socket"}));
    let mut waiter = standby(&pipeline);
    waiter.wait_for(WAITS);
    wait_until("it is answered", || databases.at_destination(room) == ["1"]);
    for (page, code, words) in [
        ("/health", "200", "\"state\":\"standby\""),
        ("/ready", "200", "another"),
        ("/startup", "200", "started"),
        ("/metrics", "200", "cartridge_warp_sync_status"),
    ] {
        let answer = waiter.get(page);
        let words = if page == "/ready" { "ready" } else { words };
        assert!(answer.contains(code) && answer.contains(words), "{page}: {answer}");
    }
    let metrics = waiter.get("/metrics");
    let mut lines = metrics.lines().filter(|line| line.contains("sync_status{"));
    assert!(lines.any(|line| line.ends_with(" 2")), "{metrics}");
    let status = pipeline.run(&["--output", "json", "status"]);
    assert!(status.stdout.contains("\"state\":\"standby\""), "{}", status.stdout);
    ended(holder);
    waiter.wait_for(FOLLOWS);
    let writes = "SELECT max(updated_at) FROM cartridge_warp_metadata.sync_markers
        WHERE schema_name LIKE 'cartridge_warp_standby_%'";
    let before = databases.at_destination(writes);
    sleep(Duration::from_secs(3));
    assert_eq!(databases.at_destination(writes), before, "nobody asks any more");
    let mut third = standby(&pipeline);
    third.wait_for(WAITS);
    let drained = pipeline.run(&["drain"]);
    assert!(drained.status.success(), "{}", drained.stderr);
    third.wait_for(FOLLOWS);
    ended(third);
}

#[test]
fn one_without_the_flag_takes_over_and_the_one_with_it_waits_its_turn() {
    let (databases, pipeline) = bank();
    let mut first = standby(&pipeline);
    first.wait_for(FOLLOWS);
    let mut second = pipeline.start();
    second.wait_for(FOLLOWS);
    databases.at_source("UPDATE pgbench_branches SET bbalance = 7");
    first.wait_for(WAITS);
    sleep(TTL * 2);
    assert_eq!((count(&first, FOLLOWS), count(&second, FOLLOWS)), (1, 1), "it is answered too");
    ended(second);
    wait_for_again(&first, FOLLOWS, 1);
    wait_until("both sides are equal", || databases.difference().is_none());
    let mut plain = pipeline.start();
    plain.wait_for(FOLLOWS);
    let other = pipeline.start();
    let plain = plain.wait(Duration::from_secs(120));
    assert_eq!(plain.status.code(), Some(5), "{}", plain.stderr);
    assert!(plain.words().contains("run --standby"), "{}", plain.stderr);
    ended(other);
    ended(first);
}

/// Files to SQLite, whose file one process has open, and to files, which any may write.
#[test]
fn other_destinations_are_taken_over_too() {
    for destination in ["sqlite", "files"] {
        let mut pipeline = Pipeline::new();
        pipeline.set("standby", json!({"ttl_seconds": TTL.as_secs()}));
        if destination == "files" {
            let options = json!({"format": "ndjson"});
            let lake = json!({"type": "files", "connection_string": "./lake", "options": options});
            pipeline.set("destination", lake);
            pipeline.set("schemas.0.tables", json!([{"name": "orders", "write_mode": "append"}]));
        }
        pipeline.append("orders.ndjson", "{\"id\":1}\n");
        let (holder, mut waiter) = pair(&pipeline);
        sleep(TTL * 2);
        assert_eq!(count(&waiter, FOLLOWS), 0, "{destination}: one that lives is waited for");
        let begun = Instant::now();
        holder.kill();
        pipeline.append("orders.ndjson", "{\"id\":2}\n");
        waiter.wait_for(FOLLOWS);
        println!("{destination}: taken over after {:?}", begun.elapsed());
        let third = standby(&pipeline);
        wait_for_again(&third, WAITS, 0);
        ended(third);
        ended(waiter);
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{}", ended.stderr);
        if destination == "sqlite" {
            assert_eq!(sqlite_count(&pipeline.database(), "orders"), 2);
        }
    }
}

#[test]
fn a_dry_run_waits_for_nobody() {
    let mut pipeline = Pipeline::new();
    pipeline.set("dry_run", json!(true));
    let ended = pipeline.run(&["run", "--standby"]);
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    assert!(ended.words().contains("leave `--standby` out"), "{}", ended.stderr);
}
