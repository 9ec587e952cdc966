//! `check` says what `run` says, also of what no table is about, and tells what a run passes over.

use std::net::TcpListener;

use cartridge_warp_tests::{Databases, Pipeline, wait_until};
use serde_json::{Value, json};

/// Two servers with table `t`, of which the destination is written to as `writer`, and a pipeline.
fn shop() -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases
        .at_source("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a')");
    databases.at_destination(
        "CREATE ROLE writer LOGIN; GRANT CREATE ON DATABASE shop TO writer;
         GRANT CREATE, USAGE ON SCHEMA public TO writer",
    );
    let mut pipeline = databases.pipeline();
    let url = databases.destination_url();
    let (_, place) = url.split_once('@').unwrap();
    pipeline.set("destination.connection_string", json!(format!("postgresql://writer@{place}")));
    // One table alone: what fails stops the run.
    (databases, pipeline)
}

/// Both refuse in these words, `check` with exit code 2.
fn assert_both_refuse(pipeline: &Pipeline, words: &[&str], case: &str) {
    let (checked, ran) = (pipeline.run(&["check"]), pipeline.catch_up());
    assert_eq!(checked.status.code(), Some(2), "{case}: {}", checked.stderr);
    assert!(!ran.status.success(), "{case}: {}", ran.stderr);
    for (who, ended) in [("check", checked), ("run", ran)] {
        let said = ended.words();
        for words in words {
            assert!(said.contains(words), "{case}, {who}: no {words:?} in {said}");
        }
    }
}

/// A case: its name, what happens at the source, at the destination and in the configuration, what is said.
type Case = (&'static str, &'static str, &'static str, fn(&mut Pipeline), &'static [&'static str]);

const BEFORE_A_RUN: &[Case] = &[
    (
        "a schema that is not there",
        "",
        "",
        |pipeline| {
            pipeline.set("single_schema_name", json!("nowhere"));
            pipeline.set("schemas.0.name", json!("nowhere"));
        },
        &["database shop has no schema nowhere"],
    ),
    (
        "a key that is masked",
        "",
        "",
        |pipeline| {
            let columns = json!({"mask": {"id": "redact"}});
            pipeline.set("schemas.0.tables", json!([{"name": "t", "columns": columns}]));
        },
        &["its key column `id` cannot be masked like that", "`hash`"],
    ),
    (
        "a table that belongs to somebody else",
        "",
        "CREATE TABLE t (id int PRIMARY KEY, v text)",
        |_| {},
        &["permission denied for table"],
    ),
];

#[test]
fn what_run_refuses_before_it_begins_check_refuses_in_the_same_words() {
    for (case, at_source, at_destination, spoil, words) in BEFORE_A_RUN {
        let (databases, mut pipeline) = shop();
        databases.at_source(at_source);
        databases.at_destination(at_destination);
        spoil(&mut pipeline);
        assert_both_refuse(&pipeline, words, case);
    }
}

#[test]
fn a_slot_that_is_lost_is_told_by_both() {
    let (databases, pipeline) = shop();
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let slot = "pg_replication_slots WHERE slot_name = 'cartridge_warp_shop_public'";
    let is_free = format!("SELECT NOT active FROM {slot}");
    wait_until("the server knows that the run is gone", || databases.at_source(&is_free) == ["t"]);
    databases.at_source(&format!("SELECT pg_drop_replication_slot(slot_name) FROM {slot}"));
    let words = ["replication slot cartridge_warp_shop_public is gone"];
    assert_both_refuse(&pipeline, &words, "a lost slot");
}

/// Rights on a table are enough for its partitions, wherever they lie.
#[test]
fn rights_on_partitions_are_judged_alike() {
    let (databases, mut pipeline) = shop();
    databases.at_source(
        "CREATE ROLE warp LOGIN REPLICATION; GRANT SELECT ON t TO warp;
         CREATE SCHEMA hidden;
         CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
         CREATE TABLE hidden.part PARTITION OF parts FOR VALUES FROM (0) TO (9);
         INSERT INTO parts VALUES (1);
         CREATE PUBLICATION cartridge_warp_public FOR TABLE t, parts
             WITH (publish_via_partition_root = true)",
    );
    let url = databases.source_url();
    let (_, place) = url.split_once('@').unwrap();
    pipeline.set("source.connection_string", json!(format!("postgresql://warp@{place}")));
    pipeline.set("schemas.0.on_table_failure", json!("stop"));
    assert_both_refuse(&pipeline, &["GRANT SELECT ON \"public\".\"parts\" TO \"warp\""], "none");
    databases.at_source("GRANT SELECT ON parts TO warp");
    for ended in [pipeline.run(&["check"]), pipeline.catch_up()] {
        assert!(ended.status.success(), "{}", ended.stderr);
    }
    assert_eq!(databases.at_destination("SELECT id FROM parts"), ["1"]);
}

#[test]
fn a_port_that_somebody_else_has_is_told_and_that_of_the_run_itself_is_not() {
    let (_databases, mut pipeline) = shop();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    pipeline.set("monitoring.prometheus.port", json!(port));
    assert_both_refuse(&pipeline, &["port-in-use", &port.to_string()], "a port in use");
    drop(taken);
    assert!(pipeline.run(&["check"]).status.success());
    let mut running = pipeline.start();
    running.wait_for("following changes");
    let checked = pipeline.run(&["check"]);
    assert!(checked.status.success(), "beside the run: {}", checked.stderr);
    running.kill();
    pipeline.set("monitoring.prometheus", json!({"port": 0, "path": "/metrics/{x}"}));
    assert_both_refuse(&pipeline, &["metrics-path"], "a path that is none");
}

#[test]
fn tables_that_a_run_passes_over_are_listed_with_what_helps() {
    let (databases, pipeline) = shop();
    databases.at_source("CREATE TABLE bad (id int); CREATE TABLE other (id int PRIMARY KEY)");
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    let paused = pipeline.run(&["pause", "other"]);
    assert!(paused.status.success(), "{}", paused.stderr);
    // What is wrong with it is told beside that it is parked.
    let checked = pipeline.run(&["--output", "human", "check"]);
    assert_eq!(checked.status.code(), Some(2), "{}", checked.stderr);
    assert!(checked.stdout.contains("  bad: parked since"), "{}", checked.stdout);
    databases.at_source("ALTER TABLE bad ADD PRIMARY KEY (id)");
    let checked = pipeline.run(&["--output", "human", "check"]);
    assert!(checked.status.success(), "{}", checked.stderr);
    for words in [
        "schema `public`: ok, 3 tables",
        "  bad: parked since 20",
        "has no key",
        "`cartridge-warp resume public.bad`",
        "  other: paused since 20",
        "`cartridge-warp resume public.other`",
    ] {
        assert!(checked.stdout.contains(words), "no {words:?} in {}", checked.stdout);
    }
    let checked = pipeline.run(&["--output", "json", "check"]);
    let mut lines =
        checked.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let schema = lines.find(|line| line["schema"] == "public").unwrap();
    assert_eq!(
        (&schema["ok"], &schema["left_out"]["other"]["state"]),
        (&json!(true), &json!("paused"))
    );
    let parked = &schema["left_out"]["bad"];
    assert!(parked["help"].as_str().unwrap().contains("resume public.bad"), "{parked}");
    assert!(pipeline.run(&["resume"]).status.success());
    let checked = pipeline.run(&["--output", "human", "check"]);
    assert!(!checked.stdout.contains("since 20"), "{}", checked.stdout);
}
