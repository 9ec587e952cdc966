//! A destination that has made changes of shape which nobody remembers: a crash, or a change that is refused behind
//! them, came before their memory was stored.

use cartridge_warp_tests::{Databases, Ended, Pipeline};
use serde_json::json;

/// Two tables, copied by rules that refuse numbers to become text, and ask about nothing.
fn copied() -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE good (id int PRIMARY KEY); INSERT INTO good VALUES (1);
         CREATE TABLE bad (id int PRIMARY KEY, v text, x int);
         INSERT INTO bad VALUES (1, 'a', 1)",
    );
    let mut pipeline = databases.pipeline();
    let rules = json!({
        "strategy": "permissive", "require_approval_for_risky_changes": false,
        "enable_fallback_to_varchar": false,
    });
    pipeline.set("schema_evolution", rules);
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    (databases, pipeline)
}

fn assert_equal(databases: &Databases, ended: &Ended) {
    assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(databases.differences(), Vec::<String>::new());
}

/// The destination makes a change that a crash kept from being remembered.
fn ahead() -> (Databases, Pipeline) {
    let (databases, pipeline) = copied();
    let markers = "cartridge_warp_metadata.sync_markers";
    databases.at_destination(&format!(
        "CREATE TABLE before AS SELECT * FROM {markers} WHERE stream = 'shape/bad'"
    ));
    databases.at_source(
        "ALTER TABLE bad ALTER v TYPE jsonb USING to_jsonb(v); INSERT INTO bad VALUES (2, '{}', 2)",
    );
    assert_equal(&databases, &pipeline.catch_up());
    databases.at_destination(&format!(
        "DELETE FROM {markers} WHERE stream = 'shape/bad'; INSERT INTO {markers} SELECT * FROM before"
    ));
    (databases, pipeline)
}

#[test]
fn a_crash_before_changes_are_remembered_costs_nothing_but_a_copy() {
    let (databases, pipeline) = ahead();
    databases.at_source("INSERT INTO bad VALUES (3, '{}', 3)");
    assert_equal(&databases, &pipeline.catch_up());
}

#[test]
fn a_table_that_nobody_remembers_to_have_been_changed_is_made_anew_when_it_is_copied() {
    let (databases, pipeline) = ahead();
    databases.at_source("ALTER TABLE bad ALTER v TYPE text; INSERT INTO bad VALUES (3, 'c', 3)");
    assert!(pipeline.run(&["resync", "bad"]).status.success());
    assert_equal(&databases, &pipeline.catch_up());
}

/// Two changes, of which the second is refused.
fn change(databases: &Databases) {
    databases.at_source(
        "ALTER TABLE bad ALTER v TYPE jsonb USING to_jsonb(v), ALTER x TYPE text;
         INSERT INTO bad VALUES (2, '{}', '2')",
    );
}

fn undo(databases: &Databases) {
    databases.at_source(
        "ALTER TABLE bad ALTER v TYPE text, ALTER x TYPE int USING x::int;
         INSERT INTO bad VALUES (3, 'c', 3)",
    );
}

#[test]
fn a_table_that_is_as_it_was_comes_back_although_the_destination_went_ahead() {
    let (databases, pipeline) = copied();
    change(&databases);
    let parked = pipeline.catch_up();
    assert_eq!(parked.status.code(), Some(3), "{}", parked.stderr);
    assert!(parked.stderr.contains("modify_column `x` refused"), "{}", parked.stderr);
    undo(&databases);
    assert!(pipeline.run(&["resume", "bad"]).status.success());
    assert_equal(&databases, &pipeline.catch_up());
}

#[test]
fn a_schema_that_stopped_goes_on_when_its_table_is_as_it_was() {
    let (databases, mut pipeline) = copied();
    pipeline.set("schemas.0.on_table_failure", json!("stop"));
    change(&databases);
    let stopped = pipeline.catch_up();
    assert_eq!(stopped.status.code(), Some(1), "{}", stopped.stderr);
    undo(&databases);
    assert_equal(&databases, &pipeline.catch_up());
}
