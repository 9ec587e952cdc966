//! Whose the state at a destination is: two pipelines never go on with each other's.

use std::{fs, time::Duration};

use cartridge_warp_tests::{Databases, Ended, Pipeline, rows::sqlite_query, wait_until};
use serde_json::json;

/// A pipeline that has copied one order of the first shop; the second shop is `other`.
fn copied() -> Pipeline {
    let pipeline = Pipeline::new();
    pipeline.write("orders.ndjson", "{\"id\":1,\"from\":\"first\"}\n");
    let other = pipeline.path("other/shop");
    fs::create_dir_all(&other).unwrap();
    fs::write(other.join("orders.ndjson"), "{\"id\":1,\"from\":\"second\"}\n").unwrap();
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    pipeline
}

/// Reads the other shop from now on.
fn moved() -> Pipeline {
    let mut pipeline = copied();
    pipeline.set("source.connection_string", json!("./other"));
    pipeline
}

fn from(pipeline: &Pipeline) -> Vec<String> {
    let rows = sqlite_query(&pipeline.database(), "SELECT \"from\" FROM orders ORDER BY id");
    rows.iter().map(|row| row["from"].as_str().unwrap().to_owned()).collect()
}

/// The name that a run says it goes by.
fn name(ended: &Ended) -> String {
    let lines = ended.stderr.lines();
    let lines = lines.filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut names = lines.filter_map(|line| line["pipeline"].as_str().map(str::to_owned));
    names.next().unwrap()
}

#[test]
fn the_state_of_another_pipeline_is_never_taken_over() {
    let pipeline = moved();
    let former = pipeline.path("data").display().to_string();
    let commands: [&[&str]; 5] = [
        &["check"],
        &["run", "--until-caught-up"],
        &["run", "--until-caught-up", "--full-resync"],
        &["run", "--until-caught-up", "--full-resync=orders"],
        &["run", "--dry-run"],
    ];
    for command in commands {
        let ended = pipeline.run(command);
        assert!(!ended.status.success(), "{command:?}");
        for words in ["another-pipeline", &former, "cartridge-warp adopt"] {
            assert!(ended.stderr.contains(words), "{command:?} without {words}: {}", ended.stderr);
        }
    }
    assert_eq!(pipeline.run(&["check"]).status.code(), Some(2));
    assert_eq!(from(&pipeline), ["first"]);
}

#[test]
fn a_pipeline_that_keeps_its_name_may_read_from_another_address() {
    let mut pipeline = Pipeline::new();
    pipeline.set("name", json!("shop-eu"));
    pipeline.write("orders.ndjson", "{\"id\":1,\"from\":\"first\"}\n");
    assert_eq!(name(&pipeline.catch_up()), "shop-eu");
    fs::rename(pipeline.path("data"), pipeline.path("moved")).unwrap();
    pipeline.set("source.connection_string", json!("./moved"));
    let added = "{\"id\":1,\"from\":\"first\"}\n{\"id\":2,\"from\":\"later\"}\n";
    fs::write(pipeline.path("moved/shop/orders.ndjson"), added).unwrap();
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(from(&pipeline), ["first", "later"]);

    pipeline.set("name", json!("shop-us"));
    let ended = pipeline.catch_up();
    assert!(ended.stderr.contains("kept by pipeline `shop-eu`"), "{}", ended.stderr);
    for bad in ["", " ", "a\u{202e}b", &"x".repeat(201)] {
        pipeline.set("name", json!(bad));
        let ended = pipeline.run(&["validate"]);
        assert_eq!(ended.status.code(), Some(2), "{bad:?}");
        assert!(ended.stderr.contains("`name`"), "{bad:?}: {}", ended.stderr);
    }
}

#[test]
fn state_is_adopted_by_one_command() {
    let mut pipeline = moved();
    pipeline.set("source.connection_string", json!("./data"));
    pipeline.set("name", json!("renamed"));
    let before = pipeline.run(&["--output", "json", "adopt"]);
    assert!(before.status.success(), "{}", before.stderr);
    let told: serde_json::Value = serde_json::from_str(&before.stdout).unwrap();
    let former = format!("files {}", pipeline.path("data").display());
    let expected = json!({
        "schema": "shop", "pipeline": "renamed", "adopted": true, "from": former,
    });
    assert_eq!(told, expected);
    pipeline.append("orders.ndjson", "{\"id\":2,\"from\":\"later\"}\n");
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(!ended.stderr.contains("snapshot complete"), "it went on: {}", ended.stderr);
    assert_eq!(from(&pipeline), ["first", "later"]);
    let again = pipeline.run(&["--output", "human", "adopt"]);
    assert!(again.stdout.contains("already"), "{}", again.stdout);

    let fresh = Pipeline::new();
    fresh.write("orders.ndjson", "{\"id\":1,\"from\":\"first\"}\n");
    let nothing = fresh.run(&["--output", "human", "adopt"]);
    assert!(nothing.status.success(), "{}", nothing.stderr);
    assert!(nothing.stdout.contains("no state"), "{}", nothing.stdout);
}

#[test]
fn files_are_named_by_their_place_however_they_are_written() {
    let mut pipeline = Pipeline::new();
    pipeline.write("orders.ndjson", "{\"id\":1,\"from\":\"first\"}\n");
    let whole = pipeline.path("data").display().to_string();
    for address in ["./data", &whole] {
        pipeline.set("source.connection_string", json!(address));
        assert_eq!(name(&pipeline.catch_up()), format!("files {whole}"), "{address}");
    }
}

#[test]
fn state_from_before_names_is_taken_by_the_first_that_comes() {
    let pipeline = copied();
    let database = rusqlite::Connection::open(pipeline.database()).unwrap();
    let markers: Vec<String> = sqlite_query(
        &pipeline.database(),
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%markers%'",
    )
    .iter()
    .map(|row| row["name"].as_str().unwrap().to_owned())
    .collect();
    let sql = format!("DELETE FROM \"{}\" WHERE stream = 'pipeline'", markers[0]);
    assert_eq!(database.execute(&sql, []).unwrap(), 1);
    drop(database);
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(!ended.stderr.contains("snapshot complete"), "it went on: {}", ended.stderr);
}

#[test]
fn a_runner_whose_state_was_adopted_ends_and_says_so() {
    let mut pipeline = Pipeline::new();
    pipeline.write("orders.ndjson", "{\"id\":1,\"from\":\"first\"}\n");
    pipeline.set("destination", json!({"type": "files", "connection_string": "./lake"}));
    pipeline.set("schemas.0.tables", json!([{"name": "orders", "write_mode": "append"}]));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    pipeline.set("name", json!("successor"));
    let adopted = pipeline.run(&["adopt"]);
    assert!(adopted.status.success(), "{}", adopted.stderr);
    pipeline.append("orders.ndjson", "{\"id\":2,\"from\":\"later\"}\n");
    let ended = running.wait(Duration::from_secs(120));
    assert_eq!(ended.status.code(), Some(5), "{}", ended.stderr);
    assert!(ended.stderr.contains("fenced"), "{}", ended.stderr);
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
}

#[test]
fn pipelines_with_names_share_nothing_at_their_source() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE orders (id int PRIMARY KEY, note text); CREATE TABLE items (id int PRIMARY KEY);
         INSERT INTO orders VALUES (1, 'copied'); INSERT INTO items VALUES (1)",
    );
    let mut warehouse = databases.pipeline();
    warehouse.set("name", json!("warehouse"));
    let mut search = Pipeline::new();
    search.set("name", json!("search"));
    search.set("single_schema_name", json!("public"));
    let source = json!({"type": "postgresql", "connection_string": databases.source_url()});
    search.set("source", source);
    search.set("schemas", json!([{"name": "public", "table_blacklist": ["items"]}]));
    let all = [&warehouse, &search];
    let mut running = all.map(Pipeline::start);
    for run in &mut running {
        run.wait_for("following changes");
    }
    databases.at_source("INSERT INTO orders VALUES (2, 'followed'); INSERT INTO items VALUES (2)");
    let found = || sqlite_query(&search.database(), "SELECT id FROM orders").len();
    wait_until("both have it", || databases.difference().is_none() && found() == 2);
    let page = running[0].get("/metrics");
    assert!(page.contains("pipeline=\"warehouse\""), "{page}");
    for run in running {
        run.kill();
    }
    databases.at_source("INSERT INTO orders VALUES (3, 'later'); INSERT INTO items VALUES (3)");
    for pipeline in all {
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{}", ended.stderr);
    }
    assert_eq!((databases.difference(), found()), (None, 3));
    let slots = "SELECT slot_name FROM pg_replication_slots ORDER BY 1";
    let names = ["cartridge_warp_search_public", "cartridge_warp_warehouse_public"];
    assert_eq!(databases.at_source(slots), names);
    assert_eq!(databases.at_source("SELECT pubname FROM pg_publication ORDER BY 1"), names);
    let of_runs = "SELECT DISTINCT pipeline FROM cartridge_warp_metadata.sync_runs";
    assert_eq!(databases.at_destination(of_runs), ["warehouse"]);
}
