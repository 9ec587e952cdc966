//! What the server keeps for the pipeline, and how it is removed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use cartridge_warp_sdk::testing::Driver;
use cartridge_warp_sdk::{Config, Released, Source};
use cartridge_warp_test_postgresql::Cluster;
use postgresql_source::{Options, PostgresqlSource};
use support::{Database, assert_failure, cluster, follow};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, note text)";
const FILL: &str = "INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(1, 2000) n \
    ON CONFLICT (id) DO UPDATE SET note = repeat('y', 1000)";

/// Of the pipeline with this name.
fn named(database: &Database, pipeline: &str) -> Driver<PostgresqlSource> {
    let mut config = Config::new(cluster().url(&database.name), database.options.clone());
    config.settings.push(("pipeline".to_owned(), pipeline.to_owned()));
    Driver::new(PostgresqlSource::connect(config).unwrap(), "public")
}

fn slots(database: &Database) -> Vec<String> {
    let of = &database.name;
    let sql = format!("SELECT slot_name FROM pg_replication_slots WHERE database = '{of}'");
    database.sql(&sql)
}

#[test]
fn the_log_that_is_kept_grows_with_what_is_not_confirmed() {
    let database = Database::new("backlog");
    database.sql(TABLE);
    let mut driver = database.driver();
    assert_eq!(driver.backlog(None).unwrap(), None, "there is no slot yet");
    let start = driver.position().unwrap();
    let kept = |driver: &mut Driver<PostgresqlSource>, position: &[u8]| {
        driver.backlog(Some(position)).unwrap().unwrap()
    };
    let before = kept(&mut driver, &start);
    database.sql(FILL);
    let behind = kept(&mut driver, &start);
    let grown = behind.bytes.unwrap() - before.bytes.unwrap();
    assert!(grown > 2_000_000, "{grown} bytes");
    assert!(behind.words.contains("cartridge_warp_backlog_public"), "{}", behind.words);
    assert_eq!(behind.left_bytes, None, "nothing bounds the log here");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let age_us =
        i128::try_from(now.as_micros()).unwrap() - i128::from(behind.oldest_commit_us.unwrap());
    assert!((-10_000_000..3_600_000_000).contains(&age_us), "{age_us}");
    // Log is let go with the server's next note of what runs, once that is confirmed.
    let mut position = start;
    for _ in 0..50 {
        database.sql("CHECKPOINT; UPDATE t SET note = 'z' WHERE id = 1");
        position = follow(&mut driver, &position).position;
        driver.source.confirm("public", &position).unwrap();
        if kept(&mut driver, &position).bytes < behind.bytes {
            return;
        }
    }
    panic!("the slot keeps as much as before: {:?}", kept(&mut driver, &position));
}

#[test]
fn a_bounded_log_says_how_much_may_be_written() {
    let version: u32 = cluster().sql("postgres", "SHOW server_version_num")[0].parse().unwrap();
    if version < 130_000 {
        return;
    }
    let cluster = Cluster::start(&[("wal_level", "logical"), ("max_slot_wal_keep_size", "64MB")]);
    cluster.sql("postgres", TABLE);
    let source =
        PostgresqlSource::connect(Config::new(cluster.url("postgres"), Options::default()));
    let mut driver = Driver::new(source.unwrap(), "public");
    let start = driver.position().unwrap();
    let left = driver.backlog(Some(&start)).unwrap().unwrap().left_bytes.unwrap();
    assert!((1 << 20..256 << 20).contains(&left), "{left}");
}

#[test]
fn who_may_not_look_at_the_logs_files_is_not_told_their_age() {
    let database = Database::new("ageless");
    database.sql(TABLE);
    database.sql(
        "CREATE ROLE ageless LOGIN REPLICATION; ALTER TABLE t OWNER TO ageless; \
         GRANT CREATE ON DATABASE ageless TO ageless",
    );
    let url = cluster().url("ageless").replace("postgres@", "ageless@");
    let source = PostgresqlSource::connect(Config::new(url, Options::default())).unwrap();
    let mut driver = Driver::new(source, "public");
    let start = driver.position().unwrap();
    let backlog = driver.backlog(Some(&start)).unwrap().unwrap();
    assert!(backlog.bytes.is_some() && backlog.oldest_commit_us.is_none(), "{backlog:?}");
}

#[test]
fn what_the_connector_made_is_removed_and_a_position_of_before_is_lost() {
    let database = Database::new("released");
    database.sql(TABLE);
    let mut driver = named(&database, "shop");
    assert_eq!(
        driver.release(false).unwrap(),
        Released { frees_log: true, ..Released::default() },
        "there is nothing yet"
    );
    let start = driver.position().unwrap();
    let made =
        ["replication slot cartridge_warp_shop_public", "publication cartridge_warp_shop_public"];
    for dry in [true, true, false] {
        let released = driver.release(dry).unwrap();
        assert_eq!(
            (released.dropped.as_slice(), released.kept.len()),
            (made.map(String::from).as_slice(), 0)
        );
        assert_eq!((slots(&database).is_empty(), released.frees_log), (!dry, true));
    }
    assert_eq!(database.sql("SELECT count(*) FROM pg_publication"), ["0"]);
    assert_eq!(driver.release(false).unwrap(), Released { frees_log: true, ..Released::default() });
    let lost = named(&database, "shop").source.check_position("public", &start);
    assert_failure(lost, "resync", "log-lost", &["is gone"]);
    // Also where another start has made both anew.
    database.sql("INSERT INTO t VALUES (1)");
    named(&database, "shop").position().unwrap();
    let lost = named(&database, "shop").source.check_position("public", &start);
    assert_failure(lost, "resync", "log-lost", &["made anew"]);
}

#[test]
fn what_an_operator_made_or_named_stays_with_the_reason() {
    let cases = [
        (
            r#"{"slot": "kept_named", "publication": "kept"}"#,
            "`options.slot` names it",
            "`options.publication` names it",
        ),
        (
            r#"{"create_slot": false, "create_publication": false}"#,
            "`options.create_slot` is false",
            "`options.create_publication` is false",
        ),
    ];
    let database = Database::new("kept");
    database.sql(TABLE);
    database.driver().position().unwrap();
    for (options, of_slot, of_publication) in cases {
        let with =
            Database { name: "kept".into(), options: serde_json::from_str(options).unwrap() };
        if with.options.create_slot {
            with.driver().position().unwrap();
        }
        let released = with.driver().release(false).unwrap();
        assert_eq!((released.dropped.len(), released.frees_log), (0, false), "{options}");
        assert!(released.kept[0].contains(of_slot), "{:?}", released.kept);
        assert!(released.kept[1].contains(of_publication), "{:?}", released.kept);
    }
    // A publication without the pipeline's name in it may serve the other slot, too.
    let released = database.driver().release(true).unwrap();
    assert_eq!(released.dropped, ["replication slot cartridge_warp_kept_public"]);
    assert!(released.kept[0].contains("other replication slots"), "{:?}", released.kept);
    // Made by hand, so not by the connector.
    database.sql(
        "SELECT pg_drop_replication_slot('kept_named'); DROP PUBLICATION cartridge_warp_public; \
         CREATE PUBLICATION cartridge_warp_public FOR TABLE t",
    );
    let released = database.driver().release(false).unwrap();
    assert!(released.kept[0].contains("a person made"), "{:?}", released.kept);
    assert_eq!(
        database.sql("SELECT count(*) FROM pg_publication WHERE pubname LIKE '%public'"),
        ["1"]
    );
    // A slot of something else under the name.
    database.sql(
        "SELECT pg_create_logical_replication_slot('cartridge_warp_kept_public', 'test_decoding')",
    );
    let released = database.driver().release(false).unwrap();
    assert!(released.kept[0].contains("not this connector's"), "{:?}", released.kept);
    assert_eq!(slots(&database), ["cartridge_warp_kept_public"]);
}
