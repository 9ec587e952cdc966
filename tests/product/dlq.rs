//! `dlq`: dead letters are listed, shown and settled, by name of what they have in common.

use cartridge_warp_tests::{Databases, Ended, Pipeline, Running, rows::sqlite_query, wait_until};
use serde_json::{Value, json};

/// What a command answers, a JSON object a line.
fn answers(pipeline: &Pipeline, arguments: &[&str]) -> Vec<Value> {
    let ended = command(pipeline, arguments);
    assert!(ended.status.success(), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn command(pipeline: &Pipeline, arguments: &[&str]) -> Ended {
    let (first, rest) = arguments.split_first().unwrap();
    let all = [&["--output", "json", "dlq", first], rest].concat();
    Running::start(pipeline.command(&all)).wait(std::time::Duration::from_secs(120))
}

fn texts(letters: &[Value], key: &str) -> Vec<String> {
    letters.iter().map(|letter| letter[key].as_str().unwrap().to_owned()).collect()
}

/// Two letters of `bad`, and one of `odd` whose row has what no terminal should see.
fn fill(databases: &Databases) {
    databases.at_source(
        "CREATE TABLE bad (id int PRIMARY KEY, note text, n numeric(8, 2));
         CREATE TABLE odd (id int PRIMARY KEY, note text, n numeric(8, 2));
         INSERT INTO bad VALUES (1, 'a', 1), (2, 'b', 'NaN'), (3, 'bad', 3);
         INSERT INTO odd VALUES (1, E'\\x1b[2J', 'NaN')",
    );
    databases.at_destination(
        "CREATE TABLE bad (id int PRIMARY KEY, note text CHECK (note <> 'bad'), n numeric(8, 2))",
    );
}

fn to_postgresql() -> (Databases, Pipeline) {
    let databases = Databases::start();
    fill(&databases);
    let pipeline = databases.pipeline();
    (databases, pipeline)
}

fn to_sqlite() -> (Databases, Pipeline) {
    let databases = Databases::start();
    fill(&databases);
    let mut pipeline = databases.pipeline();
    let file = json!({"type": "sqlite", "connection_string": "./shop.db"});
    pipeline.set("destination", file);
    std::fs::write(pipeline.database(), "").unwrap();
    sqlite_query(
        &pipeline.database(),
        "CREATE TABLE bad (id INTEGER PRIMARY KEY, note TEXT CHECK (note <> 'bad'), n TEXT)",
    );
    (databases, pipeline)
}

#[test]
fn letters_are_listed_shown_and_discarded() {
    for (name, (_databases, pipeline)) in [("postgresql", to_postgresql()), ("sqlite", to_sqlite())]
    {
        assert_eq!(answers(&pipeline, &["list"]), [] as [Value; 0], "{name}: before the first run");
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(4), "{name}: {}", ended.stderr);
        let all = answers(&pipeline, &["list"]);
        let mut tables = texts(&all, "table");
        tables.sort();
        assert_eq!(tables, ["bad", "bad", "odd"], "{name}: {all:?}");
        for (filter, count) in [
            (&["--table", "bad"][..], 2),
            (&["--table", "none"], 0),
            (&["--code", "constraint"], 1),
            (&["--code", "type-conversion", "--table", "bad"], 1),
            (&["--schema", "public"], 3),
            (&["--limit", "1"], 1),
            (&["--since", "1h"], 3),
            (&["--since", "2999-01-01T00:00:00Z"], 0),
            (&["--status", "pending"], 3),
            (&["--status", "discarded"], 0),
            (&["--status", "all"], 3),
        ] {
            let found = answers(&pipeline, &[&["list"], filter].concat());
            assert_eq!(found.len(), count, "{name}: {filter:?}: {found:?}");
        }
        let constraint = &answers(&pipeline, &["list", "--code", "constraint"])[0];
        assert_eq!(constraint["status"], "pending", "{name}: {constraint}");
        assert_eq!(constraint["schema"], "public", "{name}");
        assert_eq!(constraint["row"], Value::Null, "{name}: a list has no rows");
        let id = constraint["id"].to_string();
        let shown = answers(&pipeline, &["show", &id]);
        assert!(
            shown[0]["row"].as_str().unwrap().contains("\"note\":\"bad\""),
            "{name}: {shown:?}"
        );
        for (arguments, words) in [
            (&["show", "4711"][..], "4711"),
            (&["list", "--schema", "publik"], "public"),
            (&["discard", "--reason", "x"], "--all"),
            (&["discard", &id, "4711", "--reason", "x"], "4711"),
        ] {
            let ended = command(&pipeline, arguments);
            assert_eq!(ended.status.code(), Some(2), "{name}: {arguments:?}: {}", ended.stderr);
            assert!(ended.stderr.contains("which-letters"), "{name}: {}", ended.stderr);
            assert!(ended.stderr.contains(words), "{name}: {}", ended.stderr);
        }
        let discarded = answers(&pipeline, &["discard", &id, "--reason", "it's a test"]);
        assert_eq!(discarded[0]["discarded"], 1, "{name}: {discarded:?}");
        let settled = answers(&pipeline, &["list", "--status", "discarded"]);
        assert_eq!(settled[0]["id"], constraint["id"], "{name}: {settled:?}");
        assert!(texts(&settled, "resolution")[0].ends_with(": it's a test"), "{name}: {settled:?}");
        let again = answers(&pipeline, &["discard", &id, "--reason", "y"]);
        assert_eq!(again[0]["discarded"], 0, "{name}: it is settled");
        assert_eq!(answers(&pipeline, &["discard", "--all", "--reason", "z"])[0]["discarded"], 2);
        assert_eq!(answers(&pipeline, &["list"]), [] as [Value; 0], "{name}");
        let odd = &answers(&pipeline, &["list", "--table", "odd", "--status", "all"])[0];
        let human = pipeline.run(&["dlq", "show", &odd["id"].to_string(), "--output", "human"]);
        assert!(human.status.success(), "{name}: {}", human.stderr);
        assert!(!human.stdout.contains('\u{1b}'), "{name}: {}", human.stdout);
        assert!(human.stdout.contains("[2J"), "{name}: {}", human.stdout);
    }
}

#[test]
fn a_running_pipeline_goes_on_and_sees_what_was_discarded() {
    let (databases, pipeline) = to_postgresql();
    let mut running = pipeline.start();
    running.wait_for("following changes");
    let is_degraded = || running.get("/health").contains("\"status\":\"degraded\"");
    wait_until("letters are open", is_degraded);
    assert_eq!(answers(&pipeline, &["discard", "--all", "--reason", "x"])[0]["discarded"], 3);
    wait_until("none is open", || !is_degraded());
    databases.at_source("INSERT INTO bad VALUES (9, 'i', 9)");
    wait_until("it goes on", || {
        databases.at_destination("SELECT count(*) FROM bad WHERE id = 9") == ["1"]
    });
    // Open letters are known at the next start.
    databases.at_source("INSERT INTO bad VALUES (10, 'bad', 9)");
    wait_until("one is open", is_degraded);
    drop(running);
    let mut running = pipeline.start();
    running.wait_for("following changes");
    wait_until("and is known", || running.get("/health").contains("\"dead_letters\":{\"bad\":1}"));
}

#[test]
fn killed_at_any_moment_each_letter_is_open_or_discarded() {
    let pipeline = Pipeline::evil("dead-letter-flood");
    assert_eq!(pipeline.catch_up().status.code(), Some(4));
    let count = |condition: &str| {
        let letters = "cartridge_warp_metadata_dead_letter_queue";
        let sql = format!("SELECT count(*) AS n FROM {letters} WHERE {condition}");
        sqlite_query(&pipeline.database(), &sql)[0]["n"].as_u64().unwrap()
    };
    let mut random = fastrand::Rng::with_seed(0xD1C);
    let arguments = ["dlq", "discard", "--all", "--reason", "killed"];
    for _ in 0..10 {
        let running = Running::start(pipeline.command(&arguments));
        std::thread::sleep(std::time::Duration::from_millis(random.u64(0..1500)));
        running.kill();
        let (open, settled) = (
            count("status = 'pending' AND resolution IS NULL"),
            count("status = 'discarded' AND resolution LIKE '%: killed'"),
        );
        assert_eq!(open + settled, 20_000);
    }
    let ended = pipeline.run(&arguments);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(count("status = 'discarded' AND resolution LIKE '%: killed'"), 20_000);
}

#[test]
fn a_destination_without_readable_letters_says_so() {
    let mut pipeline = Pipeline::new();
    pipeline.write("items.ndjson", "{\"id\":1}\n{\"id\":\n");
    pipeline.set("destination", json!({"type": "files", "connection_string": "./out"}));
    pipeline.set("schemas.0.tables", json!([{"name": "items", "write_mode": "append"}]));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(4), "{}", ended.stderr);
    for arguments in [&["list"][..], &["discard", "--all", "--reason", "x"]] {
        let ended = command(&pipeline, arguments);
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains("no-letters"), "{}", ended.stderr);
    }
}
