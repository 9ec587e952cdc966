//! Schemas that are given back, runs without the flag, and what is seen of one that waits.

use std::{thread::sleep, time::Duration};

use cartridge_warp_tests::{Pipeline, Running, wait_until};
use serde_json::json;

use super::{FOLLOWS, TTL, WAITS, bank, count, end, pair, standby, wait_for_more};

/// What the probes, the metrics and the control socket say of one that waits.
fn assert_waits(pipeline: &Pipeline, waiter: &Running) {
    for (page, words) in [
        ("/health", "\"state\":\"standby\""),
        ("/ready", "\"status\":\"ready\""),
        ("/startup", "\"status\":\"started\""),
    ] {
        let answer = waiter.get(page);
        assert!(answer.contains(" 200 ") && answer.contains(words), "{page}: {answer}");
    }
    let metrics = waiter.get("/metrics");
    let mut lines = metrics.lines().filter(|line| line.contains("sync_status{"));
    assert!(lines.any(|line| line.ends_with(" 2")), "{metrics}");
    let status = pipeline.run(&["--output", "json", "status"]);
    assert!(status.stdout.contains("\"state\":\"standby\""), "{}", status.stdout);
    let order = pipeline.run(&["pause", "pgbench_tellers"]);
    assert!(!order.status.success(), "{}", order.stdout);
    assert!(order.words().contains("is held by a run"), "{}", order.words());
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
    wait_for_more(&holder, "another run waits to take over", 0);
    assert_waits(&pipeline, &waiter);
    assert_eq!(count(&holder, FOLLOWS), 1, "an order to one that waits fences nobody");
    end(holder);
    waiter.wait_for(FOLLOWS);
    let writes = "SELECT coalesce(max(updated_at)::text, ''), count(*) FROM
        cartridge_warp_metadata.sync_markers WHERE schema_name LIKE 'cartridge_warp_standby_%'";
    // It answers the last question, which was its own.
    wait_for_more(&waiter, "another run waits to take over", 0);
    let before = databases.at_destination(writes);
    sleep(Duration::from_secs(3));
    assert_eq!(databases.at_destination(writes), before, "nobody asks any more");
    let mut third = standby(&pipeline);
    third.wait_for(WAITS);
    let drained = pipeline.run(&["drain"]);
    assert!(drained.status.success(), "{}", drained.stderr);
    assert!(waiter.wait(Duration::from_secs(60)).status.success());
    third.wait_for(FOLLOWS);
    end(third);
    let torn = pipeline.run(&["teardown", "--yes"]);
    assert!(torn.status.success(), "{}", torn.stderr);
    assert_eq!(
        databases.at_destination(writes),
        ["|0"],
        "nothing is left of who asked and answered"
    );
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
    let metrics = first.get("/metrics");
    let mut late = metrics.lines().filter(|line| line.contains("lag_seconds{"));
    assert!(
        late.all(|line| line.ends_with(" 0")),
        "how far behind is the other's to tell: {metrics}"
    );
    end(second);
    wait_for_more(&first, FOLLOWS, 1);
    wait_until("both sides are equal", || databases.difference().is_none());
    let mut plain = pipeline.start();
    plain.wait_for(FOLLOWS);
    let other = pipeline.start();
    databases.at_source("UPDATE pgbench_branches SET bbalance = 8");
    let plain = plain.wait(Duration::from_secs(120));
    assert_eq!(plain.status.code(), Some(5), "{}", plain.stderr);
    assert!(plain.words().contains("run --standby"), "{}", plain.words());
    wait_until("the last one goes on", || databases.difference().is_none());
    end(other);
    end(first);
}

/// Two that are started again and again whenever they end: neither fences the other.
#[test]
fn of_several_that_wait_one_takes_over() {
    let (databases, pipeline) = bank();
    let (holder, second) = pair(&pipeline);
    let mut third = standby(&pipeline);
    third.wait_for(WAITS);
    holder.kill();
    let followed = || count(&second, FOLLOWS) + count(&third, FOLLOWS);
    wait_until("one takes over", || followed() > 0);
    sleep(TTL * 2);
    databases.at_source("UPDATE pgbench_branches SET bbalance = 7");
    wait_until("both sides are equal", || databases.difference().is_none());
    assert_eq!(followed(), 1, "{}\n{}", second.stderr(), third.stderr());
    end(second);
    end(third);
}

#[test]
fn a_dry_run_waits_for_nobody() {
    let mut pipeline = Pipeline::new();
    pipeline.set("dry_run", json!(true));
    let ended = pipeline.run(&["run", "--standby"]);
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    assert!(ended.words().contains("leave `--standby` out"), "{}", ended.stderr);
}
