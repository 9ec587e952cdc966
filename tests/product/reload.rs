//! SIGHUP: a run takes an edited configuration over.

use cartridge_warp_tests::{
    Databases, Pipeline, Running,
    rows::{sqlite_count, sqlite_count_live, sqlite_query},
    wait_until,
};
use serde_json::json;

const HANGUP: i32 = 1;

/// Has a run read the configuration as it is now, until it has said these words.
fn reload(pipeline: &Pipeline, running: &mut Running, words: &str) {
    pipeline.write_config();
    running.signal(HANGUP);
    running.wait_for(words);
}

fn ended(running: Running) -> String {
    running.signal(15);
    let ended = running.wait(std::time::Duration::from_secs(60));
    assert!(ended.status.success(), "{}", ended.stderr);
    ended.stderr
}

#[test]
fn lists_rules_and_the_log_level_count_at_once() {
    let pipeline = Pipeline::new();
    std::fs::create_dir_all(pipeline.path("data/shop")).unwrap();
    for table in ["a", "b"] {
        pipeline.append(&format!("{table}.ndjson"), "{\"id\":1,\"note\":\"x\"}\n");
    }
    let database = pipeline.database();
    let mut running = Running::start(pipeline.command(&["run", "--full-resync=a"]));
    running.wait_for("following changes");
    let count = |table: &str| sqlite_count_live(&database, table);
    assert_eq!((count("a"), count("b")), (Some(1), Some(1)));

    let mut edited = pipeline;
    edited.set("schemas.0.table_blacklist", json!(["b"]));
    edited.set("schemas.0.tables", json!([{"name": "a", "columns": {"exclude": ["note"]}}]));
    edited.set("monitoring.prometheus.path", json!("/elsewhere"));
    edited.set("source.connection_string", json!("./nowhere"));
    reload(&edited, &mut running, "all schemas begin again with it");
    edited.append("a.ndjson", "{\"id\":2,\"note\":\"y\"}\n");
    edited.append("b.ndjson", "{\"id\":2,\"note\":\"y\"}\n");
    wait_until("the table goes on", || count("a") == Some(2));
    wait_until("it follows", || {
        running.get("/health").contains("\"shop\":{\"state\":\"streaming\"")
    });
    assert!(running.get("/metrics").contains("cartridge_warp_sync_status"));

    edited.set("monitoring.log_level", json!("ERROR"));
    edited.write_config();
    running.signal(HANGUP);
    edited.append("a.ndjson", "{\"id\":3,\"note\":\"z\"}\n");
    wait_until("it goes on", || count("a") == Some(3));
    // The level counts: nothing is said of this reload, nor of the end.
    let log = ended(running);
    let anew = "\"message\":\"these tables begin anew in the stream\"";
    for (words, count) in [
        ("these keys changed and count from the next start on", 1),
        ("\"keys\":\"monitoring.prometheus.path, source.connection_string\"", 1),
        // `--full-resync` is for the start; the second time it is for the rules.
        (anew, 1),
        ("stopping", 0),
    ] {
        assert_eq!(log.matches(words).count(), count, "{words} in {log}");
    }
    assert_eq!(sqlite_count(&database, "b"), 1, "it is left out");
    let notes = sqlite_query(&database, "SELECT note FROM a WHERE note IS NOT NULL");
    assert!(notes.is_empty(), "the table was copied by the new rules");
}

#[test]
fn what_cannot_be_run_changes_nothing() {
    let mut pipeline = Pipeline::new();
    std::fs::create_dir_all(pipeline.path("data/shop")).unwrap();
    pipeline.append("a.ndjson", "{\"id\":1}\n");
    let mut running = pipeline.start();
    running.wait_for("following changes");
    pipeline.set("schemas.0.on_table_failure", json!("perhaps"));
    reload(&pipeline, &mut running, "the configuration was not read again");
    pipeline.set("schemas.0.on_table_failure", json!("park"));
    reload(&pipeline, &mut running, "nothing changes for the schemas");
    pipeline.append("a.ndjson", "{\"id\":2}\n");
    wait_until("it goes on", || sqlite_count_live(&pipeline.database(), "a") == Some(2));
    let log = ended(running);
    assert!(log.contains("config.yaml:1"), "it says where: {log}");
    assert_eq!(log.matches("following changes").count(), 1, "no schema began again: {log}");
}

/// What a connector is granted is opened before the last runner ends.
#[test]
fn what_cannot_be_opened_changes_nothing() {
    let mut pipeline = Pipeline::new();
    pipeline.append("a.ndjson", "{\"id\":1}\n");
    let mut running = pipeline.start();
    running.wait_for("following changes");
    let (here, away) = (pipeline.path("data"), pipeline.path("away"));
    std::fs::rename(&here, &away).unwrap();
    pipeline.set("schemas.0.on_table_failure", json!("stop"));
    reload(&pipeline, &mut running, "can't open");
    std::fs::rename(&away, &here).unwrap();
    pipeline.append("a.ndjson", "{\"id\":2}\n");
    wait_until("it goes on", || sqlite_count_live(&pipeline.database(), "a") == Some(2));
    reload(&pipeline, &mut running, "all schemas begin again with it");
    ended(running);
}

#[test]
fn schemas_come_and_go() {
    let mut pipeline = Pipeline::new();
    for schema in ["shop", "depot"] {
        std::fs::create_dir_all(pipeline.path(&format!("data/{schema}"))).unwrap();
        let file = pipeline.path(&format!("data/{schema}/{schema}_t.ndjson"));
        std::fs::write(file, "{\"id\":1}\n").unwrap();
    }
    pipeline.set("mode", json!("multi"));
    pipeline.set("single_schema_name", json!(null));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    let schema = |name: &str| json!({"name": name, "default_polling_interval": 0.2});
    pipeline.set("schemas", json!([schema("depot")]));
    reload(&pipeline, &mut running, "all schemas begin again with it");
    wait_until("the new one is copied", || {
        sqlite_count_live(&pipeline.database(), "depot_t") == Some(1)
    });
    wait_until("the old one is gone", || {
        let health = running.get("/health");
        health.contains("\"depot\":{\"state\":\"streaming\"") && !health.contains("\"shop\"")
    });
    ended(running);
}

#[test]
fn another_schema_may_be_the_single_one() {
    let mut pipeline = Pipeline::new();
    pipeline.write("a.ndjson", "{\"id\":1}\n");
    pipeline.write("../depot/b.ndjson", "{\"id\":1}\n");
    let mut running = pipeline.start();
    running.wait_for("following changes");
    pipeline.set("single_schema_name", json!("depot"));
    pipeline.set("schemas", json!([{"name": "depot", "default_polling_interval": 0.2}]));
    reload(&pipeline, &mut running, "all schemas begin again with it");
    wait_until("it is copied", || sqlite_count_live(&pipeline.database(), "b") == Some(1));
    pipeline.append("../depot/b.ndjson", "{\"id\":2}\n");
    wait_until("it is followed", || sqlite_count_live(&pipeline.database(), "b") == Some(2));
    ended(running);
}

#[test]
fn a_copy_that_was_asked_for_and_has_not_begun_is_not_forgotten() {
    let mut databases = Databases::start();
    databases.at_source("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
    let mut pipeline = databases.pipeline();
    assert!(pipeline.catch_up().status.success());
    databases.at_destination("DELETE FROM t WHERE id = 2");
    databases.destination.kill();
    let mut running = Running::start(pipeline.command(&["run", "--full-resync=t"]));
    running.wait_for("trying again");
    pipeline.set("schemas.0.default_batch_size", json!(7));
    reload(&pipeline, &mut running, "all schemas begin again with it");
    databases.destination.resume();
    running.wait_for("following changes");
    assert_eq!(databases.at_destination("SELECT id FROM t ORDER BY id"), ["1", "2"]);
    ended(running);
}
