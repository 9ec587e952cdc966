//! `drop`: tables that a pipeline is to have nothing to do with any more.

use cartridge_warp_tests::{
    Databases, Pipeline, lake_rows,
    rows::{sqlite_count, sqlite_query},
};
use serde_json::{Value, json};

fn begun() -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE kept (id int PRIMARY KEY); INSERT INTO kept VALUES (1);
         CREATE TABLE gone (id int PRIMARY KEY, n numeric(8, 2)); INSERT INTO gone VALUES (1, 'NaN'), (2, 2)",
    );
    let mut pipeline = databases.pipeline();
    pipeline.set("schemas.0.tables", json!([{"name": "gone", "destination_table": "gone_there"}]));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(4), "one row is a dead letter: {}", ended.stderr);
    (databases, pipeline)
}

fn exists(databases: &Databases, table: &str) -> bool {
    databases.at_destination(&format!("SELECT to_regclass('{table}') IS NOT NULL")) == ["t"]
}

fn words(pipeline: &Pipeline, arguments: &[&str], code: i32) -> String {
    let ended = pipeline.run(arguments);
    let said = format!("{} {}", ended.stdout, ended.words());
    assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

#[test]
fn a_table_is_dropped_once_it_is_left_out() {
    let (databases, mut pipeline) = begun();
    let said = words(&pipeline, &["drop", "gone"], 1);
    assert!(said.contains("is selected") && said.contains("table_blacklist"), "{said}");
    assert!(exists(&databases, "gone_there"));
    pipeline.set("schemas.0.table_blacklist", json!(["gone"]));
    // What the configuration says of it by now does not matter.
    pipeline.set("schemas.0.tables", json!([]));
    assert!(words(&pipeline, &["drop", "nothing"], 1).contains("`nothing`"));

    let said = words(&pipeline, &["drop", "--output", "json", "public.gone"], 0);
    let line: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!((&line["table"], &line["removed"]), (&json!("gone"), &json!(true)), "{line}");
    assert!(!exists(&databases, "gone_there"));
    assert!(!words(&pipeline, &["dlq", "list"], 0).contains("type-"), "its letters are settled");
    assert!(!words(&pipeline, &["status"], 0).contains("gone"));
    assert!(words(&pipeline, &["drop", "gone"], 1).contains("`gone`"), "it is forgotten");

    databases.at_source("INSERT INTO kept VALUES (2); INSERT INTO gone VALUES (3, 3)");
    assert!(pipeline.catch_up().status.success());
    assert_eq!(databases.at_destination("SELECT count(*) FROM kept"), ["2"]);
    // Selected again it is a table like any other.
    pipeline.set("schemas.0.table_blacklist", json!([]));
    databases.at_source("DELETE FROM gone WHERE id = 1");
    assert!(pipeline.catch_up().status.success());
    assert_eq!(databases.difference(), None);
}

#[test]
fn its_rows_may_stay_and_stay_where_they_were_before_the_pipeline() {
    let (databases, mut pipeline) = begun();
    pipeline.set("schemas.0.table_blacklist", json!(["gone", "kept"]));
    let said = words(&pipeline, &["drop", "--keep-rows", "gone"], 0);
    assert!(said.contains("public.gone: forgotten, its table at the destination stays"), "{said}");
    assert!(exists(&databases, "gone_there"));

    let adopting = Databases::start();
    adopting.at_source("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)");
    adopting.at_destination("CREATE TABLE t (id int PRIMARY KEY, theirs text)");
    let mut pipeline = adopting.pipeline();
    assert!(pipeline.catch_up().status.success());
    pipeline.set("schemas.0.table_blacklist", json!(["t"]));
    // A run that cannot be reached, as one of another machine.
    pipeline.set("control.enabled", json!(false));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    assert!(words(&pipeline, &["drop", "t"], 1).contains("is held by a run"));
    drop(running);
    let said = words(&pipeline, &["drop", "--take-over", "t"], 0);
    assert!(said.contains("stays: the table was there before the connector"), "{said}");
    assert!(exists(&adopting, "t"));
}

fn rows(pipeline: &Pipeline, table: &str, is_lake: bool) -> u64 {
    match is_lake {
        true => lake_rows(&pipeline.path("lake/shop").join(table)).len() as u64,
        false => sqlite_count(&pipeline.database(), table),
    }
}

#[test]
fn files_and_sqlite_drop_tables_too() {
    for to_files in [false, true] {
        let mut pipeline = Pipeline::new();
        std::fs::create_dir_all(pipeline.path("data/shop")).unwrap();
        if to_files {
            std::fs::create_dir(pipeline.path("lake")).unwrap();
            pipeline.set("destination", json!({"type": "files", "connection_string": "./lake"}));
            let logs = json!([{"name": "*", "write_mode": "append"}]);
            pipeline.set("schemas.0.tables", logs);
        }
        for table in ["kept", "gone"] {
            pipeline.append(&format!("{table}.ndjson"), "{\"id\":1}\n");
        }
        assert!(pipeline.catch_up().status.success());
        pipeline.set("schemas.0.table_blacklist", json!(["gone"]));
        words(&pipeline, &["drop", "gone"], 0);
        assert_eq!(rows(&pipeline, "kept", to_files), 1);
        if to_files {
            assert_eq!(rows(&pipeline, "gone", true), 0, "no list names its files");
        } else {
            let gone = "SELECT name FROM sqlite_master WHERE name = 'gone'";
            assert!(sqlite_query(&pipeline.database(), gone).is_empty());
        }
        // Selected again, it is whole.
        pipeline.set("schemas.0.table_blacklist", json!([]));
        assert!(pipeline.catch_up().status.success(), "{to_files}");
        let rows = |table| rows(&pipeline, table, to_files);
        assert_eq!((rows("kept"), rows("gone")), (1, 1), "{to_files}");
    }
}

#[test]
fn a_drop_that_was_cut_off_is_carried_on() {
    let (databases, mut pipeline) = begun();
    words(&pipeline, &["pause", "gone"], 0);
    pipeline.set("schemas.0.table_blacklist", json!(["gone"]));
    databases.at_destination(
        "CREATE FUNCTION deed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;
         CREATE TRIGGER deed BEFORE INSERT ON cartridge_warp_metadata.sync_markers
             FOR EACH ROW WHEN (NEW.stream = 'aside') EXECUTE FUNCTION deed()",
    );
    words(&pipeline, &["drop", "gone"], 1);
    databases.at_destination("DROP TRIGGER deed ON cartridge_warp_metadata.sync_markers");
    words(&pipeline, &["drop", "gone"], 0);
    pipeline.set("schemas.0.table_blacklist", json!([]));
    databases.at_source("DELETE FROM gone WHERE id = 1");
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "nothing of the pause is left: {}", ended.stderr);
    assert_eq!(databases.at_destination("SELECT id FROM gone_there"), ["2"]);
}
