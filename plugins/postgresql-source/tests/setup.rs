//! What has to be right before anything is read, and the SQL that makes it so.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use cartridge_warp_sdk::{Config, Source};
use cartridge_warp_test_postgresql::Cluster;
use postgresql_source::{Options, PostgresqlSource};
use support::{Database, assert_failure, cluster, follow};

fn as_role(database: &Database, role: &str) -> Config<Options> {
    let url = cluster().url(&database.name).replace("postgres@", &format!("{role}@"));
    Config::new(url, database.options.clone())
}

#[test]
fn a_server_that_does_not_log_changes_is_refused_with_the_setting() {
    let cluster = Cluster::start(&[("wal_level", "replica")]);
    let refused =
        PostgresqlSource::connect(Config::new(cluster.url("postgres"), Options::default()));
    assert_failure(refused, "config", "wal-level", &["ALTER SYSTEM SET wal_level = 'logical'"]);
}

#[test]
fn rights_that_are_missing_are_named_with_their_sql() {
    let database = Database::new("rights");
    database.sql(
        "CREATE ROLE reader LOGIN; CREATE TABLE t (id int PRIMARY KEY); \
         GRANT CREATE ON DATABASE rights TO reader",
    );
    let connect = || PostgresqlSource::connect(as_role(&database, "reader"));
    let sql = ["ALTER ROLE \"reader\" REPLICATION"];
    assert_failure(connect(), "config", "no-replication-right", &sql);
    // Managed servers have no such attribute to give; being a member of their role is the right.
    database.sql("CREATE ROLE rds_replication; CREATE ROLE managed LOGIN IN ROLE rds_replication");
    PostgresqlSource::connect(as_role(&database, "managed")).unwrap();
    database.sql("ALTER ROLE reader REPLICATION");
    let select = |source: &mut PostgresqlSource| source.select_tables("public", &["t".to_owned()]);
    let mut source = connect().unwrap();
    let sql = ["GRANT SELECT ON \"public\".\"t\" TO \"reader\""];
    assert_failure(select(&mut source), "config", "permission", &sql);
    database.sql("GRANT SELECT ON t TO reader");
    select(&mut source).unwrap();
    let sql = ["CREATE PUBLICATION \"cartridge_warp_public\" FOR TABLE ONLY \"public\".\"t\""];
    assert_failure(source.current_position("public"), "config", "publication", &sql);
    database.sql("ALTER TABLE t OWNER TO reader");
    source.current_position("public").unwrap();
}

#[test]
fn a_key_that_the_log_does_not_have_is_not_called_missing() {
    let database = Database::new("generated_key");
    database.sql("CREATE TABLE t (n int, id int GENERATED ALWAYS AS (n * 2) STORED PRIMARY KEY)");
    let refused = database.connect().unwrap().select_tables("public", &["t".to_owned()]);
    assert_failure(refused, "config", "generated-key", &["generated column", "leave it out"]);
}

#[test]
fn publications_and_slots_are_made_only_where_that_is_allowed() {
    let options = r#"{"publication": "mine", "slot": "own_slot", "create_publication": false,
        "create_slot": false}"#;
    let database = Database::with("given", options);
    database.sql("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)");
    let position = || database.source().current_position("public");
    assert_failure(position(), "config", "publication", &["CREATE PUBLICATION \"mine\" FOR TABLE"]);
    database.sql("CREATE PUBLICATION mine FOR TABLE t");
    let sql = ["ALTER PUBLICATION \"mine\" ADD TABLE ONLY \"public\".\"u\""];
    assert_failure(position(), "config", "publication", &sql);
    database
        .sql("ALTER PUBLICATION mine ADD TABLE u; ALTER PUBLICATION mine SET (publish = 'insert')");
    assert_failure(position(), "config", "publication", &["insert, update, delete, truncate"]);
    database.sql("ALTER PUBLICATION mine SET (publish = 'insert, update, delete, truncate')");
    let sql = ["pg_create_logical_replication_slot(E'own_slot', 'pgoutput')"];
    assert_failure(position(), "config", "no-slot", &sql);
    database.sql("SELECT pg_create_logical_replication_slot('own_slot', 'test_decoding')");
    assert_failure(position(), "config", "foreign-slot", &["test_decoding", "options.slot"]);
    database.sql(
        "SELECT pg_drop_replication_slot('own_slot'); \
         SELECT pg_create_logical_replication_slot('own_slot', 'pgoutput')",
    );
    let start = position().unwrap();
    database.sql("INSERT INTO u VALUES (5)");
    assert_eq!(follow(&mut database.driver(), &start).column("u", "id"), ["5"]);
}

#[test]
fn a_publication_that_leaves_rows_out_is_refused() {
    let database = Database::new("filtered");
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY, a int); \
         CREATE PUBLICATION cartridge_warp_public FOR TABLE t WHERE (id > 5); \
         CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)",
    );
    let position = || database.source().current_position("public");
    assert_failure(position(), "config", "publication", &["publish_via_partition_root = true"]);
    database.sql("DROP TABLE p");
    assert_failure(position(), "config", "publication", &["only some rows"]);
}

#[test]
fn a_start_waits_for_transactions_that_write_and_says_which() {
    let database = Database::new("writers");
    database.sql("CREATE TABLE t (id int PRIMARY KEY)");
    database.source().current_position("public").unwrap();
    database.sql("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'open'");
    let waiting = std::thread::scope(|scope| {
        let position = scope.spawn(|| database.source().current_position("public").unwrap());
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(!position.is_finished());
        database.sql("COMMIT PREPARED 'open'");
        position.join().unwrap()
    });
    let mut driver = database.driver();
    assert_eq!(driver.snapshot("t", &waiting, 1).unwrap().column("t", "id"), ["1"]);
}

#[test]
fn what_does_not_exist_is_named() {
    let database = Database::new("absent");
    let mut source = database.connect().unwrap();
    assert_failure(source.get_schema("nowhere"), "config", "no-schema", &["absent", "nowhere"]);
    source.test_connection().unwrap();
    let refused =
        PostgresqlSource::connect(Config::new(cluster().url("not_there"), Options::default()));
    assert_failure(refused, "config", "no-database", &[]);
}
