//! Runs that take each other's place: whose reader ends, and what moves the slot.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use std::time::{Duration, Instant};

use cartridge_warp_sdk::testing::Driver;
use cartridge_warp_sdk::{Config, Failure, Limits, Source};
use cartridge_warp_test_postgresql::Cluster;
use postgresql_source::{Options, PostgresqlSource, ReadBy};
use support::{Database, LOGICAL, assert_failure, cluster, follow, limits};

const ONE: &str = "0123456789abcdef0123456789abcdef";
const TWO: &str = "fedcba9876543210fedcba9876543210";

/// The source of a run, behind the one that had the schema before.
fn run(
    database: &Database,
    name: &str,
    abandoned: Option<&str>,
) -> Result<Driver<PostgresqlSource>, Failure> {
    let mut config = Config::new(cluster().url(&database.name), database.options.clone());
    config.settings.push(("run".to_owned(), name.to_owned()));
    let abandoned = abandoned.map(|run| ("abandoned_run".to_owned(), run.to_owned()));
    config.settings.extend(abandoned);
    let mut driver = Driver::new(PostgresqlSource::connect(config)?, "public").limits(limits(10));
    driver.open()?;
    Ok(driver)
}

fn readers(database: &Database) -> Vec<String> {
    let of = "SELECT application_name FROM pg_stat_activity JOIN pg_replication_slots
        ON pid = active_pid WHERE datname = current_database()";
    database.sql(of)
}

/// The place of a position in the log.
fn complete(position: &[u8]) -> u64 {
    u64::from_le_bytes(position[13..21].try_into().unwrap())
}

fn confirmed(database: &Database) -> u64 {
    let sql = "SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots
        WHERE database = current_database()";
    database.sql(sql)[0].parse().unwrap()
}

#[test]
fn a_slot_that_is_there_moves_only_when_the_new_start_is_confirmed() {
    let database = Database::with("kept_slot", r#"{"read_by": "sql"}"#);
    let slot = "cartridge_warp_kept_slot_public";
    database.sql("CREATE TABLE t (id int PRIMARY KEY)");
    database.sql(&format!("SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')"));
    // Of a time before the publication, so it cannot be read.
    database.sql("INSERT INTO t VALUES (1)");
    let before = confirmed(&database);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    assert_eq!(confirmed(&database), before, "somebody else may have the slot by now");
    assert!(complete(&start) > before);
    driver.confirm(&start).unwrap();
    assert_eq!(confirmed(&database), complete(&start));
    database.sql("INSERT INTO t VALUES (2)");
    assert_eq!(follow(&mut driver, &start).column("t", "id"), ["2"]);
    drop(driver);
    // Said again, late, by one that has stood still.
    let mut newer = database.driver();
    let later = newer.position().unwrap();
    newer.confirm(&later).unwrap();
    let mut late = database.driver();
    late.confirm(&start).unwrap();
    assert_eq!(confirmed(&database), complete(&later), "it never goes back");
}

#[test]
fn the_reader_of_the_run_whose_place_is_taken_ends_and_no_other() {
    let mut database = Database::new("abandoned");
    database.options = Options { read_by: ReadBy::Streaming, ..Options::default() };
    database.sql("CREATE TABLE t (id int PRIMARY KEY)");
    let mut one = run(&database, ONE, None).unwrap();
    let start = one.position().unwrap();
    one.confirm(&start).unwrap();
    one.changes(&start).unwrap();
    assert_eq!(readers(&database), [format!("cartridge-warp/{ONE}")]);
    database.sql("INSERT INTO t VALUES (1)");
    // One that was told of none, or of none that could be, leaves it alone.
    for abandoned in [None, Some("' OR true --")] {
        let changes = run(&database, TWO, abandoned).unwrap().changes(&start);
        assert_failure(changes, "retry", "slot-busy", &["another runner"]);
        assert_eq!(readers(&database), [format!("cartridge-warp/{ONE}")], "{abandoned:?}");
    }
    let begun = Instant::now();
    let mut two = run(&database, TWO, Some(ONE)).unwrap();
    let wait = Duration::from_secs(5);
    let read = two.source.get_changes("public", &start, Limits { wait, ..limits(10) }).unwrap();
    assert_eq!(read.tables[0].len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(readers(&database), [format!("cartridge-warp/{TWO}")]);
    // The first one goes on, and knows nothing of it: it is not the one who ends the other.
    let changes = one.changes(&start);
    assert_failure(changes, "retry", "slot-busy", &["another runner"]);
    assert_eq!(readers(&database), [format!("cartridge-warp/{TWO}")]);
    drop(one);
    // It comes back in its turn, and now the second one has stood still.
    let mut one = run(&database, ONE, Some(TWO)).unwrap();
    one.changes(&start).unwrap();
    let changes = two.changes(&read.position);
    assert_failure(changes, "retry", "slot-busy", &["another runner"]);
    assert_eq!(readers(&database), [format!("cartridge-warp/{ONE}")]);
}

#[test]
fn a_server_keeps_the_slot_for_a_silent_reader_no_longer_than_it_is_set_to() {
    for (set, seconds_max) in [("0", 40), ("3s", 15)] {
        let settings = [&LOGICAL[..], &[("wal_sender_timeout", set)]].concat();
        let cluster = Cluster::start(&settings);
        cluster.sql("postgres", "CREATE TABLE t (id int PRIMARY KEY)");
        let options = Options { read_by: ReadBy::Streaming, ..Options::default() };
        let config = Config::new(cluster.url("postgres"), options);
        let mut driver = Driver::new(PostgresqlSource::connect(config).unwrap(), "public");
        driver.open().unwrap();
        let start = driver.position().unwrap();
        driver.changes(&start).unwrap();
        // A reader that is stopped: nobody calls it.
        let begun = Instant::now();
        let streams = "SELECT count(*) FROM pg_stat_replication";
        while cluster.sql("postgres", streams) != ["0"] {
            assert!(begun.elapsed() < Duration::from_secs(seconds_max), "{set}");
            std::thread::sleep(Duration::from_millis(200));
        }
        drop(driver);
    }
}
