//! The change stream: operations, order, positions, shapes, and what moves the slot.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use std::time::Duration;

use cartridge_warp_sdk::testing::Driver;
use cartridge_warp_sdk::{Limits, Operation, Source};
use support::{Database, assert_failure, ends, follow, limits, replica};

fn operations(collected: &cartridge_warp_sdk::testing::Collected, table: &str) -> Vec<String> {
    collected.column(table, "id")
}

#[test]
fn operations_come_in_commit_order_with_their_values() {
    let database = Database::new("operations");
    database
        .sql("CREATE TABLE t (id int PRIMARY KEY, note text); CREATE TABLE u (id int PRIMARY KEY)");
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    database.sql(
        "INSERT INTO t VALUES (1, 'a'), (2, 'b'); UPDATE t SET note = 'c' WHERE id = 1; \
         DELETE FROM t WHERE id = 2; UPDATE t SET id = 3 WHERE id = 1; \
         BEGIN; INSERT INTO t VALUES (9, 'never'); ROLLBACK; \
         TRUNCATE t, u; INSERT INTO t VALUES (4, E'\\t\\\\N\\nü')",
    );
    let changes = follow(&mut driver, &start);
    let expected = ["1", "2", "update 1", "delete 2", "delete 1", "3", "truncate null", "4"];
    assert_eq!(operations(&changes, "t"), expected);
    assert_eq!(changes.column("u", "id"), ["truncate null"]);
    assert_eq!(changes.column("t", "note")[5..], ["c", "truncate null", "\t\\N\nü"]);
    assert!(changes.batches[0].timestamp(0).unwrap() > 1_700_000_000_000_000);
    // The same again from the same position, and nothing from the last. One reader at a time.
    drop(driver);
    let again = follow(&mut database.driver(), &start);
    assert_eq!(operations(&again, "t"), expected);
    assert_eq!(follow(&mut database.driver(), &changes.position).rows(), 0);
}

#[test]
fn a_large_transaction_goes_on_where_it_was_cut_at_any_row() {
    let database = Database::new("large");
    database.sql("CREATE TABLE t (id int PRIMARY KEY, v int)");
    let start = database.driver().position().unwrap();
    database.sql(
        "BEGIN; INSERT INTO t SELECT n, 0 FROM generate_series(1, 50) n; \
         UPDATE t SET id = id + 100 WHERE id % 10 = 0; DELETE FROM t WHERE id < 5; COMMIT; \
         INSERT INTO t VALUES (1000, 1)",
    );
    let whole = operations(&follow(&mut database.driver(), &start), "t");
    assert_eq!(whole.len(), 50 + 5 * 2 + 4 + 1);
    for rows_max in [1, 2, 3, 7, 64] {
        // Each batch by a source of its own, as if killed after each.
        let (mut position, mut rows) = (start.clone(), Vec::new());
        let mut was_within = false;
        while rows.len() < whole.len() {
            let mut source = database.source();
            let wait = Duration::from_secs(5);
            let limits = Limits { wait, ..limits(rows_max) };
            let batch = source.get_changes("public", &position, limits).unwrap();
            let count: usize = batch.tables.iter().map(|rows| rows.len()).sum();
            assert!(count <= rows_max && (count > 0 || ends(was_within, &batch)), "{count}");
            was_within = batch.within_transaction;
            let collected = cartridge_warp_sdk::testing::Collected {
                batches: batch.tables,
                ..Default::default()
            };
            rows.extend(operations(&collected, "t"));
            position = batch.position;
        }
        assert_eq!(rows, whole, "{rows_max} at a time");
    }
}

#[test]
fn values_that_were_not_sent_stay_and_are_found_when_the_key_changes() {
    let database = Database::new("toast");
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v int, big text NOT NULL); \
         ALTER TABLE t ALTER big SET STORAGE EXTERNAL; \
         CREATE TABLE f (LIKE t INCLUDING ALL); ALTER TABLE f REPLICA IDENTITY FULL; \
         INSERT INTO t VALUES (1, 0, repeat('x', 9000)); INSERT INTO f SELECT * FROM t",
    );
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    let mut replica = replica();
    replica.apply(&driver.snapshot("t", &start, 1).unwrap());
    replica.apply(&driver.snapshot("f", &start, 1).unwrap());
    // Opens the stream, so that what follows is no overlap with the snapshot.
    let position = follow(&mut driver, &start).position;
    database.sql("UPDATE t SET v = 1; UPDATE f SET v = 1");
    let changes = follow(&mut driver, &position);
    let update = changes.batches.iter().find(|rows| rows.table() == "t").unwrap();
    assert!(update.is_unchanged(0, 2) && update.op(0) == Operation::Update);
    let full = changes.batches.iter().find(|rows| rows.table() == "f").unwrap();
    assert!(!full.is_unchanged(0, 2), "the old row has the value");
    replica.apply(&changes);
    database.sql("UPDATE t SET id = 2; UPDATE f SET id = 2");
    let changes = follow(&mut driver, &changes.position);
    assert_eq!(operations(&changes, "t"), ["delete 1", "2"]);
    replica.apply(&changes);
    for table in ["t", "f"] {
        assert_eq!(replica.rows(table, &["id", "v", "big"]), [format!("2|1|{}", "x".repeat(9000))]);
    }
    assert_eq!(replica.incomplete(), 0);
}

#[test]
fn changes_of_shape_are_announced_between_the_rows_around_them() {
    let database = Database::new("shapes");
    database.sql("CREATE TABLE t (id int PRIMARY KEY, a text, b int)");
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    let mut position = start;
    for (sql, change, columns) in [
        ("ALTER TABLE t ADD c date", "add_column c", "id a b c"),
        ("ALTER TABLE t RENAME a TO z", "rename_column a, modify_column z", "id z b c"),
        // The table was written anew, which is said once.
        ("ALTER TABLE t ALTER b TYPE bigint", "modify_column b, modify_column id", "id z b c"),
        ("ALTER TABLE t DROP c", "drop_column c", "id z b"),
    ] {
        database.sql("INSERT INTO t (id) SELECT coalesce(max(id), 0) + 1 FROM t");
        position = follow(&mut driver, &position).position;
        database.sql(sql);
        database.sql("INSERT INTO t (id) SELECT max(id) + 1 FROM t");
        let changes = follow(&mut driver, &position);
        let announced: Vec<String> = changes
            .schema_changes
            .iter()
            .map(|change| format!("{} {}", change.kind.as_str(), change.column.as_deref().unwrap()))
            .collect();
        assert_eq!(announced.join(", "), change, "{sql}");
        assert_eq!(changes.rows(), 1, "{sql}");
        let names: Vec<&str> =
            changes.batches[0].columns().iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names.join(" "), columns, "{sql}");
        position = changes.position;
    }
}

#[test]
fn rows_from_before_a_change_of_shape_fit_the_shape_of_now() {
    let database = Database::new("older_shapes");
    database.sql("CREATE TABLE t (id int PRIMARY KEY, a text, gone int)");
    let start = database.driver().position().unwrap();
    database.sql(
        "INSERT INTO t VALUES (1, 'x', 5); ALTER TABLE t ADD c int NOT NULL DEFAULT 7; \
         INSERT INTO t VALUES (2, 'y', 6, 8)",
    );
    let mut driver = database.driver();
    let changes = follow(&mut driver, &start);
    let mut replica = replica();
    replica.apply(&changes);
    // The default is not in the log; the look-up found it.
    assert_eq!(replica.rows("t", &["id", "a", "c"]), ["1|x|7", "2|y|8"]);
    assert!(changes.schema_changes.is_empty(), "the host was told at the start");
    drop(driver);
    // A name that nobody knows is one that the column had, since no column has gone.
    database.sql("INSERT INTO t VALUES (3, 'z', 6, 8); ALTER TABLE t RENAME a TO b");
    let changes = follow(&mut database.driver(), &changes.position);
    assert_eq!(changes.column("t", "b"), ["z"]);
    // Such a name, and a column that nobody sent: they may be the same.
    database.sql(
        "INSERT INTO t VALUES (4, 'z', 6, 8); ALTER TABLE t RENAME b TO z; ALTER TABLE t DROP gone; \
         ALTER TABLE t ADD y int",
    );
    let failure = database.driver().changes(&changes.position);
    assert_eq!(
        failure.as_ref().err().map(|failure| &failure.tables[..]),
        Some(&["t".to_owned()][..])
    );
    assert_failure(failure, "reconnect", "shape-unclear", &["\"public\".\"t\"", "new copy"]);
}

#[test]
fn partitions_travel_under_the_name_of_their_root() {
    let database = Database::new("partitions");
    database.sql(
        "CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); \
         CREATE TABLE p_low PARTITION OF p FOR VALUES FROM (0) TO (100); \
         CREATE TABLE p_high (v text, id int NOT NULL); \
         ALTER TABLE p ATTACH PARTITION p_high FOR VALUES FROM (100) TO (200); \
         INSERT INTO p VALUES (1, 'low'), (101, 'high')",
    );
    let mut driver = database.driver();
    assert_eq!(driver.source.get_schema("public").unwrap().len(), 1);
    let start = driver.position().unwrap();
    let mut replica = replica();
    replica.apply(&driver.snapshot("p", &start, 1).unwrap());
    assert_eq!(replica.rows("p", &["id", "v"]), ["1|low", "101|high"]);
    database
        .sql("UPDATE p SET id = 150 WHERE id = 1; INSERT INTO p VALUES (2, 'new'), (102, 'new')");
    replica.apply(&follow(&mut driver, &start));
    assert_eq!(replica.rows("p", &["id", "v"]), ["101|high", "102|new", "150|low", "2|new"]);
}

#[test]
fn the_slot_moves_when_the_host_confirms_and_also_without_changes() {
    let database = Database::with("heartbeat", r#"{"read_by": "sql"}"#);
    database.sql("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int)");
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    let before = database.confirmed();
    database.sql("INSERT INTO t VALUES (1)");
    let changes = follow(&mut driver, &start);
    assert_eq!(database.confirmed(), before, "not confirmed yet");
    driver.source.confirm("public", &changes.position).unwrap();
    let after = database.confirmed();
    assert_ne!(after, before);
    // Only tables that nobody follows change.
    database.sql("INSERT INTO other SELECT generate_series(1, 1000)");
    let mut quiet = follow(&mut driver, &changes.position);
    assert_eq!(quiet.rows(), 0);
    assert_ne!(quiet.position, changes.position);
    // Others write to the log of this server as well, so it may take some looks to be near its end.
    let mut is_near = false;
    for _ in 0..100 {
        driver.source.confirm("public", &quiet.position).unwrap();
        let behind = database.sql(
            "SELECT pg_current_wal_insert_lsn() - confirmed_flush_lsn < 20000 \
             FROM pg_replication_slots WHERE database = 'heartbeat'",
        );
        is_near = behind == ["t"];
        if is_near {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        quiet = follow(&mut driver, &quiet.position);
    }
    assert!(is_near, "the slot stays behind");
    // What was confirmed is gone, what was not is there.
    drop(driver);
    database.sql("INSERT INTO t VALUES (2)");
    assert_eq!(operations(&follow(&mut database.driver(), &quiet.position), "t"), ["2"]);
}

#[test]
fn what_was_lost_is_said_and_never_skipped() {
    let database = Database::new("lost");
    database.sql("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)");
    let slot = "cartridge_warp_lost_public";
    let start = database.driver().position().unwrap();
    let drop_slot = format!("SELECT pg_drop_replication_slot('{slot}')");
    database.sql(&drop_slot);
    let offers = ["--full-resync", "are lost"];
    assert_failure(database.driver().changes(&start), "resync", "log-lost", &offers);
    database.sql("INSERT INTO t VALUES (1)");
    database.sql(&format!("SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')"));
    assert_failure(database.driver().changes(&start), "resync", "log-lost", &["made anew"]);
    // A new start works again.
    let start = database.driver().position().unwrap();
    let mut other = start.clone();
    other[1] ^= 1;
    assert_failure(database.driver().changes(&other), "resync", "log-lost", &["another one"]);
    let mut other = start.clone();
    other[9] += 1;
    assert_failure(database.driver().changes(&other), "resync", "log-lost", &["promoted"]);
    let mut other = start.clone();
    other[20] = 0x7f;
    assert_failure(database.driver().changes(&other), "resync", "log-lost", &["restored"]);
    assert_failure(database.driver().changes(&[9, 9]), "stop", "unreadable-position", &[]);
    database.sql("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY)");
    assert_failure(database.driver().changes(&start), "resync", "table-made-anew", &["\"t\""]);
    let start = database.driver().position().unwrap();
    database.sql("ALTER TABLE t RENAME TO x; ALTER TABLE u RENAME TO t; ALTER TABLE x RENAME TO u");
    assert_failure(database.driver().changes(&start), "resync", "table-made-anew", &["the name"]);
    let start = database.driver().position().unwrap();
    database.sql("ALTER PUBLICATION cartridge_warp_public DROP TABLE u");
    assert_failure(database.driver().changes(&start), "resync", "not-published", &["\"u\""]);
}

#[test]
fn a_table_that_is_copied_anew_begins_at_a_place_of_its_own() {
    let database = Database::new("renewed");
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY, a text); CREATE TABLE u (id int PRIMARY KEY); \
         INSERT INTO t VALUES (1, 'copied before')",
    );
    let start = database.driver().position().unwrap();
    // What nobody read of both, and a name that nobody will know.
    database.sql(
        "INSERT INTO t VALUES (2, 'old'); INSERT INTO u VALUES (2); TRUNCATE t, u; \
         INSERT INTO t VALUES (3, 'old'); INSERT INTO u VALUES (3); \
         ALTER TABLE t RENAME a TO b; ALTER TABLE t ADD c int DEFAULT 7",
    );
    let names = ["t".to_owned()];
    let renewed = database.source().renew_tables("public", &start, &names).unwrap();
    let copy = database.driver().snapshot("t", &renewed, 1).unwrap();
    assert_eq!(copy.column("t", "b"), ["old"]);
    database
        .sql("UPDATE t SET b = 'new'; INSERT INTO t VALUES (4, 'new'); INSERT INTO u VALUES (4)");
    // Row by row by sources of their own, as if killed after each.
    let (mut position, mut t, mut u) = (renewed, Vec::new(), Vec::new());
    while t.len() < 2 || u.len() < 4 {
        let limits = Limits { wait: Duration::from_secs(5), ..limits(1) };
        let batch = database.source().get_changes("public", &position, limits).unwrap();
        assert!(batch.schema_changes.is_empty(), "the host was told at the start");
        let batches = batch.tables;
        let read = cartridge_warp_sdk::testing::Collected { batches, ..Default::default() };
        t.extend(operations(&read, "t"));
        u.extend(operations(&read, "u"));
        position = batch.position;
    }
    assert_eq!((t.join(" "), u.join(" ")), ("update 3 4".into(), "2 truncate null 3 4".into()));
    // In one read, too, and once everything is behind it the position is an ordinary one.
    let all = follow(&mut database.driver(), &position);
    assert_eq!((all.rows(), all.position.len()), (0, start.len()));
    database.sql("SELECT pg_drop_replication_slot('cartridge_warp_renewed_public')");
    let failure = database.source().renew_tables("public", &position, &names);
    assert_failure(failure, "resync", "log-lost", &["\"u\"", "single tables is not enough"]);
}

#[test]
fn new_and_dropped_tables_are_noticed() {
    let database = Database::with("tables", r#"{"table_check_seconds": 1}"#);
    database.sql("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE gone (id int PRIMARY KEY)");
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    let position = follow(&mut driver, &start).position;
    database.sql("DROP TABLE gone");
    std::thread::sleep(Duration::from_millis(1100));
    let changes = driver.changes(&position).unwrap();
    let kinds: Vec<_> =
        changes.schema_changes.iter().map(|change| (change.kind.as_str(), &change.table)).collect();
    assert_eq!(kinds, [("drop_table", &"gone".to_owned())]);
    database.sql("CREATE TABLE fresh (id int PRIMARY KEY); INSERT INTO fresh VALUES (1)");
    std::thread::sleep(Duration::from_millis(1100));
    assert_failure(driver.changes(&changes.position), "reconnect", "new-table", &["fresh"]);
    // Opened anew, the table is copied and then followed from the stored position.
    let mut driver = database.driver();
    let mut replica = replica();
    replica.apply(&driver.snapshot("fresh", &changes.position, 1).unwrap());
    database.sql("INSERT INTO fresh VALUES (2)");
    replica.apply(&follow(&mut driver, &changes.position));
    assert_eq!(replica.rows("fresh", &["id"]), ["1", "2"]);
}

#[test]
fn a_slot_that_somebody_reads_is_a_matter_of_waiting() {
    let database = Database::new("busy");
    database.sql("CREATE TABLE t (id int PRIMARY KEY)");
    let start = database.driver().position().unwrap();
    let mut reader = support::cluster().program("pg_recvlogical");
    reader.args(["-d", "busy", "--slot", "cartridge_warp_busy_public", "--start", "-f", "-"]);
    reader.args(["-o", "proto_version=1", "-o", "publication_names=cartridge_warp_public"]);
    reader.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut reader = reader.spawn().unwrap();
    while database.sql("SELECT active FROM pg_replication_slots WHERE database = 'busy'") != ["t"] {
        std::thread::sleep(Duration::from_millis(20));
    }
    let failure = database.driver().changes(&start);
    reader.kill().unwrap();
    reader.wait().unwrap();
    assert_failure(failure, "retry", "slot-busy", &["another runner"]);
}

#[test]
fn a_transaction_many_times_the_batch_is_read_in_bounded_steps() {
    let database = Database::with("bounded", r#"{"read_messages": 10}"#);
    database.sql("CREATE TABLE t (id int PRIMARY KEY, filler text)");
    let mut driver = Driver::new(database.source(), "public").limits(limits(500));
    let start = driver.position().unwrap();
    database.sql("INSERT INTO t SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n");
    for at in 0..30 {
        database.sql(&format!("INSERT INTO t VALUES ({}, '')", 30_000 + at));
    }
    let changes = follow(&mut driver, &start);
    assert_eq!(changes.rows(), 20_030);
    assert!(changes.batches.iter().all(|rows| rows.len() <= 500));
}
