//! Tables are copied while the others are followed: none waits for the copy of another, and nothing is lost or doubled.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread::{scope, sleep},
    time::Duration,
};

use cartridge_warp_tests::{Databases, Pipeline, Running, wait_until};
use serde_json::json;

/// Whether the new copy of `big` is under way.
const UNDER_WAY: &str = "SELECT 1 FROM pg_tables WHERE tablename = '_cartridge_keys_big'";

/// A table with rows, each with a value that is stored out of line.
fn big(rows: usize) -> String {
    format!(
        "CREATE TABLE big (id int PRIMARY KEY, n int, large text);
         ALTER TABLE big ALTER large SET STORAGE EXTERNAL;
         INSERT INTO big SELECT i, 0, repeat(md5(i::text), 80) FROM generate_series(1, {rows}) i"
    )
}

/// A copy of `small`; from now on so many rows are copied in a second.
fn copied(sql: &str, rows_per_second: u32) -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source("CREATE TABLE small (id int PRIMARY KEY); INSERT INTO small VALUES (0)");
    databases.at_source(sql);
    let mut pipeline = databases.pipeline();
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let big = json!({"name": "big", "full_load_batch_size": 100, "max_parallel_streams": 2});
    pipeline.set("schemas.0.tables", json!([big]));
    pipeline.set("schemas.0.limits", json!({"rows_per_second": rows_per_second}));
    (databases, pipeline)
}

#[test]
fn what_is_copied_again_holds_up_no_other_table() {
    let (databases, pipeline) = copied(&big(3000), 200);
    let mut running = Running::start(pipeline.command(&["run", "--full-resync=big"]));
    wait_until("it is copied again", || !databases.at_destination(UNDER_WAY).is_empty());
    for id in 1..=3 {
        databases.at_source(&format!("INSERT INTO small VALUES ({id})"));
        let arrived = format!("SELECT 1 FROM small WHERE id = {id}");
        wait_until("the other one goes on", || !databases.at_destination(&arrived).is_empty());
        assert!(!databases.at_destination(UNDER_WAY).is_empty(), "the copy was awaited");
    }
    running.wait_for("snapshot complete");
    wait_until("both are equal", || databases.difference().is_none());
}

/// Rows change, move within the table, lose and change their keys, and keep what is stored out of line.
fn change(databases: &Databases, round: usize) {
    let (one, other) = (round * 7 % 100, round * 13 % 100);
    databases.at_source(&format!(
        "UPDATE big SET n = n + 1 WHERE id % 100 = {one};
         DELETE FROM big WHERE id % 1000 = {other};
         UPDATE big SET id = id + 1000000 WHERE id % 500 = {one} AND id BETWEEN 1 AND 999999;
         INSERT INTO big SELECT -id, {round}, large FROM big WHERE id % 700 = {other} AND id BETWEEN 1 AND 999999
             ON CONFLICT DO NOTHING;
         UPDATE big SET large = 'short ' || {round} WHERE id % 300 = {other};
         INSERT INTO small VALUES (100 + {round});"
    ));
}

/// Rows change until the copy of `big`, which is under way, is through, while the run is killed again and again.
fn change_and_kill(databases: &Databases, pipeline: &Pipeline, mut running: Running) {
    let over = AtomicBool::new(false);
    scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                change(databases, round);
                if round % 10 == 9 {
                    databases.at_source("VACUUM big");
                }
            }
        });
        for kill in 1..=4_u64 {
            sleep(Duration::from_millis(900 * kill));
            running.kill();
            running = pipeline.start();
        }
        running.wait_for("following changes");
        over.store(true, Ordering::Relaxed);
        wait_until("both are equal", || databases.difference().is_none());
    });
    no_letters(pipeline);
}

fn no_letters(pipeline: &Pipeline) {
    let letters = pipeline.run(&["--output", "json", "dlq", "list"]);
    assert_eq!(letters.stdout, "", "{}", letters.stderr);
}

#[test]
fn nothing_is_lost_or_doubled_by_a_copy_over_old_rows_however_often_it_is_killed() {
    let (databases, pipeline) = copied(&big(20_000), 1500);
    // Left over, and spoilt: gone in the end.
    databases.at_destination("INSERT INTO big VALUES (-1000000, 0, 'x'); UPDATE big SET n = -1");
    let running = Running::start(pipeline.command(&["run", "--full-resync=big"]));
    wait_until("it is copied again", || !databases.at_destination(UNDER_WAY).is_empty());
    change_and_kill(&databases, &pipeline, running);
    assert!(databases.at_destination(UNDER_WAY).is_empty(), "the keys are left");
}

#[test]
fn nothing_is_lost_or_doubled_by_the_copy_of_a_new_table_however_often_it_is_killed() {
    let (databases, pipeline) = copied("SELECT 1", 1500);
    databases.at_source(&big(20_000));
    let running = pipeline.start();
    let is_begun = "SELECT 1 FROM big LIMIT 1";
    wait_until("it is copied", || {
        databases.try_at_destination(is_begun).is_some_and(|rows| !rows.is_empty())
    });
    change_and_kill(&databases, &pipeline, running);
}

/// No key is noted of what is emptied.
#[test]
fn a_table_is_emptied_at_the_source_while_it_is_copied() {
    let (databases, pipeline) = copied(&big(3000), 500);
    let _running = Running::start(pipeline.command(&["run", "--full-resync=big"]));
    wait_until("it is copied again", || !databases.at_destination(UNDER_WAY).is_empty());
    databases.at_source("TRUNCATE big; INSERT INTO big VALUES (1, 1, 'after'), (2, 2, 'gone')");
    databases.at_source("DELETE FROM big WHERE id = 2; INSERT INTO small VALUES (1)");
    wait_until("both are equal", || databases.difference().is_none());
    wait_until("its copy ends", || databases.at_destination(UNDER_WAY).is_empty());
    assert_eq!(databases.difference(), None);
    no_letters(&pipeline);
}

/// Its readers find out before the stream does: that is no matter of the others.
#[test]
fn a_table_that_loses_its_key_while_it_is_copied_is_parked() {
    let (databases, pipeline) = copied(&big(3000), 300);
    let mut running = Running::start(pipeline.command(&["run", "--full-resync=big"]));
    running.wait_for("the other tables are followed meanwhile");
    databases.at_source("ALTER TABLE big DROP CONSTRAINT big_pkey");
    wait_until("it is parked", || {
        let status = pipeline.run(&["--output", "human", "status"]).stdout;
        assert!(!status.contains("nobody runs it"), "{}", running.stderr());
        status.contains("big: parked")
    });
    databases.at_source("INSERT INTO small VALUES (1)");
    wait_until("the other one goes on", || databases.difference_of("small").is_none());
}

/// What a change of it leaves out is looked up, also of one that is newer than the run.
#[test]
fn a_row_is_whole_that_the_copy_has_not_come_to() {
    let (databases, pipeline) = copied("SELECT 1", 200);
    databases.at_source(&big(3000));
    let _running = pipeline.start();
    let count = || databases.try_at_destination("SELECT count(*) FROM big").unwrap_or_default();
    wait_until("it is copied", || count().first().is_some_and(|count| count != "0"));
    for id in 2990..2994 {
        databases.at_source(&format!("UPDATE big SET n = 7 WHERE id = {id}"));
        let row = format!("SELECT n, length(large) FROM big WHERE id = {id}");
        wait_until("it is there", || databases.at_destination(&row) == ["7|2560"]);
    }
    let count: usize = count()[0].parse().unwrap();
    assert!(count < 3000, "the copy is over");
    no_letters(&pipeline);
}
