//! What has to be right before anything is read, and the SQL that makes it so.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use cartridge_warp_sdk::testing::Driver;
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
fn a_slot_that_sends_prepared_transactions_is_refused_by_name() {
    let version: u32 = cluster().sql("postgres", "SHOW server_version_num")[0].parse().unwrap();
    if version < 140_000 {
        return;
    }
    let database = Database::new("two_phase");
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY); SELECT pg_create_logical_replication_slot( \
             'cartridge_warp_two_phase_public', 'pgoutput', false, true)",
    );
    let named = [
        "cartridge_warp_two_phase_public",
        "two_phase",
        "pg_drop_replication_slot",
        "--full-resync",
    ];
    let refused = database.source().current_position("public");
    assert_failure(refused, "config", "two-phase-slot", &named);
}

#[test]
fn rights_on_a_partitioned_table_are_enough_for_its_partitions() {
    let database = Database::new("roots");
    database.sql(
        "CREATE ROLE rooted LOGIN REPLICATION; CREATE SCHEMA hidden;
         CREATE TABLE p (id int PRIMARY KEY, at date) PARTITION BY RANGE (id);
         CREATE TABLE hidden.low PARTITION OF p FOR VALUES FROM (MINVALUE) TO (100);
         CREATE TABLE high PARTITION OF p FOR VALUES FROM (100) TO (200) PARTITION BY HASH (id);
         CREATE TABLE high_0 PARTITION OF high FOR VALUES WITH (MODULUS 2, REMAINDER 0);
         CREATE TABLE high_1 PARTITION OF high FOR VALUES WITH (MODULUS 2, REMAINDER 1);
         CREATE TABLE rest PARTITION OF p DEFAULT;
         INSERT INTO p SELECT n FROM generate_series(1, 300) n;
         CREATE PUBLICATION cartridge_warp_public FOR TABLE p WITH (publish_via_partition_root = true);
         GRANT SELECT ON p TO rooted",
    );
    let mut source = PostgresqlSource::connect(as_role(&database, "rooted")).unwrap();
    source.select_tables("public", &["p".to_owned()]).unwrap();
    let start = source.current_position("public").unwrap();
    let mut driver = Driver::new(source, "public");
    let rows = driver.snapshot("p", &start, 4).unwrap();
    let mut ids: Vec<u32> = rows.column("p", "id").iter().map(|id| id.parse().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=300).collect::<Vec<_>>());
}

#[test]
fn a_partition_whose_writers_would_be_harmed_is_refused_before_the_publication() {
    let database = Database::new("harmed_leaves");
    database.sql(
        "CREATE TABLE p (id int PRIMARY KEY, n int, m int GENERATED ALWAYS AS (n * 2) STORED)
             PARTITION BY RANGE (id);
         CREATE TABLE leaf PARTITION OF p FOR VALUES FROM (0) TO (100);
         ALTER TABLE leaf REPLICA IDENTITY NOTHING",
    );
    let mut source = database.connect().unwrap();
    let refused = source.select_tables("public", &["p".to_owned()]);
    assert_failure(refused, "config", "obstacle", &["leaf", "REPLICA IDENTITY DEFAULT"]);
    database.sql("ALTER TABLE leaf REPLICA IDENTITY FULL");
    let version: u32 = cluster().sql("postgres", "SHOW server_version_num")[0].parse().unwrap();
    let mut source = database.source();
    let started = source.current_position("public");
    if version < 180_000 {
        started.unwrap();
    } else {
        assert_failure(started, "config", "harms-writers", &["REPLICA IDENTITY"]);
    }
    database.sql("INSERT INTO p (id, n) VALUES (1, 1); UPDATE p SET n = 2; DELETE FROM p");
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
