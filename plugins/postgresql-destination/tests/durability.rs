//! What looking and a crash leave, and which failures are worth what.

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cartridge_warp_sdk::{Action, Destination};
use cartridge_warp_test_postgresql::Cluster;
use serde_json::json;
use support::{
    Bed, Database, Insert, cluster, connect, marker, new_database, orders, rows, upsert,
};

#[test]
fn a_claim_waits_for_a_commit_that_is_under_way() {
    let mut bed = Bed::new("{}");
    let database = bed.bench.name.clone();
    let held = AtomicBool::new(true);
    std::thread::scope(|scope| {
        // Another session of the same owner holds the row for a while, as a commit would.
        scope.spawn(|| {
            cluster().sql(
                &database,
                "BEGIN; UPDATE cartridge_warp_metadata.epochs SET written_at = now();
                 SELECT pg_sleep(1); COMMIT",
            );
            held.store(false, Ordering::SeqCst);
        });
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(bed.bench.destination.claim_schema("shop", "later").unwrap(), 2);
    });
    assert!(!held.load(Ordering::SeqCst));
}

#[test]
fn looking_leaves_nothing_behind() {
    let database = new_database();
    let mut destination = connect(&cluster().url(&database), "{}").unwrap();
    destination.test_connection().unwrap();
    assert_eq!(destination.get_marker("shop", "s").unwrap(), None);
    let schemas = "SELECT nspname FROM pg_namespace WHERE nspname ~ 'cartridge|shop'";
    assert!(cluster().sql(&database, schemas).is_empty());
    let mut bed = Bed::on(Database::open(&database, "{}"));
    bed.bench.destination.test_connection().unwrap();
    assert_eq!(bed.query("SELECT schema_name FROM cartridge_warp_metadata.epochs"), ["shop"]);
}

#[test]
fn a_user_without_privileges_is_told_so() {
    let bed = Bed::new("{}");
    bed.run("CREATE ROLE reader LOGIN");
    let url = cluster().url(&bed.bench.name).replace("postgres@", "reader@");
    let mut destination = connect(&url, "{}").unwrap();
    for failure in [
        destination.test_connection().unwrap_err(),
        destination.create_schema_if_not_exists("other").unwrap_err(),
        destination.get_marker("shop", "s").unwrap_err(),
    ] {
        assert_eq!((failure.action, failure.code.as_str()), (Action::Config, "permission"));
        assert!(failure.detail.unwrap().contains("permission denied"));
    }
}

#[test]
fn a_server_that_goes_away_is_worth_a_reconnect_and_half_a_batch_is_none() {
    let mut cluster = Cluster::start(&[]);
    cluster.create_database("copy");
    let url = cluster.url("copy");
    let open = || {
        let mut destination = connect(&url, "{}").unwrap();
        destination.create_schema_if_not_exists("shop").unwrap();
        let epoch = destination.claim_schema("shop", "test").unwrap();
        destination.create_table_if_not_exists("shop", &upsert(&orders()), epoch).unwrap();
        (destination, epoch)
    };
    let count = "SELECT count(*) FROM shop.orders";
    for end in [Cluster::stop, Cluster::kill] {
        let (destination, epoch) = open();
        let mut bed = Bed { bench: Database { destination, name: "copy".to_owned() }, epoch };
        bed.write(vec![rows(&orders(), &[(Insert, json!({"id": 1}))])]).unwrap();
        end(&mut cluster);
        // A session may outlive a killed server for a moment; the row is the same one each time.
        let again = |_| {
            let written = bed.write(vec![rows(&orders(), &[(Insert, json!({"id": 1}))])]);
            std::thread::sleep(std::time::Duration::from_millis(50));
            written.err()
        };
        let failure = (0..1200).find_map(again).unwrap();
        assert_eq!(failure.action, Action::Reconnect, "{failure:?}");
        let failure = bed.bench.destination.get_marker("shop", "stream").unwrap_err();
        assert_eq!(failure.action, Action::Reconnect, "{failure:?}");
        cluster.resume();
        assert_eq!(cluster.sql("copy", count), ["1"]);
    }
    // Cut in the middle of a batch: a trigger ends the session that fires it.
    let (destination, epoch) = open();
    let mut bed = Bed { bench: Database { destination, name: "copy".to_owned() }, epoch };
    cluster.sql(
        "copy",
        "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
             $$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN new; END$$;
         CREATE TRIGGER cut BEFORE INSERT ON shop.orders FOR EACH ROW WHEN (new.id = 150)
             EXECUTE FUNCTION cut()",
    );
    let all: Vec<_> = (100..200).map(|id| (Insert, json!({"id": id}))).collect();
    let failure = bed.write(vec![rows(&orders(), &all)]).unwrap_err();
    assert_eq!(failure.action, Action::Reconnect, "{failure:?}");
    assert_eq!(cluster.sql("copy", count), ["1"]);
}

#[test]
fn conflicts_with_others_are_worth_a_retry() {
    let mut bed = Bed::new("{}");
    bed.plan(&upsert(&orders())).unwrap();
    bed.run(
        "CREATE FUNCTION busy() RETURNS trigger LANGUAGE plpgsql AS
             $$BEGIN RAISE SQLSTATE '40P01'; END$$;
         CREATE TRIGGER busy BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION busy()",
    );
    let one = || rows(&orders(), &[(Insert, json!({"id": 1}))]);
    let failure = bed.write(vec![one()]).unwrap_err();
    assert_eq!((failure.action, failure.code.as_str()), (Action::Retry, "conflict"));
    // Nothing of it was committed, so the host sends it again over this connection.
    assert!(failure.retry_after.is_some());
    bed.run("DROP TRIGGER busy ON orders");
    assert_eq!(bed.write(vec![one()]).unwrap().rows_written, 1);
}

const ROWS_A_BATCH: u64 = 300;
const CHILD: &str = "CARTRIDGE_TEST_POSTGRESQL_CHILD";

/// Not a test by itself: the process that the next test kills.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let mut destination = connect(&url, "{}").unwrap();
    destination.create_schema_if_not_exists("shop").unwrap();
    let epoch = destination.claim_schema("shop", "child").unwrap();
    let mut bed = Bed { bench: Database { destination, name: String::new() }, epoch };
    bed.plan(&upsert(&orders())).unwrap();
    let read = bed.bench.destination.get_marker("shop", "n").unwrap();
    let mut batch = read.map_or(0, |value| u64::from_le_bytes(value.try_into().unwrap()));
    loop {
        let name = "x".repeat(500);
        let row = |at| (Insert, json!({"id": batch * ROWS_A_BATCH + at, "name": name}));
        let all: Vec<_> = (0..ROWS_A_BATCH).map(row).collect();
        batch += 1;
        let mut request = bed.request(vec![rows(&orders(), &all)]);
        request.markers = vec![marker("n", &batch.to_le_bytes())];
        bed.bench.destination.write_batch(request).unwrap();
        println!("committed {batch}");
        std::io::stdout().flush().unwrap();
    }
}

#[test]
fn a_killed_writer_leaves_whole_batches_with_their_marker() {
    let url = cluster().url(&new_database());
    let database = url.rsplit('/').next().unwrap().split('?').next().unwrap();
    for round in 0..12_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_writes_until_it_is_killed", "--nocapture"])
            .env(CHILD, &url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = lines.map_while(Result::ok).filter(|line| line.starts_with("committed"));
        // Kept open, so that the child ends by the signal and by nothing else.
        let last = said.by_ref().take(3).last().unwrap();
        std::thread::sleep(Duration::from_micros(700 * round));
        child.kill().unwrap();
        child.wait().unwrap();

        let acknowledged: u64 = last.rsplit(' ').next().unwrap().parse().unwrap();
        let mut destination = connect(&url, "{}").unwrap();
        // A commit that is still under way lands before the claim or never.
        destination.claim_schema("shop", "after").unwrap();
        let marker = destination.get_marker("shop", "n").unwrap().unwrap();
        let batches = u64::from_le_bytes(marker.try_into().unwrap());
        assert!(batches >= acknowledged, "an acknowledged batch is there");
        let count = (batches * ROWS_A_BATCH).to_string();
        assert_eq!(cluster().sql(database, "SELECT count(*) FROM shop.orders"), [count]);
    }
}
