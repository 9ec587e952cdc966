//! Writers, reader and server die at any time: the copy is equal in the end, nothing comes twice.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cartridge_warp_sdk::{Config, Failure, Limits, Source};
use cartridge_warp_test_postgresql::Cluster;
use postgresql_source::{Options, PostgresqlSource, ReadBy};
use support::{LOGICAL, Replica, replica};

const WRITERS: usize = 4;
const RUN: Duration = Duration::from_secs(6);

/// A small generator, so that a run can be told from another by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn open(url: &str, read_by: ReadBy) -> Result<PostgresqlSource, Failure> {
    let options = Options { read_messages: 2000, read_by, ..Options::default() };
    let mut source = PostgresqlSource::connect(Config::new(url, options))?;
    source.select_tables("public", &["t".to_owned(), "log".to_owned()])?;
    Ok(source)
}

/// What a destination holds: rows and the position behind them, together.
struct Copy {
    replica: Replica,
    inserted: Vec<String>,
    position: Vec<u8>,
}

/// Reads until told to stop and nothing is left, dying now and then.
fn read(url: &str, ways: &[ReadBy], copy: &mut Copy, random: &mut Random, done: &AtomicBool) {
    let mut source = None;
    let mut quiet_since = Instant::now();
    loop {
        let Some(open_source) = &mut source else {
            let way = ways[random.below(ways.len() as u64) as usize];
            source = open(url, way).ok();
            std::thread::sleep(Duration::from_millis(if source.is_some() { 0 } else { 100 }));
            continue;
        };
        let rows_max = 1 + random.below(300) as usize;
        let limits = Limits { rows_max, wait: Duration::from_millis(100), ..Limits::default() };
        let Ok(batch) = open_source.get_changes("public", &copy.position, limits) else {
            source = None;
            continue;
        };
        // One in twenty answers never reaches the destination.
        if random.below(20) == 0 {
            source = None;
            continue;
        }
        for rows in &batch.tables {
            assert!(rows.len() <= rows_max);
            quiet_since = Instant::now();
            if rows.table() == "log" {
                copy.inserted.extend((0..rows.len()).map(|row| rows.value(row, 0).to_string()));
            }
            copy.replica.apply_rows(rows);
        }
        copy.position = batch.position;
        if random.below(3) == 0 && open_source.confirm("public", &copy.position).is_err() {
            source = None;
        }
        let ended = done.load(Ordering::Relaxed);
        if !ended {
            quiet_since = Instant::now();
        } else if batch.caught_up && quiet_since.elapsed() > Duration::from_secs(2) {
            return;
        }
    }
}

/// Small and large transactions that insert, move, delete and roll back.
fn write(cluster: &Mutex<Cluster>, random: &mut Random, writer: usize, done: &AtomicBool) {
    let mut round = 0;
    while !done.load(Ordering::Relaxed) {
        round += 1;
        let (a, b, n) = (random.below(400), random.below(400), random.below(150));
        let end = if random.below(8) == 0 { "ROLLBACK" } else { "COMMIT" };
        let base = 1_000_000 * (writer as u64 + 1) + 1000 * round;
        let sql = format!(
            "BEGIN; INSERT INTO log SELECT {base} + x FROM generate_series(0, {n}) x; \
             INSERT INTO t VALUES ({a}, {round}, repeat('x', 3000)) \
                 ON CONFLICT (id) DO UPDATE SET v = t.v + 1; \
             UPDATE t SET v = v + 1 WHERE id % 40 = {b} % 40; \
             DELETE FROM t WHERE id = {b}; \
             UPDATE t SET id = id + 1000 WHERE id = {a} + 1 \
                 AND NOT EXISTS (SELECT FROM t WHERE id = {a} + 1001); {end}"
        );
        // A server that is down and conflicts between writers are part of the test.
        let mut program = cluster.lock().unwrap().program("psql");
        program.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-c", &sql]);
        let _ = program.output();
    }
}

#[test]
fn nothing_is_lost_or_doubled_whatever_dies() {
    for ways in
        [&[ReadBy::Sql][..], &[ReadBy::Streaming], &[ReadBy::Auto, ReadBy::Streaming, ReadBy::Sql]]
    {
        assert_nothing_is_lost(ways);
    }
}

/// Each time the reader is opened it takes one of the ways.
fn assert_nothing_is_lost(ways: &[ReadBy]) {
    let cluster = Cluster::start(&LOGICAL);
    cluster.sql(
        "postgres",
        "CREATE TABLE t (id int PRIMARY KEY, v int, big text); \
         ALTER TABLE t ALTER big SET STORAGE EXTERNAL; CREATE TABLE log (id bigint PRIMARY KEY)",
    );
    let url = cluster.url("postgres");
    let position = open(&url, ReadBy::Auto).unwrap().current_position("public").unwrap();
    let mut copy = Copy { replica: replica(), inserted: Vec::new(), position };
    let (cluster, done) = (Mutex::new(cluster), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (cluster, done) = (&cluster, &done);
            scope.spawn(move || write(cluster, &mut Random(writer as u64 + 77), writer, done));
        }
        scope.spawn(|| {
            for kill in [true, false] {
                std::thread::sleep(RUN / 6);
                let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                           WHERE backend_type = 'walsender'";
                cluster.lock().unwrap().sql("postgres", cut);
                std::thread::sleep(RUN / 6);
                let mut cluster = cluster.lock().unwrap();
                if kill {
                    cluster.kill()
                } else {
                    cluster.stop()
                }
                cluster.resume();
            }
            std::thread::sleep(RUN / 3);
            done.store(true, Ordering::Relaxed);
        });
        read(&url, ways, &mut copy, &mut Random(4711), &done);
    });
    let cluster = cluster.into_inner().unwrap();
    let sorted = |mut rows: Vec<String>| {
        rows.sort_unstable();
        rows
    };
    let expected = sorted(cluster.sql("postgres", "SELECT id, v, length(big) FROM t"));
    let copied: Vec<String> = copy.replica.rows("t", &["id", "v", "big"]);
    let shorten = |row: &String| {
        let mut parts = row.splitn(3, '|');
        let (id, v, big) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        format!(
            "{id}|{v}|{}",
            if big == "null" { "null".to_owned() } else { big.len().to_string() }
        )
    };
    assert_eq!(sorted(copied.iter().map(shorten).collect()), expected, "{ways:?}");
    let expected = sorted(cluster.sql("postgres", "SELECT id FROM log"));
    assert!(expected.len() > 1000, "only {} rows were written", expected.len());
    // Appended as they came: a row that came twice would stand here twice.
    assert!(sorted(copy.inserted) == expected, "{ways:?}: rows were lost or doubled");
}
