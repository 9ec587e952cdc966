//! Holders that are killed, stopped and continued, with a writer going on.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use cartridge_warp_tests::{Databases, Pipeline, Running, wait_until};

use super::{
    CONTINUE, FOLLOWS, STOP, TTL, WAITS, bank, count, end, pair, standby, took_over, wait_for_more,
};

/// Where the slot stands, and where the destination does: in the source's own bytes.
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

/// The holder is killed and started again, or stopped and continued; who works then, and who waits.
fn one_round(
    databases: &Databases,
    pipeline: &Pipeline,
    stops: bool,
    (holder, waiter): (Running, Running),
) -> (Running, Running) {
    let (followed, waited) = (count(&waiter, FOLLOWS), count(&waiter, WAITS));
    let stopped = if stops {
        holder.signal(STOP);
        Some(holder)
    } else {
        let killed = holder.kill();
        assert!(killed.status.code().is_none(), "it ended by itself: {}", killed.stderr);
        None
    };
    let what = if stops { "SIGSTOP" } else { "SIGKILL" };
    took_over(wait_for_more(&waiter, FOLLOWS, followed), what, &waiter);
    watch_slot(databases, Duration::from_secs(1));
    let back = match stopped {
        Some(stopped) => {
            let before = count(&stopped, WAITS);
            stopped.signal(CONTINUE);
            watch_slot(databases, Duration::from_secs(3));
            wait_for_more(&stopped, WAITS, before);
            stopped
        }
        None => {
            let started = standby(pipeline);
            wait_for_more(&started, WAITS, 0);
            started
        }
    };
    sleep(TTL);
    let again = (count(&waiter, FOLLOWS), count(&waiter, WAITS));
    assert_eq!(again, (followed + 1, waited), "it had to give way: {}", waiter.stderr());
    (waiter, back)
}

#[test]
fn a_holder_that_is_killed_or_stopped_is_replaced_and_nothing_is_lost_or_doubled() {
    let (databases, mut pipeline) = bank();
    let log = serde_json::json!([{"name": "pgbench_history", "write_mode": "append"}]);
    pipeline.set("schemas.0.tables", log);
    let mut roles = pair(&pipeline);
    let writer = databases.pgbench(100);
    sleep(TTL * 2);
    assert_eq!(count(&roles.1, FOLLOWS), 0, "one that answers is waited for");
    for stops in [true, false, true, false] {
        roles = one_round(&databases, &pipeline, stops, roles);
    }
    drop(writer);
    wait_until("both sides are equal", || databases.difference().is_none());
    let (holder, waiter) = roles;
    assert!(end(waiter) < TTL, "one that waits ends at once");
    end(holder);
    assert_eq!(databases.difference(), None);
}

/// The marker of the last commit takes a while to be written, so a holder can be stopped meanwhile.
const SLOW: &str = "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
        PERFORM pg_sleep(SECONDS); RETURN new; END$$;
    CREATE TRIGGER slow AFTER UPDATE ON cartridge_warp_metadata.sync_markers
        FOR EACH ROW WHEN (new.stream = 'changes') EXECUTE FUNCTION public.slow()";
const FAST: &str = "DROP TRIGGER slow ON cartridge_warp_metadata.sync_markers";
const IN_COMMIT: &str = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'";

#[test]
fn a_holder_that_is_stopped_in_the_middle_of_a_commit_keeps_nobody_out() {
    let (databases, pipeline) = bank();
    let (holder, waiter) = pair(&pipeline);
    databases.at_destination(&SLOW.replace("SECONDS", "2"));
    databases.at_source("UPDATE pgbench_branches SET bbalance = 7");
    wait_until("it commits", || !databases.at_destination(IN_COMMIT).is_empty());
    holder.signal(STOP);
    let begun = Instant::now();
    let open = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'";
    wait_until("its session has the lock", || !databases.at_destination(open).is_empty());
    wait_for_more(&waiter, FOLLOWS, 0);
    took_over(begun.elapsed(), "SIGSTOP in the middle of a commit", &waiter);
    databases.at_destination(FAST);
    wait_until("both sides are equal", || databases.difference().is_none());
    let waited = count(&holder, WAITS);
    holder.signal(CONTINUE);
    wait_for_more(&holder, WAITS, waited);
    databases.at_source("UPDATE pgbench_branches SET bbalance = 8");
    wait_until("the new one goes on", || databases.difference().is_none());
    end(holder);
    end(waiter);
}

#[test]
fn a_holder_whose_commit_takes_longer_than_its_time_is_waited_for() {
    let (databases, pipeline) = bank();
    let (holder, waiter) = pair(&pipeline);
    databases.at_destination(&SLOW.replace("SECONDS", "15"));
    databases.at_source("UPDATE pgbench_branches SET bbalance = 7");
    wait_until("it commits", || !databases.at_destination(IN_COMMIT).is_empty());
    wait_until("the commit is done", || databases.difference().is_none());
    databases.at_destination(FAST);
    assert_eq!((count(&holder, FOLLOWS), count(&waiter, FOLLOWS)), (1, 0), "{}", waiter.stderr());
    end(holder);
    wait_for_more(&waiter, FOLLOWS, 0);
    end(waiter);
}
