//! Runs, errors and shapes are kept beside the data.

use cartridge_warp_tests::{
    Databases, Pipeline,
    rows::{Row, sqlite_query},
};
use serde_json::{Value, json};

fn journal(pipeline: &Pipeline, table: &str, order: &str) -> Vec<Row> {
    let sql = format!("SELECT * FROM cartridge_warp_metadata_{table} ORDER BY {order}");
    sqlite_query(&pipeline.database(), &sql)
}

fn column<'a>(rows: &'a [Row], name: &str) -> Vec<&'a str> {
    rows.iter().map(|row| row[name].as_str().unwrap_or("(none)")).collect()
}

fn orders() -> Pipeline {
    let pipeline = Pipeline::new();
    pipeline.write("orders.ndjson", "{\"id\":1}\n{\"id\":2}\n");
    pipeline
}

#[test]
fn a_run_tells_how_it_went() {
    let mut pipeline = orders();
    assert!(pipeline.catch_up().status.success());
    let mut running = pipeline.start();
    running.wait_for("following changes");
    running.signal(15);
    assert!(running.wait(std::time::Duration::from_secs(20)).status.success());
    pipeline.append("orders.ndjson", "not json\n");
    pipeline.set("error_handling.dead_letter_queue", json!(false));
    assert_eq!(pipeline.catch_up().status.code(), Some(1));

    let runs = journal(&pipeline, "sync_runs", "started_at");
    assert_eq!(column(&runs, "status"), ["completed", "cancelled", "failed"]);
    assert_eq!(column(&runs, "schema_name"), ["shop"; 3]);
    let number = |row: &Row, name: &str| row[name].as_i64().unwrap();
    assert_eq!(number(&runs[0], "rows"), 2);
    assert!(number(&runs[0], "bytes") > 0);
    assert!(runs.iter().all(|run| run["ended_at"].is_string()), "{runs:?}");
    let hashes = column(&runs, "config_sha256");
    assert!(hashes[0].len() == 64 && hashes[0] == hashes[1] && hashes[1] != hashes[2]);
    assert!(column(&runs, "instance")[0].contains(':'));
    assert!(column(&runs, "error")[2].contains("orders.ndjson:3"), "{runs:?}");

    let errors = journal(&pipeline, "error_log", "at");
    assert_eq!(column(&errors, "error_type"), ["transformation"]);
    assert_eq!(column(&errors, "run"), [column(&runs, "run")[2]]);
}

#[test]
fn a_killed_run_is_found_by_the_next() {
    let pipeline = orders();
    let mut running = pipeline.start();
    running.wait_for("following changes");
    running.kill();
    assert!(pipeline.catch_up().status.success());
    let runs = journal(&pipeline, "sync_runs", "started_at");
    assert_eq!(column(&runs, "status"), ["failed", "completed"]);
    assert!(column(&runs, "error")[0].contains("without a word"), "{runs:?}");
}

#[test]
fn errors_of_the_destination_are_written_when_it_is_back() {
    let mut pipeline = Pipeline::scripted(json!({}));
    let faults = json!([
        {"call": "write-batch", "at": 2, "action": "trap"},
        {"call": "connect", "at": 1, "action": "retry"},
    ]);
    pipeline.deliver_to_scripted(json!({ "faults": faults }));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let errors = journal(&pipeline, "error_log", "at");
    assert!(!errors.is_empty() && column(&errors, "error_type")[0] == "connection", "{errors:?}");
    assert_eq!(column(&journal(&pipeline, "sync_runs", "run"), "status"), ["completed"]);
}

#[test]
fn each_shape_of_a_table_is_registered() {
    let pipeline = orders();
    assert!(pipeline.catch_up().status.success());
    pipeline.append("orders.ndjson", "{\"id\":3,\"note\":\"new\"}\n");
    assert!(pipeline.catch_up().status.success());
    // A full re-sync forgets columns that are gone; one that finds the same shape registers none.
    pipeline.write("orders.ndjson", "{\"id\":4}\n");
    for _ in 0..2 {
        assert!(pipeline.run(&["run", "--until-caught-up", "--full-resync"]).status.success());
    }
    let shapes = journal(&pipeline, "schema_registry", "version");
    assert_eq!(column(&shapes, "evolution_type"), ["initial", "add_column `note`", "initial"]);
    assert_eq!(column(&shapes, "compatibility"), ["compatible"; 3]);
    let definition: Value = serde_json::from_str(column(&shapes, "definition")[1]).unwrap();
    let columns = definition["columns"].as_array().unwrap();
    let names: Vec<_> = columns.iter().map(|column| column["name"].as_str().unwrap()).collect();
    assert_eq!((names, &definition["key"]), (vec!["id", "note"], &json!(["id"])));
    assert_ne!(column(&shapes, "sha256")[0], column(&shapes, "sha256")[1]);
}

#[test]
fn schemas_that_share_the_journal_do_not_keep_each_other_out() {
    let mut pipeline = Pipeline::new();
    let schemas: Vec<String> = (10..34).map(|number| format!("s{number}")).collect();
    for schema in &schemas {
        std::fs::create_dir_all(pipeline.path("data").join(schema)).unwrap();
        let file = pipeline.path("data").join(schema).join(format!("{schema}.ndjson"));
        std::fs::write(file, "{\"id\":1}\n").unwrap();
    }
    pipeline.set("mode", json!("multi"));
    pipeline.set("single_schema_name", json!(null));
    pipeline.set("schemas", schemas.iter().map(|name| json!({ "name": name })).collect());
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(!ended.stderr.contains("the journal could not be written"), "{}", ended.stderr);
    let runs = journal(&pipeline, "sync_runs", "schema_name");
    assert_eq!(column(&runs, "schema_name"), schemas);
    assert!(column(&runs, "status").iter().all(|&status| status == "completed"), "{runs:?}");
    let shapes = journal(&pipeline, "schema_registry", "schema_name");
    assert_eq!(column(&shapes, "schema_name"), schemas);
}

#[test]
fn old_entries_go_and_those_of_others_stay() {
    let mut pipeline = orders();
    pipeline.set("name", json!("ours"));
    assert!(pipeline.catch_up().status.success());
    let mut old = String::new();
    let at = "2020-01-01T00:00:00.000000Z";
    for owner in ["ours", "theirs"] {
        old += &format!(
            "INSERT INTO cartridge_warp_metadata_sync_runs (run, schema_name, pipeline, status, started_at, ended_at)
             VALUES ('ended by {owner}', 'shop', '{owner}', 'failed', '{at}', NULL),
                    ('begun by {owner}', 'shop', '{owner}', 'running', '{at}', NULL);
             INSERT INTO cartridge_warp_metadata_error_log (id, schema_name, pipeline, at)
             VALUES ('{owner}', 'shop', '{owner}', '{at}');"
        );
    }
    rusqlite::Connection::open(pipeline.database()).unwrap().execute_batch(&old).unwrap();
    let runs = |pipeline: &Pipeline| {
        let runs = journal(pipeline, "sync_runs", "run");
        column(&runs, "run")
            .into_iter()
            .filter(|run| run.contains(" by "))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    pipeline.set("monitoring.journal_retention", json!(0));
    assert!(pipeline.catch_up().status.success());
    assert_eq!(runs(&pipeline).len(), 4, "0 keeps all");

    pipeline.set("monitoring.journal_retention", json!("1d"));
    // An entry of each table.
    pipeline.append("orders.ndjson", "not json\n");
    pipeline.set("error_handling.dead_letter_queue", json!(false));
    assert_eq!(pipeline.catch_up().status.code(), Some(1));
    assert_eq!(runs(&pipeline), ["begun by ours", "begun by theirs", "ended by theirs"]);
    let errors = journal(&pipeline, "error_log", "id");
    let kept = column(&errors, "id").into_iter().filter(|id| id.len() < 32).collect::<Vec<_>>();
    assert_eq!((kept, errors.len()), (vec!["theirs"], 2), "{errors:?}");
}

#[test]
fn old_entries_go_from_a_server() {
    let databases = Databases::start();
    databases.at_source("CREATE TABLE orders (id int PRIMARY KEY)");
    let mut pipeline = databases.pipeline();
    pipeline.set("name", json!("ours"));
    pipeline.set("monitoring.journal_retention", json!("1d"));
    assert!(pipeline.catch_up().status.success());
    databases.at_destination(
        "INSERT INTO cartridge_warp_metadata.sync_runs (run, schema_name, pipeline, status, ended_at)
         SELECT n, 'public', 'ours', 'failed', now() - n * interval '1 hour' FROM generate_series(1, 2000) n",
    );
    let kept = "SELECT count(*) FROM cartridge_warp_metadata.sync_runs WHERE run ~ '^[0-9]+$'";
    // A page of a thousand with each of the two entries of a run.
    while databases.at_destination(kept) != ["23"] {
        let before = databases.at_destination(kept);
        assert!(pipeline.catch_up().status.success());
        assert_ne!(databases.at_destination(kept), before, "nothing goes any more");
    }
    let newest =
        "SELECT max(run::int) FROM cartridge_warp_metadata.sync_runs WHERE run ~ '^[0-9]+$'";
    assert_eq!(databases.at_destination(newest), ["23"]);
}
