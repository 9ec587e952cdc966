//! A change stream whose history is gone, collections that are dropped or renamed, and fields that
//! change their type.

use cartridge_warp_test_mongodb::{Settings, bson::doc};
use cartridge_warp_tests::wait_until;
use serde_json::json;

use super::servers::{SCHEMA, Servers};

#[test]
fn a_lost_position_fails_or_copies_anew_as_configured() {
    let servers = Servers::start(Settings { oplog_entries_max: 1000, ..Settings::default() });
    servers.source.insert(SCHEMA, "orders", &[doc! {"_id": 1, "n": 1}, doc! {"_id": 2, "n": 2}]);
    let mut pipeline = servers.pipeline(&servers.source.url(""));
    let first = pipeline.catch_up();
    assert!(first.status.success(), "{}", first.stderr);
    let gone = doc! {"delete": "orders", "deletes": [{"q": {"_id": 2}, "limit": 1}]};
    servers.source.run(SCHEMA, gone);
    servers.source.insert(SCHEMA, "orders", &[doc! {"_id": 3, "n": 3}]);
    servers.source.forget_history();

    let failed = pipeline.catch_up();
    assert_eq!(failed.status.code(), Some(1), "{}", failed.stderr);
    for words in ["lost", "--full-resync", "on_lost_position"] {
        assert!(failed.stderr.contains(words), "no {words} in {}", failed.stderr);
    }
    let before = servers.at_destination(&format!("SELECT _id FROM {SCHEMA}.orders ORDER BY 1"));
    assert_eq!(before, ["1", "2"], "a failed run changes nothing");

    pipeline.set("schemas.0.on_lost_position", json!("resync"));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(servers.difference(), None);
    assert_eq!(servers.rows("orders").len(), 2, "what was deleted meanwhile is gone, too");
}

#[test]
fn how_long_the_log_has_the_position_is_shown() {
    let servers = Servers::start(Settings::default());
    servers.source.insert(SCHEMA, "orders", &[doc! {"_id": 1}]);
    let pipeline = servers.pipeline(&servers.source.url(""));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    let value = |name: &str| {
        let page = running.get("/metrics");
        let series =
            page.lines().find(|line| line.starts_with(&format!("cartridge_warp_{name}{{")));
        series?.split(' ').next_back()?.parse::<f64>().ok()
    };
    wait_until("the log is looked at", || value("source_log_left_seconds").is_some());
    assert!((0.0..600.0).contains(&value("source_log_left_seconds").unwrap()));
    assert!((0.0..600.0).contains(&value("source_log_oldest_seconds").unwrap()));
    assert_eq!(value("source_log_retained_bytes"), None, "it is kept for nobody");
}

#[test]
fn each_schema_has_its_own_answer_to_a_lost_position() {
    const OTHER: &str = "archive";
    let servers = Servers::start(Settings { oplog_entries_max: 1000, ..Settings::default() });
    for schema in [SCHEMA, OTHER] {
        servers.source.insert(schema, "orders", &[doc! {"_id": 1}]);
    }
    let mut pipeline = servers.pipeline(&servers.source.url(""));
    pipeline.set("mode", json!("multi"));
    pipeline.set("single_schema_name", json!(null));
    let schemas = json!([{"name": SCHEMA, "on_lost_position": "resync"}, {"name": OTHER}]);
    pipeline.set("schemas", schemas);
    let first = pipeline.catch_up();
    assert!(first.status.success(), "{}", first.stderr);
    for schema in [SCHEMA, OTHER] {
        servers.source.insert(schema, "orders", &[doc! {"_id": 2}]);
    }
    servers.source.forget_history();

    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let keys = |schema: &str| {
        servers.at_destination(&format!("SELECT _id FROM {schema}.orders ORDER BY 1"))
    };
    assert_eq!((keys(SCHEMA), keys(OTHER)), (vec!["1".into(), "2".into()], vec!["1".to_owned()]));
}
