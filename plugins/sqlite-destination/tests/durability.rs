//! What looking and a crash leave, and which failures are worth what.

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use cartridge_warp_sdk::{Action, Config, Destination};
use serde_json::json;
use sqlite_destination::{Options, SqliteDestination};
use support::{Bed, File, Insert, connect, marker, orders, query, rows, upsert};

#[test]
fn looking_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let mut destination = connect(&directory.path().join("new.db"), "{}").unwrap();
    destination.test_connection().unwrap();
    assert_eq!(destination.get_marker("shop", "s").unwrap(), None);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    let mut bed = Bed::new("{}");
    bed.bench.destination.test_connection().unwrap();
    assert!(bed.query("SELECT name FROM sqlite_schema WHERE name LIKE '%probe%'").is_empty());
}

#[test]
fn files_that_cannot_be_used_are_explained() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("text.db"), "no database, but long enough to be read as one".repeat(9))
        .unwrap();
    rusqlite::Connection::open(path("wal.db"))
        .unwrap()
        .execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t (x)")
        .unwrap();
    for (place, code) in [
        (path("text.db"), "not-a-database"),
        (path("wal.db"), "wal-mode"),
        (directory.path().to_owned(), "is-a-directory"),
        (path("nowhere/copy.db"), "no-directory"),
    ] {
        let failure = connect(&place, "{}").err().unwrap();
        assert_eq!((failure.action, failure.code.as_str()), (Action::Config, code));
    }
    let ungranted = Config::new("copy.db", Options::default());
    assert_eq!(SqliteDestination::connect(ungranted).err().unwrap().code, "missing-grant");
}

#[test]
fn a_locked_file_is_worth_a_retry_and_a_removed_one_is_not() {
    let mut bed = Bed::new("{}");
    let other = rusqlite::Connection::open(&bed.bench.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let failure = bed.write(Vec::new()).unwrap_err();
    assert_eq!((failure.action, failure.code.as_str()), (Action::Retry, "locked"));
    other.execute_batch("ROLLBACK").unwrap();
    bed.write(Vec::new()).unwrap();
    std::fs::remove_file(&bed.bench.path).unwrap();
    assert_eq!(bed.write(Vec::new()).unwrap_err().code, "database-missing");
}

const ROWS_A_BATCH: u64 = 300;
const CHILD: &str = "CARTRIDGE_TEST_SQLITE_CHILD";

/// Not a test by itself: the process that the next test kills.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let mut bed = Bed::on(File::open(Path::new(&path), "{}"));
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
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("copy.db");
    let mut journals = 0;
    for round in 0..12_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_writes_until_it_is_killed", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.map_while(Result::ok).filter(|line| line.starts_with("committed"));
        let last = said.take(3).last().unwrap();
        std::thread::sleep(Duration::from_micros(700 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let journal = directory.path().join("copy.db-journal");
        journals += u32::from(std::fs::metadata(journal).is_ok_and(|file| file.len() > 0));

        let acknowledged: u64 = last.rsplit(' ').next().unwrap().parse().unwrap();
        let mut destination = connect(&path, "{}").unwrap();
        let marker = destination.get_marker("shop", "n").unwrap().unwrap();
        let batches = u64::from_le_bytes(marker.try_into().unwrap());
        assert!(batches >= acknowledged, "an acknowledged batch is there");
        let count = (batches * ROWS_A_BATCH).to_string();
        assert_eq!(query(&path, "SELECT count(*) FROM orders"), [count]);
        assert_eq!(query(&path, "PRAGMA integrity_check"), ["ok"]);
    }
    println!("{journals} of 12 kills left a journal to roll back");
}
