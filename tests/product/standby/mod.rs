//! A second run waits while the first one answers, and takes over when it does not.

mod elsewhere;
mod stopped;
mod turns;

use std::time::{Duration, Instant};

use cartridge_warp_tests::{Databases, Pipeline, Running, wait_until};
use serde_json::json;

const FOLLOWS: &str = "following changes";
const WAITS: &str = "standby: another run holds the schema";
const STOP: i32 = 19;
const CONTINUE: i32 = 18;
const TERMINATE: i32 = 15;
/// How long a holder may say nothing.
const TTL: Duration = Duration::from_secs(5);
/// Shorter than what a server waits for a client by itself.
const TAKEOVER_MAX: Duration = Duration::from_secs(45);

/// A run that waits where another one has the schema.
fn standby(pipeline: &Pipeline) -> Running {
    Running::start(pipeline.command(&["run", "--standby"]))
}

/// How often it has said so.
fn count(running: &Running, words: &str) -> usize {
    running.stderr().matches(words).count()
}

/// Waits until it says so once more than `before`; how long that took.
fn wait_for_more(running: &Running, words: &str, before: usize) -> Duration {
    let begun = Instant::now();
    wait_until(words, || count(running, words) > before);
    begun.elapsed()
}

/// One that works, and one that waits.
fn pair(pipeline: &Pipeline) -> (Running, Running) {
    let mut holder = standby(pipeline);
    holder.wait_for(FOLLOWS);
    let mut waiter = standby(pipeline);
    waiter.wait_for(WAITS);
    (holder, waiter)
}

/// Ends it in order; how long that took.
fn end(running: Running) -> Duration {
    let begun = Instant::now();
    running.signal(TERMINATE);
    let ended = running.wait(Duration::from_secs(60));
    assert!(ended.status.success(), "{}", ended.stderr);
    begun.elapsed()
}

#[allow(clippy::print_stdout, reason = "a measurement")]
fn took_over(after: Duration, what: &str, log: &Running) {
    println!("taken over after {after:.1?}: {what}");
    assert!(after < TAKEOVER_MAX, "{what}: {after:?}: {}", log.stderr());
}

/// pgbench's tables, with a log of each transaction, in which nothing may come twice.
fn bank() -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.initialise_pgbench(1);
    let mut pipeline = databases.pipeline();
    pipeline.set("standby", json!({"ttl_seconds": TTL.as_secs()}));
    (databases, pipeline)
}
