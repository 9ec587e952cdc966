//! The two ways of reading the log: they bring the same, and changing between them loses nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use cartridge_warp_sdk::testing::Collected;
use cartridge_warp_sdk::{ChangeBatch, Config, Limits, Source};
use cartridge_warp_test_postgresql::Cluster;
use postgresql_source::{Options, PostgresqlSource, ReadBy};
use support::{Database, LOGICAL, assert_failure, ends, follow, limits, replica};

fn by(read_by: ReadBy) -> Options {
    Options { read_by, ..Options::default() }
}

fn waiting(rows_max: usize) -> Limits {
    Limits { wait: Duration::from_secs(5), ..limits(rows_max) }
}

/// Whether the server streams to the database's slot.
fn is_streaming(database: &Database) -> bool {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender' \
               AND datname = current_database()";
    database.sql(sql) != ["0"]
}

/// Every row with its operation, values and time.
fn rows(batches: &[cartridge_warp_sdk::TableRows]) -> Vec<String> {
    let text = |rows: &cartridge_warp_sdk::TableRows, row: usize| {
        let value = |at: usize| match rows.is_unchanged(row, at) {
            true => "unchanged".to_owned(),
            false => rows.value(row, at).to_string(),
        };
        let values: Vec<String> = (0..rows.columns().len()).map(value).collect();
        let (table, op, at) = (rows.table(), rows.op(row).as_str(), rows.timestamp(row));
        format!("{table} {op} {at:?} {}", values.join("|"))
    };
    batches.iter().flat_map(|batch| (0..batch.len()).map(move |row| text(batch, row))).collect()
}

fn ids(batch: &ChangeBatch) -> Vec<String> {
    let batches = batch.tables.clone();
    Collected { batches, ..Collected::default() }.column("t", "id")
}

/// The end of the last whole transaction that a position names.
fn complete(position: &[u8]) -> u64 {
    u64::from_le_bytes(position[13..21].try_into().unwrap())
}

fn confirmed(database: &Database) -> u64 {
    let text = database.confirmed();
    let (high, low) = text.split_once('/').unwrap();
    let part = |text: &str| u64::from_str_radix(text, 16).unwrap();
    part(high) << 32 | part(low)
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn both_ways_bring_the_same() {
    let mut database = Database::new("same");
    database.sql(
        "ALTER DATABASE same SET datestyle = 'German'; ALTER DATABASE same SET bytea_output = \
         'escape'; ALTER DATABASE same SET extra_float_digits = 0; ALTER DATABASE same SET \
         timezone = 'Asia/Kolkata'; ALTER DATABASE same SET intervalstyle = 'iso_8601'",
    );
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY, at timestamptz, day date, raw bytea, f float8, \
             i interval, x xml, m numeric, big text); \
         ALTER TABLE t ALTER big SET STORAGE EXTERNAL; CREATE TABLE u (id int PRIMARY KEY); \
         CREATE TABLE f (id int PRIMARY KEY, v text); ALTER TABLE f REPLICA IDENTITY FULL",
    );
    let start = database.driver().position().unwrap();
    database.sql(
        "INSERT INTO t SELECT n, now(), '2026-02-03', '\\x00ff', n / 3.0, '1 day 2 hours', '<a/>', \
             n / 7.0, repeat('x', 3000) FROM generate_series(1, 200) n; \
         UPDATE t SET m = 'NaN' WHERE id % 3 = 0; INSERT INTO f SELECT n, 'v' FROM \
             generate_series(1, 20) n; UPDATE f SET v = NULL WHERE id = 5; \
         BEGIN; UPDATE t SET id = id + 1000 WHERE id % 50 = 0; SAVEPOINT a; DELETE FROM t WHERE \
             id = 7; ROLLBACK TO a; DELETE FROM t WHERE id = 8; COMMIT; \
         DELETE FROM f WHERE id < 4; INSERT INTO u VALUES (1); TRUNCATE u; \
         ALTER TABLE u ADD v text; INSERT INTO u VALUES (2, 'new'); \
         BEGIN; INSERT INTO u VALUES (3, 'never'); ROLLBACK",
    );
    let mut read = |read_by| {
        database.options = by(read_by);
        follow(&mut database.driver(), &start)
    };
    let (over_sql, streamed) = (read(ReadBy::Sql), read(ReadBy::Streaming));
    assert_eq!(rows(&streamed.batches), rows(&over_sql.batches));
    assert_eq!(streamed.rejected, over_sql.rejected);
    assert_eq!(streamed.schema_changes, over_sql.schema_changes);
    assert!(rows(&over_sql.batches).len() > 300);
}

#[test]
fn each_value_of_the_option_reads_in_its_way() {
    let mut database = Database::new("option");
    database.sql("CREATE TABLE t (id int PRIMARY KEY, filler text)");
    let start = database.driver().position().unwrap();
    database.sql("INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) n");
    for (read_by, far, near) in
        [(ReadBy::Sql, false, false), (ReadBy::Streaming, true, true), (ReadBy::Auto, false, true)]
    {
        database.options = by(read_by);
        let mut source = database.source();
        let mut batch = source.get_changes("public", &start, waiting(1000)).unwrap();
        assert_eq!(is_streaming(&database), far, "{read_by:?} with 20 MB to read");
        let mut count = ids(&batch).len();
        while !batch.caught_up || count < 20_000 {
            batch = source.get_changes("public", &batch.position, waiting(1000)).unwrap();
            count += ids(&batch).len();
        }
        assert_eq!(count, 20_000, "{read_by:?}");
        source.get_changes("public", &batch.position, limits(1000)).unwrap();
        assert_eq!(is_streaming(&database), near, "{read_by:?} at the log's end");
        drop(source);
        wait_until("the end of the stream", || !is_streaming(&database));
    }
}

#[test]
fn a_killed_reader_goes_on_inside_a_transaction_by_either_way() {
    const ROWS: usize = 40_000;
    let mut database = Database::new("inside");
    database.sql("CREATE TABLE t (id int PRIMARY KEY, filler text)");
    let start = database.driver().position().unwrap();
    database.sql(&format!(
        "BEGIN; INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(1, {ROWS}) n; \
         UPDATE t SET id = id + {ROWS} WHERE id % 1000 = 0; COMMIT; INSERT INTO t VALUES (0, '')"
    ));
    let mut expected: Vec<String> = (1..=ROWS).map(|id| id.to_string()).collect();
    for id in (1000..=ROWS).step_by(1000) {
        expected.extend([format!("delete {id}"), (id + ROWS).to_string()]);
    }
    expected.push("0".to_owned());
    let (mut position, mut read, mut kills) = (start, Vec::new(), 0);
    let mut source = database.source();
    while read.len() < expected.len() {
        let batch = source.get_changes("public", &position, waiting(1500)).unwrap();
        assert!(ids(&batch).len() <= 1500);
        read.extend(ids(&batch));
        position = batch.position;
        if read.len() / 7000 > kills {
            kills += 1;
            let ways = [ReadBy::Streaming, ReadBy::Sql, ReadBy::Auto];
            database.options = by(ways[kills % ways.len()]);
            source = database.source();
        }
    }
    assert!(kills >= 5);
    assert!(read == expected, "rows were lost, doubled or moved");
}

#[test]
fn one_row_at_a_time_each_by_another_way() {
    let mut database = Database::new("alternating");
    database.sql("CREATE TABLE t (id int PRIMARY KEY, v int)");
    let start = database.driver().position().unwrap();
    database.sql(
        "BEGIN; INSERT INTO t SELECT n, 0 FROM generate_series(1, 12) n; \
         UPDATE t SET id = id + 100 WHERE id % 4 = 0; DELETE FROM t WHERE id < 3; COMMIT; \
         INSERT INTO t VALUES (1000, 1)",
    );
    database.options = by(ReadBy::Sql);
    let whole = follow(&mut database.driver(), &start).column("t", "id");
    for rows_max in [1, 2, 3] {
        let (mut position, mut read) = (start.clone(), Vec::new());
        let mut was_within = false;
        while read.len() < whole.len() {
            let next = if read.len() % 2 == 0 { ReadBy::Streaming } else { ReadBy::Sql };
            database.options = by(next);
            let batch =
                database.source().get_changes("public", &position, waiting(rows_max)).unwrap();
            let count = ids(&batch).len();
            assert!(count <= rows_max && (count > 0 || ends(was_within, &batch)), "{count}");
            was_within = batch.within_transaction;
            read.extend(ids(&batch));
            position = batch.position;
        }
        assert_eq!(read, whole, "{rows_max} at a time");
    }
}

#[test]
fn the_server_forgets_only_what_was_confirmed() {
    let mut database = Database::new("acknowledged");
    database.options = by(ReadBy::Streaming);
    database.sql("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int)");
    let mut source = database.source();
    let mut position = source.current_position("public").unwrap();
    position = source.get_changes("public", &position, limits(10)).unwrap().position;
    let before = confirmed(&database);
    let mut positions = Vec::new();
    for id in 0..5 {
        database.sql(&format!("INSERT INTO t VALUES ({id})"));
        let batch = source.get_changes("public", &position, waiting(10)).unwrap();
        assert_eq!(ids(&batch), [id.to_string()]);
        position = batch.position;
        positions.push(position.clone());
        sleep(Duration::from_millis(300)); // Longer than a status, of which there are some by now.
        assert_eq!(confirmed(&database), before, "nothing was confirmed");
    }
    source.confirm("public", &positions[2]).unwrap();
    wait_until("the slot's move", || confirmed(&database) == complete(&positions[2]));
    for _ in 0..5 {
        position = source.get_changes("public", &position, limits(10)).unwrap().position;
        sleep(Duration::from_millis(300));
        assert_eq!(confirmed(&database), complete(&positions[2]), "the rest was not confirmed");
    }
    // A quiet stream moves on with log in which nothing is ours.
    database.sql("INSERT INTO other SELECT generate_series(1, 5000)");
    wait_until("a heartbeat", || {
        position = source.get_changes("public", &position, limits(10)).unwrap().position;
        complete(&position) > complete(&positions[4]) + 100_000
    });
    source.confirm("public", &position).unwrap();
    wait_until("the slot's move", || confirmed(&database) == complete(&position));
    drop(source);
    database.sql("INSERT INTO t VALUES (9)");
    assert_eq!(follow(&mut database.driver(), &position).column("t", "id"), ["9"]);
}

#[test]
fn auto_falls_back_when_it_is_behind_and_returns_and_loses_nothing() {
    let database = Database::new("back_and_forth");
    database.sql("CREATE TABLE t (id int PRIMARY KEY, filler text)");
    let mut source = database.source();
    let mut position = source.current_position("public").unwrap();
    position = source.get_changes("public", &position, limits(10)).unwrap().position;
    assert!(is_streaming(&database), "there is nothing to catch up with");
    // Transactions that come faster than a slow destination takes them.
    database.sql(
        "DO $$ BEGIN FOR t IN 0..399 LOOP INSERT INTO t SELECT t * 100 + n, repeat('x', 1000) \
             FROM generate_series(0, 99) n; COMMIT; END LOOP; END $$",
    );
    let (mut read, mut ways) = (Vec::new(), vec![true]);
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut written = 40_000;
    while ways != [true, false, true] || read.len() < written {
        assert!(Instant::now() < deadline, "{ways:?}, {} of {written} rows", read.len());
        let wait = Duration::from_millis(50);
        let batch =
            source.get_changes("public", &position, Limits { wait, ..limits(1000) }).unwrap();
        read.extend(ids(&batch));
        position = batch.position;
        source.confirm("public", &position).unwrap();
        let is_streaming = is_streaming(&database);
        if ways.last() != Some(&is_streaming) {
            ways.push(is_streaming);
        }
        if ways.len() == 1 {
            sleep(Duration::from_millis(100));
        } else if ways.len() == 2 {
            database.sql(&format!("INSERT INTO t VALUES ({written}, '')"));
            written += 1;
        }
    }
    let expected: Vec<String> = (0..written).map(|id| id.to_string()).collect();
    assert!(read == expected, "rows were lost, doubled or moved");
}

#[test]
fn a_stream_that_is_cut_is_resumed() {
    for read_by in [ReadBy::Streaming, ReadBy::Auto] {
        let mut database = Database::new(&format!("cut_{read_by:?}").to_lowercase());
        database.options = by(read_by);
        database.sql("CREATE TABLE t (id int PRIMARY KEY, filler text)");
        let mut source = database.source();
        let mut position = source.current_position("public").unwrap();
        position = source.get_changes("public", &position, limits(10)).unwrap().position;
        assert!(is_streaming(&database));
        database.sql("INSERT INTO t SELECT n, repeat('x', 500) FROM generate_series(1, 5000) n");
        let mut read = Vec::new();
        let batch = source.get_changes("public", &position, waiting(300)).unwrap();
        read.extend(ids(&batch));
        position = batch.position;
        database.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = \
             current_database() AND backend_type = 'walsender'",
        );
        // In the same connection of the host: no failure reaches it.
        while read.len() < 5000 {
            let batch = source.get_changes("public", &position, waiting(300)).unwrap();
            read.extend(ids(&batch));
            position = batch.position;
        }
        let expected: Vec<String> = (1..=5000).map(|id| id.to_string()).collect();
        assert!(read == expected, "{read_by:?}: rows were lost, doubled or moved");
    }
}

#[test]
fn a_host_that_does_not_call_for_long_costs_a_new_stream_and_no_rows() {
    let settings = [&LOGICAL[..], &[("wal_sender_timeout", "1s")]].concat();
    let mut cluster = Cluster::start(&settings);
    cluster.sql("postgres", "CREATE TABLE t (id int PRIMARY KEY)");
    let config = Config::new(cluster.url("postgres"), by(ReadBy::Streaming));
    let mut source = PostgresqlSource::connect(config).unwrap();
    source.select_tables("public", &["t".to_owned()]).unwrap();
    let mut position = source.current_position("public").unwrap();
    let mut read = Vec::new();
    for id in 0..2 {
        position = source.get_changes("public", &position, limits(10)).unwrap().position;
        cluster.sql("postgres", &format!("INSERT INTO t VALUES ({id})"));
        let streams = "SELECT count(*) FROM pg_stat_replication";
        wait_until("the cut", || cluster.sql("postgres", streams) == ["0"]);
        let batch = source.get_changes("public", &position, waiting(10)).unwrap();
        read.extend(ids(&batch));
        position = batch.position;
        sleep(Duration::from_secs(10)); // Streams that break all the time are the host's to judge.
    }
    assert_eq!(read, ["0", "1"]);
    // A server that stops waits for nobody who reads and confirms.
    source.confirm("public", &position).unwrap();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| cluster.stop());
        while !stopping.is_finished() {
            let Ok(batch) = source.get_changes("public", &position, limits(10)) else { break };
            position = batch.position;
            let _ = source.confirm("public", &position);
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn a_reader_that_goes_is_waited_for() {
    let mut database = Database::new("waiting");
    database.sql("CREATE TABLE t (id int PRIMARY KEY)");
    let start = database.driver().position().unwrap();
    database.sql("INSERT INTO t VALUES (1)");
    for read_by in [ReadBy::Streaming, ReadBy::Sql] {
        let mut reader = support::cluster().program("pg_recvlogical");
        reader.args(["-d", "waiting", "--slot", "cartridge_warp_waiting_public", "--start"]);
        reader.args(["-f", "-", "-o", "proto_version=1"]);
        reader.args(["-o", "publication_names=cartridge_warp_public", "--fsync-interval=0"]);
        reader.args(["--status-interval=0"]);
        reader.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut reader = reader.spawn().unwrap();
        wait_until("the predecessor", || is_streaming(&database));
        let killer = spawn(move || {
            sleep(Duration::from_millis(700));
            reader.kill().unwrap();
            reader.wait().unwrap();
        });
        database.options = by(read_by);
        let begun = Instant::now();
        let batch = database.source().get_changes("public", &start, waiting(10)).unwrap();
        assert_eq!(ids(&batch), ["1"], "{read_by:?}");
        assert!(begun.elapsed() > Duration::from_millis(300), "it did not wait");
        killer.join().unwrap();
    }
}

/// Passes bytes to whichever port is named at the time of a connection.
fn proxy(target: Arc<AtomicU16>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(("127.0.0.1", target.load(Ordering::Relaxed))).unwrap();
            let ways = [(&client, &server), (&server, &client)];
            for (from, to) in ways.map(|(a, b)| (a.try_clone().unwrap(), b.try_clone().unwrap())) {
                spawn(move || pass(from, to));
            }
        }
    });
    port
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn a_name_that_leads_to_another_server_is_noticed_before_anything_is_read() {
    for read_by in [ReadBy::Streaming, ReadBy::Auto] {
        let clusters = [Cluster::start(&LOGICAL), Cluster::start(&LOGICAL)];
        for cluster in &clusters {
            cluster.sql("postgres", "CREATE TABLE t (id int PRIMARY KEY)");
        }
        let target = Arc::new(AtomicU16::new(clusters[0].port()));
        let port = proxy(target.clone());
        let url = format!("postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
        let mut source = PostgresqlSource::connect(Config::new(url, by(read_by))).unwrap();
        source.select_tables("public", &["t".to_owned()]).unwrap();
        let start = source.current_position("public").unwrap();
        target.store(clusters[1].port(), Ordering::Relaxed);
        let changes = source.get_changes("public", &start, limits(10));
        assert_failure(changes, "reconnect", "another-server", &["opened anew"]);
    }
}

#[test]
fn without_a_sender_to_spare_only_streaming_cannot_read() {
    let settings = [&LOGICAL[..], &[("max_wal_senders", "0")]].concat();
    let cluster = Cluster::start(&settings);
    cluster.sql("postgres", "CREATE TABLE t (id int PRIMARY KEY)");
    let open = |read_by| {
        let config = Config::new(cluster.url("postgres"), by(read_by));
        let mut source = PostgresqlSource::connect(config).unwrap();
        source.select_tables("public", &["t".to_owned()]).unwrap();
        source
    };
    let start = open(ReadBy::Auto).current_position("public").unwrap();
    cluster.sql("postgres", "INSERT INTO t VALUES (1)");
    let changes = open(ReadBy::Streaming).get_changes("public", &start, waiting(10));
    assert_failure(changes, "retry", "server-resources", &["127.0.0.1"]);
    for read_by in [ReadBy::Auto, ReadBy::Sql] {
        let batch = open(read_by).get_changes("public", &start, waiting(10)).unwrap();
        assert_eq!(ids(&batch), ["1"], "{read_by:?}");
    }
}

#[test]
fn what_is_asked_of_the_server_is_never_older_than_the_change() {
    for read_by in [ReadBy::Streaming, ReadBy::Sql] {
        let cluster = Cluster::start(&LOGICAL);
        cluster.sql(
            "postgres",
            "CREATE TABLE t (id int PRIMARY KEY, big text); ALTER TABLE t ALTER big SET STORAGE \
             EXTERNAL; INSERT INTO t VALUES (1, repeat('x', 3000))",
        );
        let config = Config::new(cluster.url("postgres"), by(read_by));
        let mut source = PostgresqlSource::connect(config).unwrap();
        source.select_tables("public", &["t".to_owned()]).unwrap();
        let mut position = source.current_position("public").unwrap();
        position = source.get_changes("public", &position, limits(10)).unwrap().position;
        // Commits wait for a standby that is not there: they are in the log, and nobody sees them.
        cluster.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
        cluster.sql("postgres", "SELECT pg_reload_conf()");
        sleep(Duration::from_millis(300));
        std::thread::scope(|scope| {
            let change = "BEGIN; UPDATE t SET id = 2; ALTER TABLE t ADD c int; UPDATE t SET c = 5; \
                          COMMIT";
            scope.spawn(|| cluster.sql("postgres", change));
            scope.spawn(|| {
                sleep(Duration::from_millis(1500));
                cluster.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names");
                cluster.sql("postgres", "SELECT pg_reload_conf()");
            });
            let mut replica = replica();
            while replica.rows("t", &["id", "c"]) != ["2|5"] {
                let batch = source.get_changes("public", &position, waiting(10)).unwrap();
                batch.tables.iter().for_each(|rows| replica.apply_rows(rows));
                position = batch.position;
            }
            let whole = [format!("2|5|{}", "x".repeat(3000))];
            assert_eq!(replica.rows("t", &["id", "c", "big"]), whole, "{read_by:?}");
        });
    }
}
