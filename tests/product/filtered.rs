//! Only rows that fulfil `where` are at the destination, whatever becomes of them and whenever the run is killed.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread::{scope, sleep},
    time::Duration,
};

use cartridge_warp_tests::{Databases, Pipeline, wait_until};
use serde_json::{Value, json};

/// The condition, as we write it and as the server understands it.
const EU: &str = "region = 'EU' AND n >= 10 AND tag LIKE 'k%'";
const US: &str = "(region IN ('US') OR n IS NULL) AND NOT tag LIKE 'x%'";

/// A table with two values that are stored out of line, of which the condition asks about one.
const PEOPLE: &str = "
    CREATE TABLE people (id int PRIMARY KEY, region text, n numeric(10, 2), tag text, large text);
    ALTER TABLE people ALTER tag SET STORAGE EXTERNAL, ALTER large SET STORAGE EXTERNAL;
    CREATE TABLE others (id int PRIMARY KEY, large text);
    INSERT INTO others SELECT i, 'x' FROM generate_series(1, 10) i;
    INSERT INTO people SELECT i, CASE WHEN i % 3 = 0 THEN 'US' WHEN i % 3 = 1 THEN 'EU' END, i % 20,
        CASE WHEN i % 5 = 0 THEN 'x' ELSE 'k' END || repeat(md5(i::text), 80), repeat(md5(i::text), 90)
    FROM generate_series(1, 3000) i";

fn people(condition: &str) -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(PEOPLE);
    let mut pipeline = databases.pipeline();
    filter(&mut pipeline, condition);
    (databases, pipeline)
}

fn filter(pipeline: &mut Pipeline, condition: &str) {
    let rules = json!([{"name": "people", "where": condition}]);
    pipeline.set("schemas.0.tables", rules);
}

/// What differs between the rows of the source that are meant and those of the destination.
fn difference(databases: &Databases, condition: &str) -> Option<String> {
    let rows = |condition: &str| {
        format!(
            "SELECT id, region, n, md5(tag), md5(large) FROM people WHERE {condition} ORDER BY id"
        )
    };
    let expected = databases.at_source(&rows(condition));
    let found = databases.at_destination(&rows("true"));
    let lacks = expected.iter().find(|row| !found.contains(row)).map(|row| format!("lacks {row}"));
    let more = || found.iter().find(|row| !expected.contains(row)).map(|row| format!("has {row}"));
    lacks.or_else(more)
}

/// Rows enter and leave the condition by what is sent of them and what is not, and change their keys.
fn change(databases: &Databases, round: usize) {
    let (one, other) = (round * 7 % 100, round * 13 % 100);
    databases.at_source(&format!(
        "UPDATE people SET region = CASE region WHEN 'EU' THEN 'US' ELSE 'EU' END WHERE id % 100 = {one};
         UPDATE people SET n = n + 5 WHERE id % 100 = {other};
         UPDATE people SET n = CASE WHEN n IS NULL THEN 11 END WHERE id % 90 = {other};
         UPDATE people SET tag = CASE left(tag, 1) WHEN 'k' THEN 'x' ELSE 'k' END || tag WHERE id % 110 = {one};
         DELETE FROM people WHERE id % 700 = {other};
         UPDATE people SET id = id + 1000000 WHERE id % 500 = {one} AND id BETWEEN 1 AND 999999;
         INSERT INTO people SELECT -id, 'EU', n, tag, large FROM people WHERE id % 300 = {other} AND id > 0
             ON CONFLICT DO NOTHING;
         UPDATE others SET large = {round}"
    ));
}

fn verified(pipeline: &Pipeline, code: i32) -> Value {
    let ended = pipeline.run(&["--output", "json", "verify", "--table", "people"]);
    assert_eq!(ended.status.code(), Some(code), "{}{}", ended.stdout, ended.stderr);
    serde_json::from_str(ended.stdout.lines().next().unwrap()).unwrap()
}

fn no_letters(pipeline: &Pipeline) {
    let letters = pipeline.run(&["--output", "json", "dlq", "list"]);
    assert_eq!(letters.stdout, "", "{}", letters.stderr);
}

#[test]
fn rows_come_and_go_with_the_condition_however_often_the_run_is_killed() {
    let (databases, pipeline) = people(EU);
    let over = AtomicBool::new(false);
    let mut running = pipeline.start();
    let running = scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                change(&databases, round);
            }
        });
        for kill in 1..=4_u64 {
            sleep(Duration::from_millis(700 * kill));
            running.kill();
            running = pipeline.start();
        }
        running.wait_for("following changes");
        sleep(Duration::from_secs(2));
        over.store(true, Ordering::Relaxed);
        running
    });
    wait_until("the rows are those", || difference(&databases, EU).is_none());
    databases.at_source(
        "TRUNCATE people; INSERT INTO people VALUES (1, 'EU', 10, 'k', ''), (2, 'US', 10, 'k', '')",
    );
    wait_until("the rows are those", || difference(&databases, EU).is_none());
    assert_eq!(databases.at_destination("SELECT id FROM people"), ["1"]);
    drop(running);
    no_letters(&pipeline);
}

#[test]
fn another_condition_copies_the_table_again_and_verify_knows_it() {
    let (databases, mut pipeline) = people(EU);
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(difference(&databases, EU), None);
    let rows = verified(&pipeline, 0);
    assert_eq!(rows["source_rows"], rows["destination_rows"], "{rows}");
    change(&databases, 3);
    assert_eq!(verified(&pipeline, 0)["missing"], 0, "what is in flight is no drift");
    filter(&mut pipeline, US);
    let ended = pipeline.catch_up();
    let change = format!("its rows were those where {EU} and are those where {US}");
    assert!(ended.stderr.contains(&change), "{}", ended.stderr);
    assert_eq!(difference(&databases, US), None);
    filter(&mut pipeline, &US.replace(" OR ", "  or "));
    let ended = pipeline.catch_up();
    assert!(!ended.stderr.contains("copied by other rules"), "{}", ended.stderr);
    // A row that is at the source, but is none of these.
    databases.at_source("INSERT INTO people VALUES (-7, 'EU', 1, 'k', '')");
    assert!(pipeline.catch_up().status.success());
    databases.at_destination("INSERT INTO people VALUES (-7, 'EU', 1, 'k', '')");
    assert_eq!(verified(&pipeline, 6)["extra"], 1);
    let repaired = pipeline.run(&["verify", "--table", "people", "--repair"]);
    assert!(repaired.status.success(), "{}{}", repaired.stdout, repaired.stderr);
    assert_eq!(difference(&databases, US), None);
    no_letters(&pipeline);
}

#[test]
fn a_copy_beside_the_stream_keeps_to_the_condition() {
    let (databases, mut pipeline) = people(EU);
    assert!(pipeline.catch_up().status.success());
    pipeline.set("schemas.0.limits", json!({"rows_per_second": 600}));
    databases.at_destination("INSERT INTO people VALUES (-7, 'EU', 10, 'k', 'left over')");
    let mut running =
        cartridge_warp_tests::Running::start(pipeline.command(&["run", "--full-resync=people"]));
    running.wait_for("the other tables are followed meanwhile");
    for round in 0..20 {
        change(&databases, round);
    }
    running.wait_for("snapshot complete");
    wait_until("the rows are those", || difference(&databases, EU).is_none());
    no_letters(&pipeline);
}

#[test]
fn a_condition_that_makes_no_sense_is_found_by_check_and_one_that_loses_its_column_parks_the_table()
{
    let (databases, mut pipeline) = people("regoin = 'EU'");
    let check = pipeline.run(&["check"]);
    assert_eq!(check.status.code(), Some(2), "{}", check.stderr);
    let words = check.words();
    assert!(words.contains("`where` asks about `regoin`, which it does not have"), "{words}");
    assert!(words.contains("did you mean `region`?"), "{words}");
    filter(&mut pipeline, "n LIKE '1%'");
    let ended = pipeline.catch_up();
    assert!(!ended.status.success(), "{}", ended.stderr);
    assert!(ended.words().contains("LIKE is for columns of text"), "{}", ended.stderr);
    filter(&mut pipeline, EU);
    assert!(pipeline.catch_up().status.success());
    let mut running = pipeline.start();
    running.wait_for("following changes");
    databases.at_source("ALTER TABLE people RENAME region TO area; UPDATE people SET n = n + 1");
    running.wait_for("`where` asks about `region`, which is called `area` now");
    databases.at_source("UPDATE others SET large = 'y'");
    let others = || databases.at_destination("SELECT DISTINCT large FROM others");
    wait_until("the others go on", || others() == ["y"]);
    running.signal(15);
    assert!(running.wait(Duration::from_secs(30)).status.success());
    filter(&mut pipeline, &EU.replace("region", "area"));
    assert!(pipeline.run(&["resume", "people"]).status.success());
    assert!(pipeline.catch_up().status.success());
    let renamed = EU.replace("region", "area");
    let renamed = format!("SELECT id, area, n FROM people WHERE {renamed} ORDER BY id");
    assert_eq!(
        databases.at_destination("SELECT id, area, n FROM people ORDER BY id"),
        databases.at_source(&renamed)
    );
}
