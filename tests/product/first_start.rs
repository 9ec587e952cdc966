//! A first start that fails leaves nothing at the source that would hold log for ever.

use std::time::Duration;

use cartridge_warp_tests::{Databases, Ended, Pipeline, wait_until};
use serde_json::json;

const MARKERS: &str = "cartridge_warp_metadata.sync_markers";
const SLOTS: &str = "SELECT count(*) FROM pg_replication_slots";

/// A source with rows, and a destination that does this when the stream's start is stored. Its metadata is
/// there, of another schema.
fn beginning(deed: &str) -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE orders (id int PRIMARY KEY, note text);
         INSERT INTO orders SELECT n, 'note ' || n FROM generate_series(1, 100) n;
         CREATE SCHEMA other; CREATE TABLE other.t (id int PRIMARY KEY)",
    );
    let mut pipeline = databases.pipeline();
    pipeline.set("error_handling.max_backoff_seconds", json!(0.1));
    pipeline.set("single_schema_name", json!("other"));
    pipeline.set("schemas.0.name", json!("other"));
    assert!(pipeline.catch_up().status.success());
    assert!(pipeline.run(&["teardown", "--yes"]).status.success());
    pipeline.set("single_schema_name", json!("public"));
    pipeline.set("schemas.0.name", json!("public"));
    databases.at_destination(&format!(
        "CREATE FUNCTION deed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {deed} RETURN NEW; END $$;
         CREATE TRIGGER deed BEFORE INSERT ON {MARKERS} FOR EACH ROW WHEN (NEW.stream = 'changes')
             EXECUTE FUNCTION deed()"
    ));
    (databases, pipeline)
}

fn nothing_is_left(databases: &Databases, ended: &Ended) {
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let removed = "replication slot cartridge_warp_shop_public, publication cartridge_warp_public";
    assert!(ended.stderr.contains("\"making the replication slot\""), "{}", ended.stderr);
    assert!(ended.stderr.contains(removed), "{}", ended.stderr);
    assert_eq!(databases.at_source(SLOTS), ["0"]);
    assert_eq!(databases.at_source("SELECT count(*) FROM pg_publication"), ["0"]);
}

fn begins_after_all(databases: &Databases, pipeline: &Pipeline) {
    databases.at_destination(&format!("DROP TRIGGER deed ON {MARKERS}"));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference(), None);
    assert_eq!(databases.at_source(SLOTS), ["1"]);
}

#[test]
fn where_the_destination_refuses_to_store_it() {
    let (databases, pipeline) = beginning("RAISE EXCEPTION 'not today';");
    nothing_is_left(&databases, &pipeline.catch_up());
    // Whatever held log before this start was not made by it.
    let slot =
        "SELECT pg_create_logical_replication_slot('cartridge_warp_shop_public', 'pgoutput')";
    databases.at_source(slot);
    assert_eq!(pipeline.catch_up().status.code(), Some(1));
    assert_eq!(databases.at_source(SLOTS), ["1"]);
    begins_after_all(&databases, &pipeline);
}

#[test]
fn where_the_destination_refuses_the_login_afterwards() {
    let (databases, mut pipeline) = beginning("RAISE EXCEPTION SQLSTATE '40001';");
    databases.at_destination("CREATE ROLE writer LOGIN SUPERUSER");
    let url = databases.destination_url().replace("postgres@", "writer@");
    pipeline.set("destination.connection_string", json!(url));
    let mut running = pipeline.start();
    running.wait_for("trying again");
    databases.at_destination("ALTER ROLE writer NOLOGIN");
    nothing_is_left(&databases, &running.wait(Duration::from_secs(60)));
    databases.at_destination("ALTER ROLE writer LOGIN");
    begins_after_all(&databases, &pipeline);
}

#[test]
fn where_it_was_stopped_meanwhile() {
    let (databases, pipeline) = beginning("RAISE EXCEPTION SQLSTATE '40001';");
    let mut running = pipeline.start();
    running.wait_for("trying again");
    running.signal(15);
    let ended = running.wait(Duration::from_secs(60));
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.at_source(SLOTS), ["0"]);
    begins_after_all(&databases, &pipeline);
}

#[test]
fn one_that_was_killed_in_between_is_gone_on_with() {
    let (databases, pipeline) = beginning("PERFORM pg_sleep(600);");
    let mut running = pipeline.start();
    running.wait_for("the stream's start is known");
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    wait_until("the commit is under way", || databases.at_destination(sleeping) == ["1"]);
    drop(running.kill());
    databases.at_destination(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
    );
    assert_eq!(databases.at_source(SLOTS), ["1"]);
    // What was written until the next start is in its copy, and needs no log.
    databases.at_source("INSERT INTO orders VALUES (1000, 'between')");
    begins_after_all(&databases, &pipeline);
    let ended = pipeline.run(&["teardown", "--yes"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.at_source(SLOTS), ["0"]);
}

#[test]
fn one_that_may_be_stored_is_not_removed() {
    // The connection goes while the answer is awaited: nobody knows whether it was stored.
    let deed = "PERFORM pg_terminate_backend(pg_backend_pid());";
    let (databases, mut pipeline) = beginning(deed);
    pipeline.set("error_handling.max_retries", json!(0));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("did not say whether it stored"), "{}", ended.stderr);
    assert_eq!(databases.at_source(SLOTS), ["1"]);
    pipeline.set("error_handling.max_retries", json!(3));
    begins_after_all(&databases, &pipeline);
}
