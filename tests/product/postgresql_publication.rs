//! Which changes the source's log brings: keys, partitions, and what belongs to the publication since
//! when. What was missed is said or copied again, and no writer of the source is harmed.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use cartridge_warp_tests::{Databases, Pipeline, wait_until};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(90);

/// A pipeline that has caught up with what this SQL made.
fn caught_up(sql: &str) -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(sql);
    let mut pipeline = databases.pipeline();
    pipeline.set("error_handling.max_backoff_seconds", json!(0.1));
    pipeline.set("source.options", json!({"table_check_seconds": 1}));
    pipeline.set("schemas.0.on_table_failure", json!("stop"));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference(), None);
    (databases, pipeline)
}

/// The next run has to fail with this code and offer this flag, which mends everything.
fn is_said_and_mended(databases: &Databases, pipeline: &Pipeline, code: &str, flag: &str) {
    let failed = pipeline.catch_up();
    assert_eq!(failed.status.code(), Some(1), "{code}: {}", failed.stderr);
    for words in [code, flag] {
        assert!(failed.stderr.contains(words), "{words} is not in: {}", failed.stderr);
    }
    let ended = pipeline.run(&["run", "--until-caught-up", flag]);
    assert!(ended.status.success(), "{code}: {}", ended.stderr);
    assert_eq!(databases.difference(), None, "{code}");
}

#[test]
fn a_key_that_changes_while_somebody_reads_is_said() {
    let (databases, pipeline) = caught_up(
        "CREATE TABLE stock (sku text PRIMARY KEY, region text NOT NULL DEFAULT 'eu', n int);
         INSERT INTO stock SELECT 'sku ' || n, 'eu', n FROM generate_series(1, 50) n",
    );
    let mut running = pipeline.start();
    running.wait_for("following changes");
    databases.at_source(
        "ALTER TABLE stock DROP CONSTRAINT stock_pkey, ADD PRIMARY KEY (sku, region);
         INSERT INTO stock SELECT 'sku ' || n, 'us', n FROM generate_series(1, 2) n;
         DELETE FROM stock WHERE sku = 'sku 2' AND region = 'eu'",
    );
    let ended = running.wait(PATIENCE);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    for words in ["its key changed", "--full-resync=public.stock"] {
        assert!(ended.stderr.contains(words), "{words} is not in: {}", ended.stderr);
    }
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=public.stock"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference(), None);
}

#[test]
fn what_a_partition_logs_counts_whatever_its_table_says() {
    let (databases, pipeline) = caught_up(
        "CREATE TABLE parts (id int PRIMARY KEY, note text, big text) PARTITION BY RANGE (id);
         ALTER TABLE parts ALTER big SET STORAGE EXTERNAL;
         CREATE SCHEMA leaves; CREATE TABLE leaves.low PARTITION OF parts FOR VALUES FROM (0) TO (1000);
         CREATE TABLE leaves.high PARTITION OF parts FOR VALUES FROM (1000) TO (2000);
         ALTER TABLE parts REPLICA IDENTITY FULL;
         INSERT INTO parts SELECT n, 'note', repeat('big ' || n, 2000) FROM generate_series(1, 20) n",
    );
    databases.at_source(
        "UPDATE parts SET note = 'changed' WHERE id = 1; UPDATE parts SET id = 500 WHERE id = 2;
         UPDATE parts SET id = 1500 WHERE id = 3; DELETE FROM parts WHERE id = 4",
    );
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference(), None);
    // A partition that finds its rows by something else.
    databases.at_source(
        "CREATE UNIQUE INDEX low_note ON leaves.low (note, id); ALTER TABLE leaves.low ALTER note SET NOT NULL;
         UPDATE parts SET note = 'note ' || id",
    );
    assert!(pipeline.catch_up().status.success());
    databases.at_source(
        "CREATE UNIQUE INDEX low_only_note ON leaves.low (note);
         ALTER TABLE leaves.low REPLICA IDENTITY USING INDEX low_only_note;
         UPDATE parts SET id = 501 WHERE id = 5",
    );
    let failed = pipeline.catch_up();
    assert_eq!(failed.status.code(), Some(1), "{}", failed.stderr);
    for words in ["leaves.low", "REPLICA IDENTITY DEFAULT"] {
        assert!(failed.stderr.contains(words), "{words} is not in: {}", failed.stderr);
    }
    databases.at_source("ALTER TABLE leaves.low REPLICA IDENTITY DEFAULT");
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=public.parts"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference(), None);
}

#[test]
fn a_table_that_was_out_of_the_publication_for_a_while_is_said() {
    let (databases, pipeline) = caught_up(
        "CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE items (id int PRIMARY KEY)",
    );
    databases.at_source(
        "ALTER PUBLICATION cartridge_warp_public DROP TABLE orders; INSERT INTO orders VALUES (1);
         ALTER PUBLICATION cartridge_warp_public ADD TABLE orders; INSERT INTO orders VALUES (2)",
    );
    is_said_and_mended(&databases, &pipeline, "not-published", "--full-resync=public.orders");
    databases.at_source(
        "INSERT INTO items VALUES (1); DROP PUBLICATION cartridge_warp_public;
         INSERT INTO items VALUES (2);
         CREATE PUBLICATION cartridge_warp_public FOR TABLE orders, items;
         INSERT INTO items VALUES (3)",
    );
    is_said_and_mended(&databases, &pipeline, "publication-changed", "--full-resync");
    databases.at_source("DROP PUBLICATION cartridge_warp_public; INSERT INTO items VALUES (4)");
    is_said_and_mended(&databases, &pipeline, "publication-changed", "--full-resync");
    // For a while it left out some operations.
    databases.at_source(
        "ALTER PUBLICATION cartridge_warp_public SET (publish = 'insert'); DELETE FROM items;
         ALTER PUBLICATION cartridge_warp_public SET (publish = 'insert, update, delete, truncate')",
    );
    is_said_and_mended(&databases, &pipeline, "publication-changed", "--full-resync");
    // What the pipeline itself adds is no change.
    databases.at_source("CREATE TABLE more (id int PRIMARY KEY); INSERT INTO more VALUES (1)");
    for _ in 0..2 {
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{}", ended.stderr);
        assert_eq!(databases.difference(), None);
    }
}

#[test]
fn a_new_table_has_the_rows_of_transactions_that_were_open() {
    let (databases, pipeline) = caught_up("CREATE TABLE orders (id int PRIMARY KEY)");
    databases.at_source("CREATE TABLE late (id int PRIMARY KEY)");
    let mut session = databases.session_at_source();
    session.write("BEGIN; INSERT INTO late SELECT generate_series(1, 1000);");
    let open = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction' AND backend_xid \
                IS NOT NULL";
    wait_until("the transaction is open", || !databases.at_source(open).is_empty());
    // Somebody else adds it, and the runner is killed while it waits.
    databases.at_source("ALTER PUBLICATION cartridge_warp_public ADD TABLE late");
    for _ in 0..2 {
        let mut running = pipeline.start();
        running.wait_for("serving metrics");
        sleep(Duration::from_secs(2));
        running.kill();
    }
    let mut running = pipeline.start();
    running.wait_for("serving metrics");
    sleep(Duration::from_secs(2));
    session.write("INSERT INTO late VALUES (1001); COMMIT;");
    session.close();
    let mut difference = None;
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        difference = databases.difference();
        if difference.is_none() {
            break;
        }
        sleep(Duration::from_millis(100));
    }
    assert_eq!(difference, None, "{}", running.stderr());
    running.kill();
}

#[test]
fn no_writer_is_harmed_by_the_publication() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE parent (id int PRIMARY KEY, note text);
         CREATE TABLE child () INHERITS (parent);
         INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (2, 'c')",
    );
    let mut pipeline = databases.pipeline();
    pipeline.set("schemas.0.table_blacklist", json!(["child"]));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    databases
        .at_source("UPDATE child SET note = 'changed'; UPDATE ONLY parent SET note = 'changed'");
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.at_destination("SELECT id, note FROM parent"), ["1|changed"]);
}

#[test]
fn generated_columns_and_whole_rows_are_refused_where_they_would_harm() {
    let databases = Databases::start();
    let version: u32 = databases.at_source("SHOW server_version_num")[0].parse().unwrap();
    databases.at_source(
        "CREATE TABLE sums (id int PRIMARY KEY, n int, m int GENERATED ALWAYS AS (n * 2) STORED);
         ALTER TABLE sums REPLICA IDENTITY FULL; INSERT INTO sums VALUES (1, 2)",
    );
    let ended = databases.pipeline().catch_up();
    if version < 180_000 {
        assert!(ended.status.success(), "{}", ended.stderr);
    } else {
        assert!(ended.stderr.contains("harms-writers"), "{}", ended.stderr);
        assert!(databases.at_source("SELECT 1 FROM pg_publication").is_empty());
    }
    databases.at_source("UPDATE sums SET n = 3");
}

#[test]
fn check_tells_what_a_start_would_refuse() {
    let tables =
        "CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE items (id int PRIMARY KEY)";
    for (name, change, words) in [
        ("nothing is wrong", "SELECT 1", None),
        (
            "a table left",
            "ALTER PUBLICATION cartridge_warp_public DROP TABLE orders",
            Some("--full-resync=public.orders"),
        ),
        ("the publication is gone", "DROP PUBLICATION cartridge_warp_public", Some("any more")),
        (
            "the slot is gone",
            "SELECT pg_drop_replication_slot('cartridge_warp_shop_public')",
            Some("replication slot cartridge_warp_shop_public is gone"),
        ),
        ("a table came", "CREATE TABLE more (id int PRIMARY KEY)", None),
    ] {
        let (databases, mut pipeline) = caught_up(tables);
        databases.at_source(change);
        let checked = pipeline.run(&["check"]);
        let expected = words.map_or(Some(0), |_| Some(2));
        assert_eq!(checked.status.code(), expected, "{name}: {}", checked.stderr);
        let said = checked.stderr.replace('│', " ");
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.is_none_or(|words| said.contains(words)), "{name}: {said}");
        pipeline.set("schemas.0.on_lost_position", json!("resync"));
        let checked = pipeline.run(&["check"]);
        assert!(checked.status.success(), "{name}: a run copies it: {}", checked.stderr);
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{name}: {}", ended.stderr);
        assert_eq!(databases.difference(), None, "{name}");
    }
}

#[test]
fn check_beside_a_run_that_moves_on_is_at_ease() {
    let (databases, pipeline) = caught_up("CREATE TABLE orders (id int PRIMARY KEY)");
    let mut running = pipeline.start();
    running.wait_for("following changes");
    for round in 0..10 {
        databases.at_source(&format!(
            "INSERT INTO orders SELECT {round} * 1000 + n FROM generate_series(1, 1000) n"
        ));
        let checked = pipeline.run(&["check"]);
        assert!(checked.status.success(), "{}", checked.stderr);
    }
    wait_until("all rows", || databases.difference().is_none());
    running.kill();
}

#[test]
fn a_publication_that_leaves_something_out_is_refused() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE orders (id int PRIMARY KEY);
         CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
         CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (9)",
    );
    let version: u32 = databases.at_source("SHOW server_version_num")[0].parse().unwrap();
    let root = "publish_via_partition_root = true";
    let cases = [
        (
            format!("FOR TABLE orders WHERE (id > 1), parts WITH ({root})"),
            vec!["only some rows of table orders", "ADD TABLE \"public\".\"orders\""],
        ),
        (
            format!("FOR TABLE orders, parts WITH ({root}, publish = 'insert')"),
            vec![
                "leaves out some operations",
                "SET (publish = 'insert, update, delete, truncate')",
            ],
        ),
        (
            format!("FOR ALL TABLES WITH ({root}, publish = 'insert, update, delete')"),
            vec!["leaves out some operations", "SET (publish ="],
        ),
        (
            "FOR TABLE orders, parts".to_owned(),
            vec!["under the names of partitions", "SET (publish_via_partition_root = true)"],
        ),
    ];
    // Filters came with 15.
    for (publication, expected) in cases.iter().skip(usize::from(version < 150_000)) {
        databases.at_source(&format!("CREATE PUBLICATION cartridge_warp_public {publication}"));
        let pipeline = databases.pipeline();
        let (checked, ran) = (pipeline.run(&["check"]), pipeline.catch_up());
        assert_eq!((checked.status.code(), ran.status.code()), (Some(2), Some(1)), "{publication}");
        for (who, ended) in [("check", checked), ("run", ran)] {
            let said = ended.stderr.replace('│', " ");
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            for words in expected.iter().chain(&["publication cartridge_warp_public"]) {
                assert!(said.contains(words), "{who}, {publication}: no {words} in {said}");
            }
        }
        databases.at_source("DROP PUBLICATION cartridge_warp_public");
    }
    assert!(databases.pipeline().catch_up().status.success());
}
