//! Killed at any moment, a pipeline comes to the same end.

use std::time::{Duration, Instant};

use cartridge_warp_tests::{Pipeline, Shop};
use fastrand::Rng;
use serde_json::json;

/// Runs of the pipeline from an empty destination.
const ROUNDS: u64 = 8;
/// Kills in each.
const KILLS: usize = 27;

/// What the log says when the snapshot is complete and the stream begins.
const STREAMING: &str = "following changes";

/// How often a process was killed before and after its snapshot was complete.
#[derive(Debug, Default)]
struct Kills {
    in_snapshot: usize,
    in_stream: usize,
}

fn pipeline() -> Pipeline {
    let mut pipeline = Pipeline::new();
    pipeline.set("schemas.0.default_max_parallel_streams", json!(2));
    pipeline.set("schemas.0.default_batch_size", json!(200));
    pipeline.set(
        "schemas.0.tables",
        json!([
            {"name": "events", "write_mode": "append", "full_load_batch_size": 400},
            {"name": "orders", "full_load_batch_size": 500, "write_batch_size": 100},
            {"name": "customers", "full_load_batch_size": 200},
        ]),
    );
    pipeline
}

/// Starts the pipeline again and again and kills it each time, while the shop goes on.
fn torment(pipeline: &Pipeline, shop: &mut Shop, random: &mut Rng, kills: &mut Kills) {
    for kill in 0..KILLS {
        let mut running = pipeline.start();
        // The first half hits start-up and snapshot, the second half the stream.
        let (until, life) = match kill < KILLS / 2 {
            true => ("serving metrics", random.u64(0..250)),
            false => (STREAMING, random.u64(0..120)),
        };
        running.wait_for(until);
        let reached = Instant::now();
        while reached.elapsed() < Duration::from_millis(life) {
            shop.trade(pipeline, 20);
            std::thread::sleep(Duration::from_millis(random.u64(1..20)));
        }
        let killed = running.kill();
        match killed.stderr.contains(STREAMING) {
            true => kills.in_stream += 1,
            false => kills.in_snapshot += 1,
        }
    }
}

/// The proof that the test above would notice: rows and positions commit one after the other.
#[test]
fn a_destination_that_commits_positions_later_is_found_out() {
    let mut random = Rng::with_seed(0xBAD);
    let found = (0..ROUNDS).find_map(|round| {
        let mut pipeline = pipeline();
        pipeline.deliver_to_scripted(json!({"positions_later_ms": 5}));
        let mut shop = Shop::new(round);
        shop.open(&pipeline, 4000, 1000, 30_000);
        torment(&pipeline, &mut shop, &mut random, &mut Kills::default());
        let last = pipeline.catch_up();
        assert!(last.status.success(), "round {round}: {}", last.stderr);
        shop.difference(&pipeline)
    });
    let found = found.expect("a kill between the two commits doubles rows");
    assert!(found.starts_with("events"), "only the table that is appended to doubles: {found}");
}

#[test]
fn nothing_is_lost_or_doubled_when_the_process_is_killed() {
    let mut random = Rng::with_seed(0xC0FFEE);
    let mut kills = Kills::default();
    for round in 0..ROUNDS {
        let pipeline = pipeline();
        let mut shop = Shop::new(round);
        shop.open(&pipeline, 4000, 1000, 30_000);
        torment(&pipeline, &mut shop, &mut random, &mut kills);
        let last = pipeline.catch_up();
        assert!(last.status.success(), "round {round}: {}", last.stderr);
        assert_eq!(shop.difference(&pipeline), None, "round {round}, {kills:?}");
    }
    println!("{kills:?}");
    assert!(kills.in_snapshot + kills.in_stream >= 200, "{kills:?}");
    assert!(kills.in_snapshot >= 40 && kills.in_stream >= 40, "both phases are met: {kills:?}");
}
