//! Connections of one owner commit at the same time, and a claim ends all of them (I3).

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Write;
use std::process::Stdio;
use std::thread::{Scope, ScopedJoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use cartridge_warp_sdk::testing::sql::Bench;
use cartridge_warp_sdk::{Action, Destination, Failure, WriteOutcome};
use postgresql_destination::PostgresqlDestination;
use serde_json::json;
use support::{Bed, Insert, cluster, marker, orders, rows, upsert};

type Written<'s> = ScopedJoinHandle<'s, Result<WriteOutcome, Failure>>;

/// Rows with a key below 100 wait in the middle of their transaction until the gate is open, or for long
/// enough that a test has failed.
const GATE: &str = "CREATE TABLE gate (open boolean);
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
        WHILE NOT EXISTS (SELECT FROM shop.gate) AND clock_timestamp() < now() + interval '30 s'
            LOOP PERFORM pg_sleep(0.01); END LOOP;
        RETURN new; END$$;
    CREATE TRIGGER wait BEFORE INSERT ON orders FOR EACH ROW WHEN (new.id < 100)
        EXECUTE FUNCTION wait()";
/// Sessions that wait there, and sessions that wait for somebody's lock.
const AT_THE_GATE: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event = 'PgSleep'";
const LOCKED_OUT: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

fn gated() -> Bed {
    let mut bed = Bed::new("{}");
    bed.plan(&upsert(&orders())).unwrap();
    bed.run(GATE);
    bed
}

/// A connection that knows the table; it is told of it while nobody writes.
fn sibling(bed: &Bed) -> PostgresqlDestination {
    let mut sibling = bed.bench.connect();
    sibling.create_table_if_not_exists("shop", &upsert(&orders()), bed.epoch).unwrap();
    sibling
}

/// Writes a row.
fn write<'s>(
    scope: &'s Scope<'s, '_>,
    mut sibling: PostgresqlDestination,
    bed: &Bed,
    id: i64,
) -> Written<'s> {
    let mut request = bed.request(vec![rows(&orders(), &[(Insert, json!({"id": id}))])]);
    request.markers = vec![marker(&format!("chunk/{id}"), b"p")];
    scope.spawn(move || sibling.write_batch(request))
}

fn wait_for(bed: &Bed, sql: &str, expected: usize) {
    let begun = Instant::now();
    while bed.query(sql) != [expected.to_string()] {
        assert!(begun.elapsed() < Duration::from_secs(20), "{sql}: {:?}", bed.query(sql));
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn nobody_waits_for_the_commit_of_a_sibling() {
    let bed = gated();
    let [one, other] = [sibling(&bed), sibling(&bed)];
    std::thread::scope(|scope| {
        let slow = write(scope, one, &bed, 1);
        wait_for(&bed, AT_THE_GATE, 1);
        assert_eq!(write(scope, other, &bed, 100).join().unwrap().unwrap().rows_written, 1);
        assert_eq!(bed.query("SELECT id FROM orders"), ["100"], "the other one is not done");
        bed.run("INSERT INTO gate VALUES (true)");
        assert_eq!(slow.join().unwrap().unwrap().rows_written, 1);
    });
}

#[test]
fn a_claim_waits_for_all_siblings_and_nobody_passes_it() {
    let bed = gated();
    let [one, other, third] = [sibling(&bed), sibling(&bed), sibling(&bed)];
    std::thread::scope(|scope| {
        let open = [write(scope, one, &bed, 1), write(scope, other, &bed, 2)];
        wait_for(&bed, AT_THE_GATE, 2);
        let mut newer = bed.bench.connect();
        let claim = scope.spawn(move || newer.claim_schema("shop", "newer"));
        wait_for(&bed, LOCKED_OUT, 1);
        // It could share the epoch with those that are open, and others after it, for ever.
        let late = write(scope, third, &bed, 100);
        wait_for(&bed, LOCKED_OUT, 2);
        assert!(!claim.is_finished() && bed.query("SELECT id FROM orders").is_empty());
        bed.run("INSERT INTO gate VALUES (true)");
        for written in open {
            assert_eq!(written.join().unwrap().unwrap().rows_written, 1);
        }
        assert_eq!(claim.join().unwrap().unwrap(), bed.epoch + 1);
        let failure = late.join().unwrap().unwrap_err();
        assert_eq!((failure.action, failure.code.as_str()), (Action::Stop, "fenced"), "{failure}");
    });
    assert_eq!(bed.query("SELECT id FROM orders ORDER BY id"), ["1", "2"]);
}

/// Older releases know of the row alone.
#[test]
fn a_claim_by_an_older_release_waits_too() {
    let bed = gated();
    let (database, one) = (bed.bench.name.clone(), sibling(&bed));
    std::thread::scope(|scope| {
        let open = write(scope, one, &bed, 1);
        wait_for(&bed, AT_THE_GATE, 1);
        let claim = spawn(move || {
            cluster().sql(
                &database,
                "UPDATE cartridge_warp_metadata.epochs SET epoch = epoch + 1, owner = 'older'",
            )
        });
        wait_for(&bed, LOCKED_OUT, 1);
        bed.run("INSERT INTO gate VALUES (true)");
        assert_eq!(open.join().unwrap().unwrap().rows_written, 1);
        claim.join().unwrap();
    });
}

/// A change of tables is alone, whichever connection makes it.
#[test]
fn tables_change_between_commits() {
    let mut bed = gated();
    let one = sibling(&bed);
    std::thread::scope(|scope| {
        let open = write(scope, one, &bed, 1);
        wait_for(&bed, AT_THE_GATE, 1);
        let mut other = bed.bench.connect();
        let (plan, epoch) = (upsert(&orders()), bed.epoch);
        let told = scope.spawn(move || other.create_table_if_not_exists("shop", &plan, epoch));
        wait_for(&bed, LOCKED_OUT, 1);
        bed.run("INSERT INTO gate VALUES (true)");
        open.join().unwrap().unwrap();
        told.join().unwrap().unwrap();
    });
    assert_eq!(
        bed.write(vec![rows(&orders(), &[(Insert, json!({"id": 2}))])]).unwrap().rows_written,
        1
    );
}

/// A writer that is stopped in the middle of its commit says nothing, and has the epoch's lock.
#[test]
fn a_claim_ends_a_writer_that_says_nothing_and_waits_for_one_that_works() {
    const LOCKS: &str =
        "FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let (bed, held) = (gated(), format!("SELECT count(*) {LOCKS}"));
    let one = sibling(&bed);
    std::thread::scope(|scope| {
        let working = write(scope, one, &bed, 1);
        wait_for(&bed, AT_THE_GATE, 1);
        let key = format!("SELECT (classid::bigint << 32) | objid::bigint {LOCKS}");
        let key = bed.query(&key).remove(0);
        // What the server has of a client that was stopped.
        let mut psql = cluster().program("psql");
        psql.args(["-X", "-q", "-d", &bed.bench.name]).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut stopped = psql.stderr(Stdio::null()).spawn().unwrap();
        let mut says = stopped.stdin.take().unwrap();
        writeln!(says, "BEGIN; SELECT pg_advisory_xact_lock_shared({key});").unwrap();
        wait_for(&bed, &held, 2);
        let mut newer = bed.bench.connect();
        let claim = scope.spawn(move || newer.claim_schema("shop", "newer"));
        wait_for(&bed, &held, 1);
        assert_eq!(bed.query(AT_THE_GATE), ["1"], "one that works is waited for");
        bed.run("INSERT INTO gate VALUES (true)");
        assert_eq!(working.join().unwrap().unwrap().rows_written, 1);
        assert_eq!(claim.join().unwrap().unwrap(), bed.epoch + 1);
        drop(says);
        stopped.wait().unwrap();
    });
}
