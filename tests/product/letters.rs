//! Open dead letters are seen, limited by table, and settled by a new copy.

use cartridge_warp_tests::{Databases, Running, rows::sqlite_query, wait_until};
use serde_json::{Value, json};

/// Dead letters at the destination with their states, in order.
fn letters(databases: &Databases) -> Vec<String> {
    databases.at_destination(
        "SELECT table_name || ' ' || status FROM cartridge_warp_metadata.dead_letter_queue
         ORDER BY id",
    )
}

/// A number that is none is refused by the source's side, a note that is `bad` by the destination.
fn databases() -> Databases {
    let databases = Databases::start();
    let tables = "CREATE TABLE good (id int PRIMARY KEY, note text, n numeric(8, 2));
                  CREATE TABLE bad (id int PRIMARY KEY, note text, n numeric(8, 2))";
    databases.at_source(tables);
    databases.at_destination(tables);
    databases.at_destination("ALTER TABLE bad ADD CHECK (note <> 'bad')");
    databases.at_source("INSERT INTO good VALUES (1, 'a', 1); INSERT INTO bad VALUES (1, 'a', 1)");
    databases
}

fn metric(running: &Running, name: &str) -> String {
    let series = format!("cartridge_warp_{name}{{database=\"\",schema=\"public\",table=\"bad\"}} ");
    let metrics = running.get("/metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&series).map(str::to_owned));
    line.unwrap_or_else(|| format!("no {series} in {metrics}"))
}

#[test]
fn open_letters_are_seen_until_a_new_copy_settles_them() {
    let databases = databases();
    let pipeline = databases.pipeline();
    let mut running = pipeline.start();
    running.wait_for("following changes");
    assert!(running.get("/health").contains("\"status\":\"ok\""));
    databases.at_source("INSERT INTO bad VALUES (2, 'b', 'NaN'), (3, 'bad', 3), (4, 'd', 4)");
    wait_until("two rows are letters", || letters(&databases).len() == 2);
    wait_until("they are counted", || metric(&running, "dead_letters_open") == "2");
    assert_eq!(metric(&running, "dead_letters_total"), "2");
    let health = running.get("/health");
    for words in ["200 OK", "\"status\":\"degraded\"", "\"dead_letters\":{\"bad\":2}"] {
        assert!(health.contains(words), "no {words:?} in {health}");
    }
    running.signal(15);
    running.wait(std::time::Duration::from_secs(60));
    databases
        .at_source("UPDATE bad SET n = 2 WHERE id = 2; UPDATE bad SET note = 'c' WHERE id = 3");
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=bad"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(letters(&databases), ["bad resolved", "bad resolved"]);
    assert_eq!(databases.difference(), None);
}

#[test]
fn a_line_tells_of_all_rows_that_are_refused_for_one_reason() {
    let databases = databases();
    databases.at_source(
        "INSERT INTO bad SELECT i, 'x', 'NaN' FROM generate_series(100, 299) AS i;
         INSERT INTO bad SELECT i, 'bad', 1 FROM generate_series(300, 499) AS i",
    );
    let ended = databases.pipeline().catch_up();
    assert_eq!(ended.status.code(), Some(4), "{}", ended.stderr);
    for (words, rows) in [("rows go to the dead letters", 200), ("refused rows", 200)] {
        let lines: Vec<Value> = ended
            .stderr
            .lines()
            .filter(|line| line.contains(words))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(lines.len() < 10, "{words}: {}", ended.stderr);
        let told: u64 = lines.iter().map(|line| line["rows"].as_u64().unwrap()).sum();
        assert_eq!(told, rows, "{words}: {}", ended.stderr);
        assert!(lines.iter().all(|line| line["table"] == "bad"), "{}", ended.stderr);
    }
}

#[test]
fn a_table_with_more_open_letters_than_allowed_is_parked() {
    let limits = [
        ("everywhere", "error_handling.dead_letter_limit", json!(2)),
        ("of the schema", "schemas.0.dead_letter_limit", json!(2)),
        ("of the table", "schemas.0.tables", json!([{"name": "bad", "dead_letter_limit": 2}])),
    ];
    // What the source refuses is not committed beyond the limit; the destination's word comes late.
    let refused = [("n = 'NaN'", 2), ("note = 'bad'", 5)];
    for ((name, key, limit), (what, kept)) in
        limits.into_iter().flat_map(|limit| refused.map(|refused| (limit.clone(), refused)))
    {
        let name = format!("{name}: {what}");
        let databases = databases();
        let mut pipeline = databases.pipeline();
        pipeline.set("error_handling.dead_letter_limit", json!(1_000_000));
        pipeline.set(key, limit);
        assert!(pipeline.catch_up().status.success(), "{name}");
        let insert = |ids: std::ops::RangeInclusive<u32>| {
            let (from, to) = ids.into_inner();
            databases.at_source(&format!(
                "INSERT INTO bad SELECT i, 'x', 1 FROM generate_series({from}, {to}) AS i;
                 UPDATE bad SET {what} WHERE id BETWEEN {from} AND {to}"
            ));
        };
        insert(2..=3);
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(4), "{name}: {}", ended.stderr);
        insert(4..=6);
        databases.at_source("INSERT INTO good VALUES (2, 'b', 2)");
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(3), "{name}: {}", ended.stderr);
        for words in ["bad: parked since", "dead-letter-limit", "open dead letters, 2 are allowed"]
        {
            let said = [ended.stdout.as_str(), &ended.stderr].concat();
            assert!(said.contains(words), "{name}: no {words:?} in {said}");
        }
        // What is not kept cannot be listed.
        let said = [ended.stdout.as_str(), &ended.stderr].concat();
        let words = "3 of them came with a commit that was not made";
        assert_eq!(said.contains(words), what.contains("NaN"), "{name}: {said}");
        assert_eq!(
            said.contains("(type-conversion): column n"),
            what.contains("NaN"),
            "{name}: {said}"
        );
        assert_eq!(letters(&databases), vec!["bad pending"; kept], "{name}");
        let good = databases.at_destination("SELECT id FROM good ORDER BY id");
        assert_eq!(good, ["1", "2"], "{name}");
        databases.at_source("UPDATE bad SET n = 1, note = 'x'");
        let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=bad"]);
        assert!(ended.status.success(), "{name}: {}", ended.stderr);
        assert_eq!(letters(&databases), vec!["bad resolved"; kept], "{name}");
        assert_eq!(databases.difference(), None, "{name}");
    }
}

/// A share of the rows of one run, judged once there are enough of them.
#[test]
fn a_table_with_a_larger_share_of_bad_rows_than_allowed_is_parked() {
    // Rows of a run, how many are bad, and how it ends.
    let runs =
        [("the first row is bad", 1, 1, 4), ("just the share", 30, 3, 4), ("more", 30, 4, 3)];
    for what in ["n = 'NaN'", "note = 'bad'"] {
        let databases = databases();
        let mut pipeline = databases.pipeline();
        pipeline.set("error_handling.dead_letter_limit", json!("10% of 20"));
        assert!(pipeline.catch_up().status.success(), "{what}");
        let mut last = 1;
        for (name, rows, bad, code) in runs {
            let from = last + 1;
            last += rows;
            databases.at_source(&format!(
                "BEGIN; CREATE TEMPORARY TABLE made AS SELECT i AS id, 'x' AS note, 1::numeric(8, 2) AS n
                     FROM generate_series({from}, {last}) AS i;
                 UPDATE made SET {what} WHERE id < {from} + {bad};
                 INSERT INTO bad SELECT * FROM made; DROP TABLE made; COMMIT"
            ));
            let ended = pipeline.catch_up();
            let said = [ended.stdout.as_str(), &ended.stderr].concat();
            assert_eq!(ended.status.code(), Some(code), "{what}, {name}: {said}");
            let words = "bad` has 4 dead letters among 30 rows of this run, 10% of 20 are allowed";
            assert_eq!(said.contains(words), code == 3, "{what}, {name}: {said}");
        }
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(3), "{what}: it stays parked: {}", ended.stderr);
        databases.at_source("UPDATE bad SET n = 1, note = 'x'");
        let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=bad"]);
        assert!(ended.status.success(), "{what}: {}", ended.stderr);
        assert_eq!(databases.difference(), None, "{what}");
    }
}

/// An update does not say values that are kept out of line and did not change. Where the row is among the
/// dead letters they are nowhere, so the update is no row either.
#[test]
fn an_update_that_leaves_values_out_makes_no_row_of_a_dead_letter() {
    // As statements, as arrays, and through a staging table.
    for (rows, to_sqlite) in [(1, false), (20, false), (3300, false), (1, true), (20, true)] {
        let name = format!("{rows} rows, to SQLite: {to_sqlite}");
        let databases = Databases::start();
        let table = |checked: &str| {
            format!("CREATE TABLE big (id int PRIMARY KEY, small text {checked}, large text)")
        };
        databases.at_source(&table(""));
        databases.at_source("ALTER TABLE big ALTER large SET STORAGE EXTERNAL");
        let mut pipeline = databases.pipeline();
        let checked = table("CHECK (small <> 'bad')");
        if to_sqlite {
            let file = json!({"type": "sqlite", "connection_string": "./shop.db"});
            pipeline.set("destination", file);
            std::fs::write(pipeline.database(), "").unwrap();
            sqlite_query(&pipeline.database(), &checked.replace("id int", "id INTEGER"));
        } else {
            databases.at_destination(&checked);
        }
        let count = |condition: &str| {
            let sql = format!("SELECT count(*) AS n FROM big WHERE {condition}");
            match to_sqlite {
                true => sqlite_query(&pipeline.database(), &sql)[0]["n"].to_string(),
                false => databases.at_destination(&sql)[0].clone(),
            }
        };
        // What a run finds in the log when it starts is looked up; this comes later.
        let mut running = pipeline.start();
        running.wait_for("following changes");
        let open = |running: &Running| {
            let metrics = running.get("/metrics");
            let series = "dead_letters_open{database=\"\",schema=\"public\",table=\"big\"} ";
            let found = metrics.split(series).nth(1).and_then(|rest| rest.lines().next());
            found.map_or_else(String::new, str::to_owned)
        };
        let bad = (1..=rows).filter(|row| row % 400 == 1).count();
        databases.at_source(&format!(
            "INSERT INTO big SELECT i, CASE i % 400 WHEN 1 THEN 'bad' ELSE 'new' END, repeat('x', 3000)
             FROM generate_series(1, {rows}) AS i"
        ));
        wait_until("bad rows are letters", || open(&running) == bad.to_string());
        databases.at_source("UPDATE big SET small = 'good'");
        databases.at_source("INSERT INTO big VALUES (0, 'last', NULL)");
        // SQLite is not looked into while it is written to.
        wait_until("the updates arrived", || {
            let committed = running.get("/metrics");
            let series = "records_processed_total{database=\"\",operation=\"insert\",schema=\"public\",table=\"big\"} ";
            let found = committed.split(series).nth(1).and_then(|rest| rest.lines().next());
            found.is_some_and(|found| found == (rows + 1).to_string())
        });
        let missing = open(&running);
        running.signal(15);
        let ended = running.wait(std::time::Duration::from_secs(60));
        assert_eq!(count("large IS NULL AND id > 0"), "0", "{name}: {}", ended.stderr);
        let present = (rows - bad).to_string();
        assert_eq!(count("small = 'good' AND length(large) = 3000"), present, "{name}");
        assert_eq!(missing, (2 * bad).to_string(), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains("missing-row"), "{name}: {}", ended.stderr);
        let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=big"]);
        assert!(ended.status.success(), "{name}: {}", ended.stderr);
        assert_eq!(count("length(large) = 3000"), rows.to_string(), "{name}");
    }
}

/// The same while the source looks such values up: of a row that is gone by then it finds none, and the log
/// tells later that it went.
#[test]
fn a_row_that_is_gone_when_its_values_are_looked_up_is_no_dead_letter() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE big (id int PRIMARY KEY, small text, large text);
         ALTER TABLE big ALTER large SET STORAGE EXTERNAL;
         INSERT INTO big SELECT i, 'new', repeat('x', 3000) FROM generate_series(1, 50) AS i",
    );
    let pipeline = databases.pipeline();
    assert!(pipeline.catch_up().status.success());
    // A key that moves, twice: where it was in between, nothing is found, and nothing was before.
    databases.at_source(
        "UPDATE big SET id = id + 1000; UPDATE big SET small = 'moved';
         UPDATE big SET id = id + 1000; DELETE FROM big WHERE id % 2 = 0",
    );
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference(), None);
}
