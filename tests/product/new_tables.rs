//! Tables that the source has only since the first run, and tables that are followed without a copy.

use cartridge_warp_tests::{
    Databases, Pipeline,
    rows::{sqlite_count, sqlite_count_live, sqlite_query},
    wait_until,
};
use serde_json::json;

/// A pipeline that has copied its one table, and a table `late` that came after that, with two rows.
fn begun(on_new_table: &str) -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source("CREATE TABLE old (id int PRIMARY KEY); INSERT INTO old VALUES (1)");
    let mut pipeline = databases.pipeline();
    pipeline.set("source.options", json!({"table_check_seconds": 1}));
    pipeline.set("schemas.0.on_new_table", json!(on_new_table));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "the first run takes all tables: {}", ended.stderr);
    databases.at_source(
        "CREATE TABLE late (id int PRIMARY KEY, note text); INSERT INTO late VALUES (1, 'a'), (2, 'b')",
    );
    (databases, pipeline)
}

fn catch_up(pipeline: &Pipeline) {
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
}

fn is_at_destination(databases: &Databases, table: &str) -> bool {
    databases.at_destination(&format!("SELECT to_regclass('{table}') IS NOT NULL")) == ["t"]
}

#[test]
fn they_are_copied_by_default_or_followed_without_a_copy() {
    for (on_new_table, late, live) in
        [("copy", ["1|a", "2|c", "3|d"].as_slice(), "6"), ("log-only", &["2|c", "3|d"], "3")]
    {
        let (databases, pipeline) = begun(on_new_table);
        catch_up(&pipeline);
        databases
            .at_source("UPDATE late SET note = 'c' WHERE id = 2; INSERT INTO late VALUES (3, 'd')");
        catch_up(&pipeline);
        let rows = databases.at_destination("SELECT id || '|' || note FROM late ORDER BY id");
        assert_eq!(rows, late, "{on_new_table}");
        let mut running = pipeline.start();
        running.wait_for("following changes");
        databases
            .at_source("CREATE TABLE live (id int PRIMARY KEY); INSERT INTO live VALUES (1), (2)");
        wait_until("it is made", || is_at_destination(&databases, "live"));
        databases.at_source("INSERT INTO live VALUES (3)");
        wait_until("it is followed", || {
            databases.at_destination("SELECT sum(id) FROM live") == [live]
        });
    }
}

#[test]
fn they_are_left_out_until_somebody_names_them() {
    let (databases, mut pipeline) = begun("ignore");
    let mut running = pipeline.start();
    running.wait_for("following changes");
    databases.at_source(
        "CREATE TABLE live (id int PRIMARY KEY); INSERT INTO live VALUES (1);
         INSERT INTO old VALUES (2)",
    );
    running.wait_for("\"tables\":\"late, live\"");
    databases.at_source(
        "ALTER TABLE live ADD more int; INSERT INTO live VALUES (2, 2);
         ALTER TABLE late ADD more int; INSERT INTO late VALUES (3, 'c', 3); INSERT INTO old VALUES (3)",
    );
    wait_until("the others go on", || {
        databases.at_destination("SELECT count(*) FROM old") == ["3"]
    });
    running.signal(15);
    let ended = running.wait(std::time::Duration::from_secs(60));
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("trying again").count(), 1, "once a table: {}", ended.stderr);
    assert!(!is_at_destination(&databases, "late") && !is_at_destination(&databases, "live"));

    pipeline.set("schemas.0.tables", json!([{"name": "late"}]));
    catch_up(&pipeline);
    assert_eq!(databases.at_destination("SELECT sum(id) FROM late"), ["6"]);
    assert!(!is_at_destination(&databases, "live"), "nobody named it");

    databases.at_source("UPDATE late SET more = id; DELETE FROM live WHERE id = 1");
    pipeline.set("schemas.0.on_new_table", json!("copy"));
    catch_up(&pipeline);
    assert_eq!(databases.difference(), None);
    // What is followed once is no new table, also when it was gone and came back.
    pipeline.set("schemas.0.tables", json!([]));
    pipeline.set("schemas.0.on_new_table", json!("ignore"));
    databases.at_source("INSERT INTO live VALUES (7, 7)");
    catch_up(&pipeline);
    assert_eq!(databases.difference(), None);
}

/// The files source announces a table in the stream itself.
#[test]
fn what_the_stream_announces_is_left_out_or_stops() {
    for on_new_table in ["ignore", "stop"] {
        let mut pipeline = Pipeline::new();
        pipeline.set("schemas.0.on_new_table", json!(on_new_table));
        std::fs::create_dir_all(pipeline.path("data/shop")).unwrap();
        pipeline.append("old.ndjson", "{\"id\":1}\n");
        catch_up(&pipeline);
        let mut running = pipeline.start();
        running.wait_for("following changes");
        pipeline.append("late.ndjson", "{\"id\":1}\n{\"id\":2}\n");
        if on_new_table == "stop" {
            let ended = running.wait(std::time::Duration::from_secs(60));
            assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
            assert!(ended.words().contains("has a new table, `late`"), "{}", ended.stderr);
        } else {
            running.wait_for("left out (`on_new_table: ignore`)");
            pipeline.append("late.ndjson", "{\"id\":3,\"more\":true}\n");
            pipeline.append("old.ndjson", "{\"id\":2}\n");
            wait_until("the other goes on", || {
                sqlite_count_live(&pipeline.database(), "old") == Some(2)
            });
            drop(running);
        }
        let tables = "SELECT name FROM sqlite_master WHERE name = 'late'";
        assert!(sqlite_query(&pipeline.database(), tables).is_empty(), "{on_new_table}");
        pipeline.set("schemas.0.tables", json!([{"name": "late"}]));
        catch_up(&pipeline);
        let rows = if on_new_table == "stop" { 2 } else { 3 };
        assert_eq!(sqlite_count(&pipeline.database(), "late"), rows, "{on_new_table}");
    }
}

#[test]
fn a_table_that_the_lists_select_by_now_was_chosen() {
    let (databases, mut pipeline) = begun("ignore");
    pipeline.set("schemas.0.table_blacklist", json!(["late"]));
    catch_up(&pipeline);
    pipeline.set("schemas.0.table_blacklist", json!([]));
    catch_up(&pipeline);
    assert_eq!(databases.difference(), None);
}

#[test]
fn they_stop_the_schema_before_their_first_row() {
    let (databases, mut pipeline) = begun("stop");
    databases.at_source("INSERT INTO old VALUES (2)");
    let words = "schema `public` has a new table, `late`, and `on_new_table` is `stop`";
    for arguments in [["run", "--until-caught-up"].as_slice(), &["check"], &["run", "--dry-run"]] {
        let ended = pipeline.run(arguments);
        assert!(!ended.status.success(), "{arguments:?}");
        let said = format!("{} {}", ended.words(), ended.stdout);
        assert!(said.contains(words) && said.contains("new-table"), "{arguments:?}: {said}");
    }
    assert_eq!(databases.at_destination("SELECT count(*) FROM old"), ["1"]);
    pipeline.set("schemas.0.tables", json!([{"name": "late"}]));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    databases.at_source("CREATE TABLE live (id int PRIMARY KEY); INSERT INTO live VALUES (1)");
    let ended = running.wait(std::time::Duration::from_secs(60));
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(ended.words().contains("has a new table, `live`"), "{}", ended.stderr);
    pipeline.set("schemas.0.table_blacklist", json!(["live"]));
    databases.at_source("UPDATE late SET note = 'z'");
    catch_up(&pipeline);
    assert!(!is_at_destination(&databases, "live"));
    assert_eq!(databases.at_destination("SELECT count(*) FROM late WHERE note = 'z'"), ["2"]);
}

#[test]
fn a_table_may_be_followed_without_a_copy_and_copied_later() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE big (id int PRIMARY KEY, note text); INSERT INTO big VALUES (1, 'a'), (2, 'b');
         CREATE TABLE small (id int PRIMARY KEY); INSERT INTO small VALUES (1)",
    );
    let mut pipeline = databases.pipeline();
    pipeline.set("schemas.0.tables", json!([{"name": "big", "initial_copy": "none"}]));
    catch_up(&pipeline);
    databases.at_source("UPDATE big SET note = 'c' WHERE id = 2; INSERT INTO big VALUES (3, 'd')");
    databases.at_source("DELETE FROM big WHERE id = 1; INSERT INTO small VALUES (2)");
    databases.at_source("INSERT INTO big SELECT n, 'e' FROM generate_series(10, 20) n");
    catch_up(&pipeline);
    let big = databases.at_destination("SELECT id || '|' || note FROM big ORDER BY id LIMIT 3");
    assert_eq!(big, ["2|c", "3|d", "10|e"], "what changes comes with its change");
    assert_eq!(databases.at_destination("SELECT count(*) FROM small"), ["2"]);
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=big"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference(), None);
}
