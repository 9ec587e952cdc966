//! `dlq retry`: dead letters are written again with their rows as they are at the source by then.

use std::time::Duration;

use cartridge_warp_tests::{Databases, Ended, Pipeline, Running, rows::sqlite_query, wait_until};
use serde_json::{Value, json};

fn retry(pipeline: &Pipeline, arguments: &[&str]) -> Ended {
    let all = [&["--output", "json", "dlq", "retry"], arguments].concat();
    Running::start(pipeline.command(&all)).wait(Duration::from_secs(120))
}

/// What came of all letters, with this exit code.
fn retried(pipeline: &Pipeline, code: i32, arguments: &[&str]) -> Value {
    let ended = retry(pipeline, arguments);
    let said = [ended.stdout.as_str(), &ended.stderr].concat();
    assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {said}");
    serde_json::from_str(&ended.stdout).unwrap()
}

fn letters(pipeline: &Pipeline, status: &str) -> Vec<Value> {
    let ended =
        pipeline.run(&["--output", "json", "dlq", "list", "--limit", "10000", "--status", status]);
    assert!(ended.status.success(), "{}", ended.stderr);
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const CHECKED: &str = "CHECK (note <> 'bad')";

fn table(name: &str, checked: &str) -> String {
    format!(
        "CREATE TABLE {name} (shop int, id text, note text {checked}, n numeric(8, 2), large text, \
         PRIMARY KEY (shop, id));"
    )
}

/// Rows of which some are refused: `bad` ones by the destination, `NaN` at the source.
fn to_postgresql() -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(&table("orders", ""));
    databases.at_destination(&table("orders", CHECKED));
    let pipeline = databases.pipeline();
    (databases, pipeline)
}

fn to_sqlite() -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(&table("orders", ""));
    let mut pipeline = databases.pipeline();
    pipeline.set("destination", json!({"type": "sqlite", "connection_string": "./shop.db"}));
    std::fs::write(pipeline.database(), "").unwrap();
    sqlite_query(
        &pipeline.database(),
        &table("orders", CHECKED).replace("int,", "INTEGER,").replace("numeric(8, 2)", "TEXT"),
    );
    (databases, pipeline)
}

/// The rows at the destination, as text.
fn rows(databases: &Databases, pipeline: &Pipeline) -> Vec<String> {
    let sql = "SELECT id || ' ' || note AS row FROM orders ORDER BY shop, id";
    if pipeline.config["destination"]["type"] == "postgresql" {
        return databases.at_destination(sql);
    }
    let rows = sqlite_query(&pipeline.database(), sql);
    rows.iter().map(|row| row["row"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn letters_are_settled_by_their_rows_of_now() {
    for (name, (databases, pipeline)) in [("postgresql", to_postgresql()), ("sqlite", to_sqlite())]
    {
        databases.at_source(
            "INSERT INTO orders VALUES (1, 'a\"b', 'bad', 1), (1, 'gone', 'bad', 1),
                 (1, 'still', 'bad', 1), (2, 'number', 'fine', 'NaN'), (2, 'good', 'good', 1)",
        );
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(4), "{name}: {}", ended.stderr);
        let open = letters(&pipeline, "open");
        let mut keys: Vec<&str> = open.iter().map(|it| it["key"].as_str().unwrap()).collect();
        keys.sort_unstable();
        let expected = [
            r#"{"shop":"1","id":"a\"b"}"#,
            r#"{"shop":"1","id":"gone"}"#,
            r#"{"shop":"1","id":"still"}"#,
            r#"{"shop":"2","id":"number"}"#,
        ];
        assert_eq!(keys, expected, "{name}");
        // The destination keeps an older row of a key that is gone by now.
        databases.at_source(
            "UPDATE orders SET note = 'mended' WHERE id = 'a\"b'; DELETE FROM orders WHERE id = 'gone';
             UPDATE orders SET n = 5 WHERE id = 'number'; UPDATE orders SET n = 2 WHERE id = 'still'",
        );
        let came = retried(&pipeline, 4, &["--all"]);
        assert_eq!(came["resolved"], 3, "{name}: {came}");
        assert_eq!((&came["gone_at_source"], &came["refused"]), (&json!(1), &json!(1)), "{name}");
        assert_eq!(came["refusals"][0]["code"], "constraint", "{name}: {came}");
        assert_eq!(came["refusals"][0]["count"], 2, "{name}: {came}");
        assert_eq!(
            rows(&databases, &pipeline),
            ["a\"b mended", "good good", "number fine"],
            "{name}"
        );
        let still = letters(&pipeline, "open");
        assert_eq!(still.len(), 1, "{name}: it is no letter more: {still:?}");
        assert_eq!(still[0]["key"], expected[2], "{name}");
        let settled = letters(&pipeline, "resolved");
        assert_eq!(settled.len(), 3, "{name}: {settled:?}");
        let words = settled[0]["resolution"].as_str().unwrap();
        assert!(words.ends_with(": tried again"), "{name}: {words}");
        // Again, it changes nothing; nor does the run, which tells what was written already.
        assert_eq!(retried(&pipeline, 4, &["--code", "constraint"])["resolved"], 0, "{name}");
        databases.at_source("UPDATE orders SET note = 'mended' WHERE id = 'still'");
        assert_eq!(retried(&pipeline, 0, &["--table", "orders"])["resolved"], 1, "{name}");
        assert_eq!(retried(&pipeline, 0, &["--all"])["resolved"], 0, "{name}");
        let ended = pipeline.catch_up();
        let all = ["a\"b mended", "still mended", "good good", "number fine"];
        assert_eq!(rows(&databases, &pipeline), all, "{name}: {}", ended.stderr);
        // A change in between may have been refused once more.
        retried(&pipeline, 0, &["--all"]);
        assert_eq!(rows(&databases, &pipeline), all, "{name}");
    }
}

/// The pipeline stands still in between, while the source goes on: what is written is newer than the position then,
/// and the next run tells older changes over it.
#[test]
fn tables_end_equal_while_somebody_writes() {
    let (databases, pipeline) = to_postgresql();
    databases.at_source(
        "INSERT INTO orders SELECT 1, i, 'fine', i, repeat('x', 3000) FROM generate_series(1, 200) AS i;
         ALTER TABLE orders ALTER large SET STORAGE EXTERNAL",
    );
    let mut running = pipeline.start();
    running.wait_for("following changes");
    let (mut refused, mut resolved) = (0, 0);
    for round in 0..6 {
        let change = |steps: u64| {
            for step in 0..steps {
                let n = 7 * round + step;
                databases.at_source(&format!(
                    "UPDATE orders SET note = CASE WHEN id::int % 5 = {n} % 5 THEN 'bad' ELSE 'fine {n}' END
                         WHERE id::int % 3 = {n} % 3;
                     DELETE FROM orders WHERE id::int % 40 = {n} % 40;
                     INSERT INTO orders SELECT 1, i, 'new', i, repeat('y', 3000)
                         FROM generate_series(1, 200) AS i WHERE i % 40 = ({n} + 37) % 40
                         ON CONFLICT DO NOTHING"
                ));
            }
        };
        change(3);
        let open = || {
            let letters = "cartridge_warp_metadata.dead_letter_queue WHERE status = 'pending'";
            databases.at_destination(&format!("SELECT count(*) FROM {letters}")) != ["0"]
        };
        wait_until("rows are refused", open);
        running.signal(15);
        running.wait(Duration::from_secs(60));
        // Behind the position by now.
        change(3);
        let came = std::thread::scope(|scope| {
            scope.spawn(|| change(4));
            let ended = retry(&pipeline, &["--all"]);
            assert!([Some(0), Some(4)].contains(&ended.status.code()), "{}", ended.stderr);
            serde_json::from_str::<Value>(&ended.stdout).unwrap()
        });
        refused += came["refused"].as_u64().unwrap();
        resolved += came["resolved"].as_u64().unwrap();
        running = pipeline.start();
        running.wait_for("following changes");
    }
    running.signal(15);
    running.wait(Duration::from_secs(60));
    databases.at_source("UPDATE orders SET note = 'fine' WHERE note = 'bad'");
    let ended = pipeline.catch_up();
    assert!([Some(0), Some(4)].contains(&ended.status.code()), "{}", ended.stderr);
    retried(&pipeline, 0, &["--all"]);
    assert_eq!(databases.difference(), None);
    assert!(refused > 0 && resolved > 0, "{refused} {resolved}");
}

/// Each commit has rows and letters together.
#[test]
fn killed_at_any_moment_each_letter_is_open_or_its_row_is_there() {
    let (databases, pipeline) = to_postgresql();
    databases.at_source(
        "INSERT INTO orders SELECT 1, i, 'bad', i, repeat('x', 40000) FROM generate_series(1, 1500) AS i",
    );
    assert_eq!(pipeline.catch_up().status.code(), Some(4));
    databases.at_source("UPDATE orders SET note = 'mended'");
    // Some time between the commits.
    databases.at_destination(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END $$;
         CREATE TRIGGER slow AFTER INSERT OR UPDATE ON orders
             FOR EACH STATEMENT EXECUTE FUNCTION slow()",
    );
    let count = || -> (u64, u64) {
        let letters = "cartridge_warp_metadata.dead_letter_queue WHERE status = 'pending'";
        let sql = format!("SELECT (SELECT count(*) FROM {letters}), (SELECT count(*) FROM orders)");
        let counts = databases.at_destination(&sql).remove(0);
        let (open, rows) = counts.split_once('|').unwrap();
        (open.parse().unwrap(), rows.parse().unwrap())
    };
    let mut random = fastrand::Rng::with_seed(0x4E7);
    let mut between = 0;
    for kill in 0..10 {
        let (before, _) = count();
        let running = Running::start(pipeline.command(&["dlq", "retry", "--all"]));
        match kill % 2 {
            // Right behind a commit, and at any moment.
            0 => wait_until("it commits", || before == 0 || count().0 < before),
            _ => std::thread::sleep(Duration::from_millis(random.u64(0..2000))),
        }
        running.kill();
        let (open, rows) = count();
        assert_eq!(open + rows, 1500);
        between += u64::from(open > 0 && rows > 0);
    }
    assert!(between > 0, "it was never killed between two commits");
    // Killed, it holds nothing that another one would have to take over.
    retried(&pipeline, 0, &["--all"]);
    assert_eq!(count(), (0, 1500));
    assert!(pipeline.catch_up().status.success());
    assert_eq!(databases.difference(), None);
}

const OTHERS: [&str; 4] = ["masked", "parked", "edited", "gone"];

#[test]
fn what_cannot_be_tried_again_says_why() {
    let (databases, mut pipeline) = to_postgresql();
    for table in OTHERS {
        databases.at_source(&format!(
            "CREATE TABLE {table} (id text PRIMARY KEY, n numeric(8, 2), note text);
             INSERT INTO {table} VALUES (1, 1)"
        ));
    }
    databases.at_source("INSERT INTO orders VALUES (1, 'a', 'good', 1)");
    let masked = json!({"name": "masked", "columns": {"mask": {"id": "hash-unkeyed"}}});
    let edited = json!({"name": "edited", "columns": {"exclude": ["note"]}});
    pipeline.set("schemas.0.tables", json!([masked]));
    assert!(pipeline.catch_up().status.success());
    for table in OTHERS {
        databases.at_source(&format!("INSERT INTO {table} VALUES (2, 'NaN')"));
    }
    databases.at_source("INSERT INTO orders VALUES (1, 'b', 'bad', 1)");
    assert_eq!(pipeline.catch_up().status.code(), Some(4));
    let keys =
        "cartridge_warp_metadata.dead_letter_queue SET row_key = NULL WHERE table_name = 'orders'";
    databases.at_destination(&format!("UPDATE {keys}"));
    let open = letters(&pipeline, "open");
    let of_masked = open.iter().find(|it| it["table"] == "masked").unwrap();
    assert_eq!(of_masked["key"], Value::Null, "what is masked does not reach the destination");
    assert!(pipeline.run(&["pause", "parked"]).status.success());
    databases.at_source("DROP TABLE gone");
    pipeline.set("schemas.0.tables", json!([masked, edited]));
    let came = retried(&pipeline, 4, &["--all"]);
    for (table, words) in [
        ("masked", "is masked"),
        ("parked", "parked or paused"),
        ("edited", "rules are other ones"),
        ("gone", "no such table"),
        ("orders", "key is not known"),
    ] {
        let reasons = came["not_tried"].as_array().unwrap();
        let of_table = reasons.iter().find(|it| it["table"] == table);
        let why =
            of_table.unwrap_or_else(|| panic!("{table} was tried: {came}"))["why"].to_string();
        assert!(why.contains(words), "{table}: {why}");
    }
    assert_eq!(came["resolved"], 0, "{came}");
    for (arguments, words) in
        [(&[][..], "--all"), (&["4711"], "4711"), (&["--all", "--schema", "publik"], "public")]
    {
        let ended = retry(&pipeline, arguments);
        assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
}

#[test]
fn a_schema_that_a_run_holds_is_left_alone() {
    let (databases, mut pipeline) = to_postgresql();
    // Nobody can ask the run.
    pipeline.set("control", json!({"enabled": false}));
    databases.at_source("INSERT INTO orders VALUES (1, 'a', 'bad', 1)");
    let mut running = pipeline.start();
    running.wait_for("following changes");
    let ended = retry(&pipeline, &["--all"]);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("schema-held"), "{}", ended.stderr);
    databases.at_destination("ALTER TABLE orders DROP CONSTRAINT orders_note_check");
    assert_eq!(retried(&pipeline, 0, &["--all", "--take-over"])["resolved"], 1);
    databases.at_source("INSERT INTO orders VALUES (1, 'b', 'good', 1)");
    let fenced = running.wait(Duration::from_secs(60));
    assert_eq!(fenced.status.code(), Some(5), "{}", fenced.stderr);
    assert!(pipeline.catch_up().status.success());
    assert_eq!(databases.difference(), None);
}

#[test]
fn a_run_tries_them_itself_and_goes_on() {
    let (databases, pipeline) = to_postgresql();
    let mut running = pipeline.start();
    running.wait_for("following changes");
    running.wait_for("taking orders");
    let bad = "INSERT INTO orders SELECT i, 'a', 'bad', 1 FROM generate_series(1, 1200) AS i";
    databases.at_source(bad);
    wait_until("they are letters", || letters(&pipeline, "open").len() == 1200);
    assert_eq!(retried(&pipeline, 4, &["--all"])["refused"], 1200);
    databases.at_destination("ALTER TABLE orders DROP CONSTRAINT orders_note_check");
    let came = retried(&pipeline, 0, &["--all"]);
    assert_eq!((&came["resolved"], &came["more"]), (&json!(1200), &json!(false)), "{came}");
    assert!(letters(&pipeline, "open").is_empty());
    let settled = &letters(&pipeline, "resolved")[0]["resolution"];
    assert!(settled.as_str().unwrap().contains("tried again"), "{settled}");
    databases.at_source("INSERT INTO orders VALUES (2000, 'b', 'good', 1)");
    wait_until("the run goes on", || databases.difference().is_none());
    running.signal(15);
    assert!(running.wait(Duration::from_secs(60)).status.success());
}

#[test]
fn a_source_that_looks_nothing_up_says_so_and_no_log_is_tried() {
    for mode in ["upsert", "append"] {
        let mut pipeline = Pipeline::new();
        pipeline.write("items.ndjson", "{\"id\":1}\n{\"id\":\n");
        pipeline.set("schemas.0.tables", json!([{"name": "items", "write_mode": mode}]));
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(4), "{mode}: {}", ended.stderr);
        sqlite_query(
            &pipeline.database(),
            "UPDATE cartridge_warp_metadata_dead_letter_queue SET row_key = '{\"id\":\"1\"}'",
        );
        if mode == "append" {
            let came = retried(&pipeline, 4, &["--all"]);
            assert!(came["not_tried"][0]["why"].to_string().contains("it is a log"), "{came}");
            continue;
        }
        let ended = retry(&pipeline, &["--all"]);
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains("no-lookup"), "{}", ended.stderr);
    }
}

#[test]
fn answers_that_lie_settle_nothing() {
    let pipeline = Pipeline::evil("lookup-lies");
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(4), "{}", ended.stderr);
    let ended = retry(&pipeline, &["--all"]);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("malformed"), "{}", ended.stderr);
    assert_eq!(letters(&pipeline, "open").len(), 1);
}
