//! A log of a source whose copy overlaps its stream: its last rows are the source, and it has each change
//! of the stream once.

use std::{collections::BTreeMap, fs, time::Duration};

use cartridge_warp_tests::{
    Databases, Pipeline, Session, lake_rows,
    rows::{sqlite_query, sqlite_rows},
    wait_until,
};
use fastrand::Rng;
use serde_json::{Map, Value, json};

/// Kills of each runner, half of them before its copy is complete.
const KILLS: usize = 10;
const STREAMING: &str = "following changes";
/// Rows when the copy begins.
const ROWS: u64 = 3000;

/// The table, one that remembers what was done to it, and something that does it, a transaction a change.
const SHOP: &str = "
    CREATE TABLE orders (id int PRIMARY KEY, total bigint, big text);
    ALTER TABLE orders ALTER big SET STORAGE EXTERNAL;
    CREATE TABLE told (n bigserial PRIMARY KEY, what text, id int, total bigint);
    CREATE TABLE flag (goes_on boolean);
    INSERT INTO flag VALUES (true);
    CREATE SEQUENCE totals START 1000000;
    CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF TG_OP = 'TRUNCATE' THEN INSERT INTO told (what) VALUES ('truncate'); RETURN NULL; END IF;
      IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND OLD.id <> NEW.id THEN
        INSERT INTO told (what, id) VALUES ('delete', OLD.id);
      END IF;
      IF TG_OP <> 'DELETE' THEN
        INSERT INTO told (what, id, total) VALUES ('write', NEW.id, NEW.total);
      END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON orders
      FOR EACH ROW EXECUTE FUNCTION tell();
    CREATE TRIGGER tell_truncate AFTER TRUNCATE ON orders EXECUTE FUNCTION tell();
    CREATE PROCEDURE trade() LANGUAGE plpgsql AS $$
    DECLARE at int; chance int; BEGIN
      WHILE (SELECT goes_on FROM flag) LOOP
        at := 1 + random() * 4000; chance := random() * 1000;
        IF chance < 350 THEN
          INSERT INTO orders VALUES (at, nextval('totals'), repeat(md5(random()::text), 100))
          ON CONFLICT (id) DO UPDATE SET total = excluded.total, big = excluded.big;
        ELSIF chance < 800 THEN
          UPDATE orders SET total = nextval('totals') WHERE id = at;
        ELSIF chance < 850 THEN
          UPDATE orders SET id = id + 10000, total = nextval('totals') WHERE id = at
            AND NOT EXISTS (SELECT 1 FROM orders WHERE id = at + 10000);
        ELSE
          DELETE FROM orders WHERE id = at;
        END IF;
        COMMIT;
        PERFORM pg_sleep(0.001);
      END LOOP;
    END $$";

/// Somebody who changes the table until it is said that it is enough.
struct Trade(Session);

impl Trade {
    fn start(databases: &Databases) -> Self {
        databases.at_source(&format!(
            "{SHOP}; INSERT INTO orders SELECT n, n, repeat(md5(n::text), 100)
             FROM generate_series(1, {ROWS}) n"
        ));
        let mut session = databases.session_at_source();
        session.write("CALL trade();");
        Self(session)
    }

    fn end(self, databases: &Databases) {
        databases.at_source("UPDATE flag SET goes_on = false");
        self.0.close();
    }
}

/// A row of the log: its columns by the names that SQL destinations give them.
type Row = Map<String, Value>;

#[derive(Clone, Copy, Debug)]
enum Kept {
    Postgresql,
    Sqlite,
    Files,
}

impl Kept {
    fn pipeline(self, databases: &Databases) -> Pipeline {
        let mut pipeline = databases.pipeline();
        fs::create_dir(pipeline.path("lake")).unwrap();
        match self {
            Self::Postgresql => {}
            Self::Sqlite => {
                let file = json!({"type": "sqlite", "connection_string": "./shop.db"});
                pipeline.set("destination", file);
            }
            Self::Files => {
                let lake = json!({"type": "files", "connection_string": "./lake"});
                pipeline.set("destination", lake);
            }
        }
        pipeline.set("schemas.0.table_whitelist", json!(["orders"]));
        let log = json!({
            "name": "orders", "write_mode": "append",
            // The copy has to outlive its kills.
            "full_load_batch_size": 50,
        });
        pipeline.set("schemas.0.tables", json!([log]));
        pipeline.set("schemas.0.limits", json!({"rows_per_second": 500}));
        pipeline
    }

    /// The log in its order.
    fn log(self, databases: &Databases, pipeline: &Pipeline) -> Vec<Row> {
        let parsed = |line: &String| serde_json::from_str::<Row>(line).unwrap();
        match self {
            Self::Postgresql => {
                let sql = "SELECT row_to_json(orders) FROM orders ORDER BY _cartridge_seq";
                databases.at_destination(sql).iter().map(parsed).collect()
            }
            Self::Sqlite => {
                let rows = sqlite_rows(&pipeline.database(), "orders", "_cartridge_seq");
                rows.into_iter().map(|row| row.into_iter().map(unpacked).collect()).collect()
            }
            Self::Files => {
                let rows = lake_rows(&pipeline.path("lake/public/orders"));
                let rows = rows.iter().filter_map(|row| row.as_object());
                rows.map(|row| row.clone().into_iter().map(renamed).collect()).collect()
            }
        }
    }
}

/// SQLite keeps JSON as text.
fn unpacked((name, value): (String, Value)) -> (String, Value) {
    match value.as_str().filter(|_| name == "_cartridge_unchanged") {
        Some(text) => (name, serde_json::from_str(text).unwrap()),
        None => (name, value),
    }
}

fn renamed((name, value): (String, Value)) -> (String, Value) {
    match name.as_str() {
        "_op" | "_ts" | "_unchanged" | "_seq" => (format!("_cartridge{name}"), value),
        _ => (name, value),
    }
}

fn op(row: &Row) -> &str {
    row["_cartridge_op"].as_str().unwrap()
}

/// Whether the source did not send the value that is stored out of line; it sends all others.
fn leaves_out_big(row: &Row) -> bool {
    let names = row.get("_cartridge_unchanged").and_then(Value::as_array);
    names.is_some_and(|names| {
        assert_eq!(names, &[json!("big")]);
        true
    })
}

/// What the rows of a log come to: of each key the last row, with what it left out from those before.
fn folded(log: &[Row]) -> BTreeMap<i64, (Value, Value)> {
    let mut rows = BTreeMap::new();
    for row in log {
        match op(row) {
            "truncate" => rows.clear(),
            "delete" => drop(rows.remove(&row["id"].as_i64().unwrap())),
            _ => {
                let before = rows.remove(&row["id"].as_i64().unwrap());
                let big = match leaves_out_big(row) {
                    true => before.map_or(Value::Null, |(_, big): (Value, Value)| big),
                    false => row["big"].clone(),
                };
                rows.insert(row["id"].as_i64().unwrap(), (row["total"].clone(), big));
            }
        }
    }
    rows
}

/// The query of `docs/logs.md`.
fn query() -> String {
    let page = include_str!("../../docs/logs.md");
    let (_, query) = page.split_once("```sql\n").unwrap();
    query.split_once("```").unwrap().0.to_owned()
}

/// Kills the runner again and again while the table is changed, and lets the last one come to its end.
fn torment(databases: &Databases, pipeline: &Pipeline, random: &mut Rng) {
    let trade = Trade::start(databases);
    let (mut in_copy, mut in_stream) = (0, 0);
    for kill in 0..KILLS {
        let mut running = pipeline.start();
        let until = if kill < KILLS / 2 { "serving metrics" } else { STREAMING };
        running.wait_for(until);
        std::thread::sleep(Duration::from_millis(random.u64(200..700)));
        if kill + 1 == KILLS {
            databases.at_source("TRUNCATE orders");
        }
        let killed = running.kill();
        assert!(killed.status.code().is_none(), "it ended by itself: {}", killed.stderr);
        match killed.stderr.contains(STREAMING) {
            true => in_stream += 1,
            false => in_copy += 1,
        }
    }
    let mut running = pipeline.start();
    running.wait_for(STREAMING);
    // What is committed while the stream is open is not looked up.
    std::thread::sleep(Duration::from_millis(2000));
    running.kill();
    trade.end(databases);
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(in_copy >= 3 && in_stream >= 3, "{in_copy} in the copy, {in_stream} in the stream");
}

/// Where what the log says of the stream is not how the history ends, in its order and each change once.
fn fault(told: &[String], log: &[Row]) -> Option<String> {
    let copied = log.iter().take_while(|row| op(row) == "snapshot").count();
    let heard = log[copied..].iter().map(|row| match op(row) {
        "insert" | "update" => format!("write|{}|{}", row["id"], row["total"]),
        "delete" => format!("delete|{}|null", row["id"]),
        "truncate" => "truncate|null|null".to_owned(),
        other => format!("{other} among the changes"),
    });
    let heard: Vec<String> = heard.collect();
    if copied < 1000 || heard.len() < 1000 {
        return Some(format!("{copied} rows of the copy and {} changes are no test", heard.len()));
    }
    let Some(before) = told.len().checked_sub(heard.len()) else {
        return Some(format!("{} changes became {}", told.len(), heard.len()));
    };
    let mut pairs = told[before..].iter().zip(&heard);
    pairs.find(|(told, heard)| told != heard).map(|(told, heard)| format!("{told} is {heard}"))
}

/// The proof that it would be noticed.
fn assert_found_out(told: &[String], log: &[Row]) {
    let at = log.len() - 100;
    let (mut doubled, mut lost, mut exchanged) = (log.to_vec(), log.to_vec(), log.to_vec());
    doubled.insert(at, log[at].clone());
    lost.remove(at);
    exchanged.swap(at, at + 1);
    for (name, wrong) in [("doubled", doubled), ("lost", lost), ("exchanged", exchanged)] {
        assert!(fault(told, &wrong).is_some(), "a change that is {name}");
    }
}

fn a_log_is_its_source(kept: Kept) {
    let databases = Databases::start();
    let pipeline = kept.pipeline(&databases);
    torment(&databases, &pipeline, &mut Rng::with_seed(0x106));
    let log = kept.log(&databases, &pipeline);
    let told = databases.at_source("SELECT what, id, total FROM told ORDER BY n");
    assert_eq!(fault(&told, &log), None, "{kept:?}");
    assert_found_out(&told, &log);
    assert!(log.iter().filter(|row| leaves_out_big(row)).count() > 0, "{kept:?}");
    let rows = databases.at_source("SELECT row_to_json(orders) FROM orders ORDER BY id");
    let rows = rows.iter().map(|row| serde_json::from_str::<Row>(row).unwrap());
    let wanted: BTreeMap<_, _> = rows
        .map(|row| (row["id"].as_i64().unwrap(), (row["total"].clone(), row["big"].clone())))
        .collect();
    let found = folded(&log);
    let differs = wanted.iter().find(|(id, row)| found.get(id) != Some(row));
    assert_eq!(differs.map(|(id, (total, _))| (id, total)), None, "{kept:?}");
    assert_eq!(found.len(), wanted.len(), "{kept:?}");
    let line = |id: &i64, total: &Value| format!("{id}|{total}");
    let wanted: Vec<_> = wanted.iter().map(|(id, (total, _))| line(id, total)).collect();
    let by_query: Vec<String> = match kept {
        Kept::Postgresql => databases.at_destination(&format!("{} ORDER BY id", query())),
        Kept::Sqlite => {
            let sql = format!("{} ORDER BY id", query());
            let rows = sqlite_query(&pipeline.database(), &sql);
            rows.iter().map(|row| line(&row["id"].as_i64().unwrap(), &row["total"])).collect()
        }
        Kept::Files => return,
    };
    assert_eq!(by_query, wanted, "{kept:?}: the query of docs/logs.md");
}

#[test]
fn a_log_in_postgresql_is_its_source() {
    a_log_is_its_source(Kept::Postgresql);
}

#[test]
fn a_log_in_sqlite_is_its_source() {
    a_log_is_its_source(Kept::Sqlite);
}

#[test]
fn a_log_in_files_is_its_source() {
    a_log_is_its_source(Kept::Files);
}

#[test]
fn a_log_follows_its_table_and_keeps_dead_letters_apart() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE orders (id int PRIMARY KEY, n numeric(8, 2));
         INSERT INTO orders VALUES (1, 1), (2, 'NaN')",
    );
    let mut pipeline = databases.pipeline();
    pipeline.set("schemas.0.tables", json!([{"name": "orders", "write_mode": "append"}]));
    let mut running = pipeline.start();
    running.wait_for(STREAMING);
    let log = || {
        let sql = "SELECT _cartridge_op, id, n, to_jsonb(orders) ->> 'note', _cartridge_ts IS NULL \
                   FROM orders ORDER BY _cartridge_seq";
        databases.try_at_destination(sql).unwrap_or_default()
    };
    databases
        .at_source("UPDATE orders SET n = 2 WHERE id = 2; INSERT INTO orders VALUES (3, 'NaN')");
    wait_until("the update", || log().len() >= 2);
    databases.at_source(
        "ALTER TABLE orders ADD COLUMN note text DEFAULT 'of before';
         INSERT INTO orders VALUES (4, 4, 'new'); DELETE FROM orders WHERE id = 1;
         ALTER TABLE orders ALTER id TYPE bigint; UPDATE orders SET id = 5000000000 WHERE id = 2",
    );
    wait_until("the last change", || log().len() >= 6);
    running.signal(15);
    let ended = running.wait(Duration::from_secs(30));
    assert!(ended.status.success(), "{}", ended.stderr);
    let told = "of which the log has no word; --full-resync=public.orders begins it anew";
    let is_of_default = |line: &&str| line.contains(told) && line.contains("add_column `note`");
    let count = ended.stderr.lines().filter(is_of_default).count();
    assert_eq!(count, 1, "the default of a new column: {}", ended.stderr);
    assert_eq!(
        log(),
        [
            "snapshot|1|1.00|null|t",
            "update|2|2.00|null|f",
            "insert|4|4.00|new|f",
            "delete|1|null|null|f",
            "delete|2|null|null|f",
            "insert|5000000000|2.00|of before|f",
        ]
    );
    let letters = "SELECT payload::jsonb ->> 'id', error_code FROM \
                   cartridge_warp_metadata.dead_letter_queue ORDER BY id";
    assert_eq!(databases.at_destination(letters), ["2|type-conversion", "3|type-conversion"]);
}

#[test]
fn a_table_that_is_made_again_ends_in_its_log_what_was_there_before() {
    let reshape = json!({"at": 500, "kind": "recreate"});
    let mut pipeline = Pipeline::scripted(json!({"changes": 1000, "reshape": reshape}));
    pipeline.set("schemas.0.tables", json!([{"name": "t0", "write_mode": "append"}]));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let query = query().replace("orders", "t0").replace("total", "value");
    let rows = sqlite_query(&pipeline.database(), &format!("{query} ORDER BY id"));
    let found: Vec<_> = rows.iter().map(|row| format!("{} {}", row["id"], row["value"])).collect();
    let rows = scripted_source::history::rows_between(0, 500..1000, 2, 50);
    let wanted: Vec<_> = rows.iter().map(|(id, value)| format!("{id} {value}")).collect();
    assert_eq!(found, wanted);
}
