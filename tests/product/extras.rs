//! What tables get beside columns and key (`create`): indexes and comments, made once a table is copied.

use std::time::Duration;

use cartridge_warp_tests::{Databases, Ended, Pipeline, rows::sqlite_query, wait_until};
use serde_json::json;

const SHOP: &str =
    "CREATE TABLE items (id int PRIMARY KEY, name text, secret text, price int, note text);
    CREATE INDEX by_price ON items (price DESC, name);
    CREATE UNIQUE INDEX by_name ON items (name);
    CREATE INDEX by_secret ON items (secret);
    CREATE INDEX by_lower ON items (lower(name));
    CREATE INDEX by_some ON items (name) WHERE price > 3;
    CREATE INDEX by_hash ON items USING hash (name);
    COMMENT ON TABLE items IS E'what it''s\\nworth \\\\';
    COMMENT ON COLUMN items.name IS 'as printed';
    COMMENT ON COLUMN items.secret IS 'not for everybody';
    INSERT INTO items SELECT n, 'name ' || n, 's', n % 7, 'x' FROM generate_series(1, 500) n;
    CREATE TABLE plain (id int PRIMARY KEY, n int);
    CREATE INDEX by_n ON plain (n);
    COMMENT ON TABLE plain IS 'without'";
/// Indexes of the destination but for those of keys.
const INDEXES: &str = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    AND indexname !~ '_pkey$' ORDER BY indexname";
const COMMENTS: &str = "SELECT coalesce(a.attname, ''), replace(d.description, E'\\n', '/')
    FROM pg_description d LEFT JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid
        AND d.objsubid > 0
    WHERE d.objoid IN (to_regclass('items'), to_regclass('plain')) ORDER BY 1";
const BY_PRICE: &str = "CREATE INDEX by_price ON public.items USING btree (cost DESC, name)";
const BY_NAME: &str = "CREATE INDEX by_name ON public.items USING btree (name)";

fn shop() -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(SHOP);
    let mut pipeline = databases.pipeline();
    let columns = json!({"rename": {"price": "cost"}, "exclude": ["secret"]});
    pipeline.set(
        "schemas.0.tables",
        json!([{"name": "items", "columns": columns}, {"name": "plain", "create": "none"}]),
    );
    pipeline.set("schemas.0.create", json!(["indexes", "comments"]));
    (databases, pipeline)
}

fn fine(ended: &Ended) {
    assert!(ended.status.success(), "{}", ended.stderr);
}

#[test]
fn a_copy_gets_the_indexes_and_comments_of_its_source() {
    let (databases, mut pipeline) = shop();
    pipeline.set("schemas.0.create", json!([]));
    fine(&pipeline.catch_up());
    assert!(databases.at_destination(INDEXES).is_empty(), "nobody asked for any");
    // What is added to the configuration is made of a table that is copied already.
    pipeline.set("schemas.0.create", json!(["indexes", "comments"]));
    let ended = pipeline.catch_up();
    fine(&ended);
    assert_eq!(databases.at_destination(INDEXES), [BY_NAME, BY_PRICE]);
    assert_eq!(databases.at_destination(COMMENTS), ["|what it's/worth \\", "name|as printed"]);
    for untold in
        ["by_lower: it is over an expression", "by_some: it is over a part", "by_hash", "by_secret"]
    {
        assert!(ended.stderr.contains(untold), "{untold}: {}", ended.stderr);
    }
    // What somebody removes stays away, until the table is copied again.
    databases.at_destination("DROP INDEX by_name");
    fine(&pipeline.catch_up());
    assert_eq!(databases.at_destination(INDEXES), [BY_PRICE]);
    // Another table has the name by now.
    databases.at_destination("CREATE TABLE by_name (x int)");
    databases.at_source("COMMENT ON TABLE items IS 'new'");
    fine(&pipeline.run(&["run", "--until-caught-up", "--full-resync=items"]));
    let indexes = databases.at_destination(INDEXES);
    assert_eq!(indexes.len(), 2, "{indexes:?}");
    assert!(indexes.iter().any(|it| it.contains("INDEX by_name_") && it.ends_with("(name)")));
    assert_eq!(databases.at_destination(COMMENTS), ["|new", "name|as printed"]);
    // Neither name is free by now: what has them stays.
    databases.at_source("DROP INDEX by_name; CREATE INDEX by_name ON items (note)");
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=items"]);
    fine(&ended);
    assert!(ended.stderr.contains("goes on without index by_name: "), "{}", ended.stderr);
    assert_eq!(databases.at_destination(INDEXES), indexes);
    // A table that its pipeline gives up is forgotten whole.
    fine(&pipeline.run(&["teardown", "--yes"]));
    let left =
        "SELECT stream FROM cartridge_warp_metadata.sync_markers WHERE stream LIKE 'extras%'";
    assert!(databases.at_destination(left).is_empty());
}

#[test]
fn an_index_is_built_beside_the_stream_and_again_after_a_crash() {
    let (databases, mut pipeline) = shop();
    pipeline.set("schemas.0.create", json!("none"));
    fine(&pipeline.catch_up());
    pipeline.set("schemas.0.create", json!(["indexes", "comments"]));
    // A build waits for whoever writes the table; a writer waits for no build.
    let mut holder = databases.session_at_destination();
    holder.write("BEGIN; LOCK TABLE items IN ROW EXCLUSIVE MODE;");
    let locked =
        "SELECT 1 FROM pg_locks WHERE relation = 'items'::regclass AND mode = 'RowExclusiveLock'";
    wait_until("it is locked", || !databases.at_destination(locked).is_empty());
    let running = pipeline.start();
    let building = "SELECT 1 FROM pg_index WHERE indrelid = 'items'::regclass AND NOT indisvalid";
    wait_until("an index is being built", || !databases.at_destination(building).is_empty());
    let status = pipeline.run(&["status"]);
    assert!(status.stdout.contains("making index by_name (1 of 4)"), "{}", status.words());
    databases.at_source("INSERT INTO items VALUES (1001, 'new', 's', 9, 'x')");
    let arrived = "SELECT 1 FROM items WHERE id = 1001";
    wait_until("rows go on", || !databases.at_destination(arrived).is_empty());
    assert!(!databases.at_destination(building).is_empty(), "the build was awaited");
    running.kill();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONC%'";
    databases.at_destination(end);
    wait_until("nobody builds", || databases.at_destination(end).is_empty());
    holder.write("COMMIT;");
    holder.close();
    assert!(!databases.at_destination(building).is_empty(), "a half made index is left");
    fine(&pipeline.catch_up());
    assert!(databases.at_destination(building).is_empty(), "it is made anew");
    assert_eq!(databases.at_destination(INDEXES), [BY_NAME, BY_PRICE]);
}

#[test]
fn a_table_goes_on_without_what_cannot_be_made() {
    let (databases, pipeline) = shop();
    databases.at_destination(
        "CREATE FUNCTION public.no() RETURNS event_trigger LANGUAGE plpgsql AS
             $$BEGIN IF current_query() ~ 'CONCURRENTLY' THEN RAISE EXCEPTION 'no indexes today'; END IF; END$$;
         CREATE EVENT TRIGGER no ON ddl_command_start WHEN TAG IN ('CREATE INDEX')
             EXECUTE FUNCTION public.no()",
    );
    let mut running = pipeline.start();
    running.wait_for("the table goes on without index by_name: a function or trigger raised");
    databases.at_source("INSERT INTO items VALUES (1001, 'new', 's', 9, 'x')");
    let arrived = "SELECT 1 FROM items WHERE id = 1001";
    wait_until("rows go on", || !databases.at_destination(arrived).is_empty());
    let lacking = [
        "items: streaming (extra-not-made)",
        "without index by_name: a function or trigger",
        "; index by_price: a function",
    ];
    let live = pipeline.run(&["status"]);
    running.signal(15);
    fine(&running.wait(Duration::from_secs(30)));
    for status in [live, pipeline.run(&["status"])] {
        for words in lacking {
            assert!(status.stdout.contains(words), "{words}: {}", status.words());
        }
    }
    assert_eq!(databases.at_destination(COMMENTS).len(), 2, "comments are there");
    databases.at_destination("DROP EVENT TRIGGER no");
    fine(&pipeline.catch_up());
    assert_eq!(databases.at_destination(INDEXES), [BY_NAME, BY_PRICE]);
    let status = pipeline.run(&["status"]);
    assert!(!status.stdout.contains("extra-not-made"), "{}", status.words());
}

#[test]
fn sqlite_gets_indexes_and_its_columns_still_change() {
    let (databases, mut pipeline) = shop();
    pipeline.set("destination", json!({"type": "sqlite", "connection_string": "./shop.db"}));
    pipeline.set("schemas.0.create", json!("indexes"));
    pipeline.set(
        "schema_evolution",
        json!({"strategy": "aggressive", "require_approval_for_risky_changes": false,
            "require_approval_for_dangerous_changes": false}),
    );
    fine(&pipeline.catch_up());
    let indexes = |pipeline: &Pipeline| -> Vec<String> {
        let sql = "SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL
            AND tbl_name = 'items' ORDER BY name";
        let rows = sqlite_query(&pipeline.database(), sql);
        rows.iter().map(|row| row["sql"].as_str().unwrap().replace('"', "")).collect()
    };
    let by_name = "CREATE INDEX by_name ON items (name)";
    let by_price = "CREATE INDEX by_price ON items (cost DESC, name)";
    assert_eq!(indexes(&pipeline), [by_name, by_price]);
    databases.at_source(
        "DROP INDEX by_some; ALTER TABLE items ALTER price TYPE text; INSERT INTO items VALUES (1001, 'a', 's', 'b')",
    );
    fine(&pipeline.catch_up());
    assert_eq!(indexes(&pipeline), [by_name, by_price], "the column was made anew");
    databases.at_source("ALTER TABLE items DROP price; INSERT INTO items VALUES (1002, 'b', 's')");
    fine(&pipeline.catch_up());
    assert_eq!(indexes(&pipeline), [by_name], "it went with its column");
}

#[test]
fn what_a_connector_cannot_do_is_refused_before_anything_runs() {
    let (_databases, mut pipeline) = shop();
    let cases = [
        ("sqlite", json!({"type": "sqlite", "connection_string": "./shop.db"}), "cannot make them"),
        ("files", json!({"type": "files", "connection_string": "./lake"}), "cannot make them"),
    ];
    pipeline.set("schemas.0.create", json!("none"));
    pipeline.set("schemas.0.tables", json!([{"name": "items", "create": "comments"}]));
    for (name, destination, why) in cases {
        pipeline.set("destination", destination);
        for command in ["validate", "check"] {
            let ended = pipeline.run(&[command]);
            let words = format!("names comments, and the destination `{name}` {why}");
            assert_eq!(ended.status.code(), Some(2), "{name}: {}", ended.words());
            assert!(ended.words().contains(&words), "{name}: {}", ended.words());
        }
    }
    let mut files = Pipeline::new();
    files.set("schemas.0.create", json!("indexes"));
    let ended = files.run(&["validate"]);
    assert!(
        ended.words().contains("and the source `files` cannot tell which"),
        "{}",
        ended.words()
    );
}
