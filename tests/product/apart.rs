//! A schema is not copied onto itself.

use cartridge_warp_tests::{Databases, Ended, Pipeline};
use serde_json::json;

fn assert_refused(ended: &Ended, words: &str, case: &str) {
    assert!(!ended.status.success(), "{case}: {}", ended.stdout);
    let said = ended.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(words), "{case}: {}", ended.stderr);
}

#[test]
fn one_database_on_both_sides_is_refused_and_stays_as_it_is() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE items (id int PRIMARY KEY, note text);
         INSERT INTO items SELECT n, 'note ' || n FROM generate_series(1, 100) n",
    );
    let mut pipeline = databases.pipeline();
    // Another way to write it: what counts is where it leads.
    let other_way = databases.source_url().replace("127.0.0.1", "localhost");
    pipeline.set("destination.connection_string", json!(other_way));
    let cases: [&[&str]; 4] = [
        &["check"],
        &["run", "--until-caught-up"],
        &["run", "--until-caught-up", "--full-resync"],
        &["run", "--dry-run"],
    ];
    for case in cases {
        let words = "source and destination of schema `public` are the same tables: postgresql ";
        assert_refused(&pipeline.run(case), words, &format!("{case:?}"));
        assert_eq!(databases.at_source("SELECT count(*) FROM items"), ["100"], "{case:?}");
        let made = "SELECT count(*) FROM pg_publication, pg_replication_slots";
        assert_eq!(databases.at_source(made), ["0"], "{case:?}: nothing is made either");
    }
    // Two databases of one server are not the same.
    databases.at_source("CREATE DATABASE copy");
    let (server, _) = other_way.rsplit_once('/').unwrap();
    pipeline.set("destination.connection_string", json!(format!("{server}/copy")));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
}

#[test]
fn one_directory_on_both_sides_is_refused() {
    let mut pipeline = Pipeline::new();
    pipeline.write("items.csv", "id,note\n1,a\n");
    std::fs::create_dir_all(pipeline.path("data")).unwrap();
    let source = pipeline.config["source"]["connection_string"].clone();
    pipeline.set("destination", json!({"type": "files", "connection_string": source}));
    for case in [["check"].as_slice(), &["run", "--until-caught-up"]] {
        let words = "source and destination are the same directory";
        assert_refused(&pipeline.run(case), words, &format!("{case:?}"));
    }
}
