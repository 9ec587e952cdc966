//! `docs/combinations.md` says what goes from which source to which destination, and in which form: each of its cells
//! is asked of `check`, and what that lets pass is run.

#![allow(clippy::expect_used, clippy::panic)] // Helpers of tests are tests, too.

use std::{fmt::Write, fs, thread};

use cartridge_warp_test_mongodb::{Server, Settings, bson::doc};
use cartridge_warp_test_postgresql::Cluster;
use cartridge_warp_tests::Pipeline;
use serde_json::{Value, json};

use crate::files::libraries::repository;

const SOURCES: [&str; 3] = ["files", "mongodb", "postgresql"];
const DESTINATIONS: [&str; 3] = ["files", "postgresql", "sqlite"];

/// A column of the page: its heading, the table, and what the configuration says of that.
const FORMS: [(&str, &str, &str); 5] = [
    ("a row for each key", "keyed", r#"{"write_mode": "upsert"}"#),
    ("deleted ones marked", "keyed", r#"{"write_mode": "upsert", "deletion_strategy": "soft"}"#),
    ("a log", "keyed", r#"{"write_mode": "append"}"#),
    ("without a key: rows", "keyless", r#"{"write_mode": "upsert"}"#),
    ("without a key: a log", "keyless", r#"{"write_mode": "append"}"#),
];
/// What has always a key.
const NEVER_KEYLESS: &str = "mongodb";

struct Servers {
    mongodb: Server,
    postgresql: Cluster,
}

impl Servers {
    /// Each source has the same two tables, of two rows.
    fn start() -> Self {
        let mongodb = Server::start(Settings::default());
        mongodb.insert("shop", "keyed", &[doc! {"_id": 1, "v": "a"}, doc! {"_id": 2, "v": "b"}]);
        let postgresql =
            Cluster::start(&[("wal_level", "logical"), ("max_replication_slots", "20")]);
        postgresql.create_database("source");
        postgresql.sql(
            "source",
            "CREATE SCHEMA shop; CREATE TABLE shop.keyed (id int PRIMARY KEY, v text); \
             CREATE TABLE shop.keyless (v text); \
             INSERT INTO shop.keyed VALUES (1, 'a'), (2, 'b'); \
             INSERT INTO shop.keyless VALUES ('a'), ('b')",
        );
        Self { mongodb, postgresql }
    }

    fn pipeline(&self, source: &str, destination: &str, form: usize) -> Pipeline {
        let mut pipeline = Pipeline::new();
        pipeline.set("name", json!(format!("{source}_{destination}_{form}")));
        pipeline.write("keyed.ndjson", "{\"id\":1,\"v\":\"a\"}\n{\"id\":2,\"v\":\"b\"}\n");
        pipeline.write("keyless.ndjson", "{\"v\":\"a\"}\n{\"v\":\"b\"}\n");
        let of_source = match source {
            "mongodb" => self.mongodb.url(""),
            "postgresql" => self.postgresql.url("source"),
            _ => "./data".to_owned(),
        };
        let of_destination = match destination {
            "postgresql" => {
                let database = format!("{source}_{form}");
                self.postgresql.create_database(&database);
                self.postgresql.url(&database)
            }
            "sqlite" => "./shop.db".to_owned(),
            _ => {
                fs::create_dir(pipeline.path("log")).expect("a folder");
                "./log".to_owned()
            }
        };
        pipeline.set("source", json!({"type": source, "connection_string": of_source}));
        pipeline
            .set("destination", json!({"type": destination, "connection_string": of_destination}));
        pipeline
    }
}

/// What the page says in one cell.
fn cell(pipeline: &mut Pipeline, table: &str, rules: &str) -> String {
    let mut entry: Value = serde_json::from_str(rules).expect("rules");
    entry["name"] = json!(table);
    pipeline.set("schemas.0.table_whitelist", json!([table]));
    pipeline.set("schemas.0.tables", json!([entry]));
    let checked = pipeline.run(&["check", "--output", "json"]);
    if checked.status.success() {
        let ran = pipeline.catch_up();
        assert!(ran.status.success(), "{} {}", checked.stderr, ran.stderr);
        return "yes".to_owned();
    }
    let line = checked.stderr.lines().last().expect("an error");
    let error: Value = serde_json::from_str(line).expect("JSON");
    let code = error["related"][0]["code"].as_str().unwrap_or_else(|| panic!("no code: {line}"));
    format!("`{code}`")
}

/// The lines of one source.
fn lines(servers: &Servers, source: &str) -> String {
    let mut lines = String::new();
    for destination in DESTINATIONS {
        write!(lines, "| `{source}` | `{destination}` |").unwrap();
        for (form, (_, table, rules)) in FORMS.into_iter().enumerate() {
            let said = match (source, table) {
                (NEVER_KEYLESS, "keyless") => "–".to_owned(),
                _ => cell(&mut servers.pipeline(source, destination, form), table, rules),
            };
            write!(lines, " {said} |").unwrap();
        }
        lines.push('\n');
    }
    lines
}

fn table() -> String {
    let servers = Servers::start();
    let headings = FORMS.map(|(heading, ..)| heading).join(" | ");
    let head = format!("| source | destination | {headings} |\n|{}\n", "---|".repeat(7));
    // A run mostly waits, so sources may do it at the same time.
    let lines = thread::scope(|scope| {
        let asked = SOURCES.map(|source| scope.spawn(|| lines(&servers, source)));
        asked.map(|lines| lines.join().expect("a source's lines"))
    });
    head + &lines.concat()
}

#[test]
fn the_page_says_what_goes_from_where_to_where() {
    let found = table();
    let path = repository().join("docs/combinations.md");
    let page = fs::read_to_string(&path).expect("the page");
    assert!(page.contains(&found), "{} should say\n{found}", path.display());
}
