//! The examples' components in pipelines to SQLite: one test for each thing that holds in every language.

use std::{fs, path::Path, thread::sleep, time::Duration};

use cartridge_warp_tests::{
    Pipeline, Product,
    rows::{Row, sqlite_count, sqlite_count_live, sqlite_query},
    wait_until,
};
use serde_json::{Value, json};

use crate::{
    builds::{LANGUAGES, Language, compiled, repository, run},
    feed::Feed,
};

const ROWS: i64 = 20_000;

fn pipeline(language: Language) -> Pipeline {
    pipeline_of(&language.component())
}

/// A pipeline from a component that reads feeds.
fn pipeline_of(component: &Path) -> Pipeline {
    let mut pipeline = Pipeline::new();
    let source = json!({"type": "feed", "plugin": component, "connection_string": "./data"});
    pipeline.set("source", source);
    pipeline.set("state_dir", json!(compiled()));
    pipeline
}

/// Rows of each table that have arrived by now.
fn arrived(pipeline: &Pipeline) -> [i64; 2] {
    ["orders", "events"].map(|table| sqlite_count_live(&pipeline.database(), table).unwrap_or(0))
}

/// The sum of these while nobody writes; what a killed run had not finished is undone first.
fn standing(pipeline: &Pipeline) -> i64 {
    if !pipeline.database().exists() {
        return 0;
    }
    let sql = "SELECT name FROM sqlite_schema WHERE name IN ('orders', 'events')";
    let tables = sqlite_query(&pipeline.database(), sql);
    let count = |row: &Row| sqlite_count(&pipeline.database(), row["name"].as_str().unwrap());
    tables.iter().map(count).sum::<u64>().try_into().unwrap()
}

/// Runs the pipeline until more rows of either table are there, and some of each, and kills it; what it said.
fn killed(pipeline: &Pipeline, mut meanwhile: impl FnMut()) -> String {
    let before = standing(pipeline);
    let mut running = pipeline.start();
    running.wait_for("serving metrics");
    wait_until("rows arrive", || {
        meanwhile();
        let now = arrived(pipeline);
        now.iter().sum::<i64>() > before + 100 && !now.contains(&0)
    });
    running.kill().stderr
}

fn assert_exact_through_kills(language: Language) {
    let mut pipeline = pipeline(language);
    pipeline.set(
        "schemas.0.tables",
        json!([
            {"name": "events", "write_mode": "append", "full_load_batch_size": 100},
            {"name": "orders", "full_load_batch_size": 100},
        ]),
    );
    let mut feed = Feed::open(&pipeline, 7, ROWS);
    for round in 0..3 {
        let said = killed(&pipeline, || sleep(Duration::from_millis(5)));
        assert!(!said.contains("following changes"), "{language:?}: copied before the kill");
        // Each table was begun in the first round, and is begun in no other.
        let begun = said.contains("\"rows_done\":0");
        assert_eq!(begun, round == 0, "{language:?}: a copy goes on where it was cut off: {said}");
        assert!(said.contains("\"rows_done\":"), "{language:?}: {said}");
    }
    assert!(pipeline.catch_up().status.success(), "{language:?}");
    assert_eq!(feed.difference(&pipeline), None, "{language:?}: the copy");
    for _ in 0..3 {
        let said = killed(&pipeline, || feed.change(&pipeline, 50));
        assert!(
            said.contains("following changes") && !said.contains("\"copying\""),
            "{language:?}: {said}"
        );
    }
    feed.change(&pipeline, 50);
    assert!(pipeline.catch_up().status.success(), "{language:?}");
    assert_eq!(feed.difference(&pipeline), None, "{language:?}: the changes");
}

#[test]
fn every_language_is_exact_through_kills() {
    LANGUAGES.into_iter().for_each(assert_exact_through_kills);
}

/// What was compiled once goes on running: see `tests/archive/components`.
#[test]
fn components_of_the_archive_run() {
    let files = fs::read_dir(repository().join("tests/archive/components")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let components: Vec<_> = files.filter(|path| path.extension().unwrap() == "wasm").collect();
    assert!(!components.is_empty());
    for component in components {
        let mut pipeline = pipeline_of(&component);
        pipeline.set("schemas.0.tables", json!([{"name": "events", "write_mode": "append"}]));
        let mut feed = Feed::open(&pipeline, 11, 1000);
        for _ in 0..3 {
            let ended = pipeline.catch_up();
            assert!(ended.status.success(), "{}: {}", component.display(), ended.stderr);
            assert_eq!(feed.difference(&pipeline), None, "{}", component.display());
            feed.change(&pipeline, 100);
        }
    }
}

/// Where each dead letter was found.
fn letters(pipeline: &Pipeline) -> Vec<Value> {
    let sql = "SELECT origin FROM cartridge_warp_metadata_dead_letter_queue ORDER BY origin";
    sqlite_query(&pipeline.database(), sql).iter().map(|row| row["origin"].clone()).collect()
}

/// Rows that are not UTF-8: no first byte, one too long, half of a pair, behind the last character, cut off.
const BAD_BYTES: [&[u8]; 5] = [
    b"1\t\xFF\n",
    b"1\t\xC0\x80\n",
    b"1\t\xED\xA0\x80\n",
    b"1\t\xF4\x90\x80\x80\n",
    b"1\t\xE2\x82\n",
];

#[test]
fn lines_that_are_no_rows_are_dead_letters() {
    let header = "id:bigint:key\tname:string\tprice:double\tpaid:boolean\n";
    let bad = [
        "x\ta\t1\ttrue",
        "9223372036854775808\ta\t1\ttrue",
        "1\ta\t1e\ttrue",
        "1\ta\t1\tTRUE",
        "1\ta\\x\t1\ttrue",
        "1\ta\\\t1\ttrue",
        "1\ta\t1",
        "\\N\ta\t1\ttrue",
        "",
        "1_0\ta\t1\ttrue",
        "1\ta\t 1\ttrue",
        "1\ta\tinf\ttrue",
        "1\ta\t0x1p3\ttrue",
    ];
    let lines: String = bad.map(|line| line.to_owned() + "\n").concat();
    for language in LANGUAGES {
        let pipeline = pipeline(language);
        // The last one has no end, and is a row.
        pipeline.write(
            "orders.tsv",
            &format!(
                "{header}1\ta\\\\\t-Infinity\ttrue\n{lines}-9223372036854775808\t\t-0.5e-3\t\\N"
            ),
        );
        // The last one has no end, and is none yet.
        pipeline.write(
            "orders.changes.tsv",
            "insert\t3\ta\tInfinity\tfalse\nupsert\t3\ta\t1\ttrue\ndelete\t\\N\nupdate\t3\ta",
        );
        let bytes =
            ["id:bigint:key\tname:string\n0\tok\n".as_bytes(), &BAD_BYTES.concat()].concat();
        fs::write(pipeline.path("data/shop/bytes.tsv"), bytes).unwrap();
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(4), "{language:?}: {}", ended.stderr);
        let rows =
            sqlite_query(&pipeline.database(), "SELECT id, name, price FROM orders ORDER BY id");
        let rows: Vec<_> =
            rows.iter().map(|row| [row["id"].clone(), row["name"].clone()]).collect();
        assert_eq!(
            rows,
            [[json!(i64::MIN), json!("")], [json!(1), json!("a\\")], [json!(3), json!("a")]]
        );
        let mut places: Vec<Value> = (0..bad.len())
            .map(|at| {
                header.len() + 21 + bad[..at].iter().map(|line| line.len() + 1).sum::<usize>()
            })
            .map(|byte| json!(format!("orders.tsv, byte {byte}")))
            .collect();
        let begin = |at: usize| 31 + BAD_BYTES[..at].concat().len();
        places
            .extend((0..BAD_BYTES.len()).map(|at| json!(format!("bytes.tsv, byte {}", begin(at)))));
        places.extend([26, 44].map(|byte| json!(format!("orders.changes.tsv, byte {byte}"))));
        places.sort_by_key(ToString::to_string);
        assert_eq!(letters(&pipeline), places, "{language:?}");
    }
}

/// What goes wrong, and the words for it.
#[test]
fn what_a_person_has_to_mend_is_said() {
    for language in LANGUAGES {
        let pipeline = pipeline(language);
        let said = |wanted: &str| {
            let ended = pipeline.catch_up();
            assert!(!ended.status.success(), "{language:?}: {wanted}");
            assert!(ended.words().contains(wanted), "{language:?}, {wanted}: {}", ended.words());
        };
        fs::remove_dir(pipeline.path("data/shop")).unwrap();
        said("the feed has no folder");
        pipeline.write("orders.tsv", "id:bigint:key\tid:text\n");
        said("the header of orders.tsv");
        pipeline.write("orders.tsv", "id:bigint:key\tname:string\n1\ta\n");
        pipeline.write("orders.changes.tsv", "insert\t2\tb\n");
        assert!(pipeline.catch_up().status.success(), "{language:?}");
        pipeline.write("orders.changes.tsv", "");
        said("has 0 bytes, and 11 were read: orders has to be copied again");
        pipeline.write("orders.changes.tsv", &"x".repeat(300 << 10));
        said("a line of more than 262144 bytes at byte 11");
    }
}

#[test]
fn the_pipeline_beside_the_examples_runs() {
    for language in LANGUAGES {
        let folder = tempfile::tempdir().unwrap();
        let (feed, name) = (language.folder().join("../feed"), language.folder());
        let name = name.file_name().unwrap().to_str().unwrap();
        let [there, shop, built] =
            ["feed", "feed/data/shop", name].map(|path| folder.path().join(path));
        fs::create_dir_all(&shop).unwrap();
        fs::create_dir_all(&built).unwrap();
        for file in fs::read_dir(feed.join("data/shop")).unwrap() {
            fs::copy(file.as_ref().unwrap().path(), shop.join(file.unwrap().file_name())).unwrap();
        }
        fs::copy(language.component(), built.join("feed-source.wasm")).unwrap();
        let text = fs::read_to_string(feed.join("pipeline.yaml")).unwrap();
        fs::write(there.join("pipeline.yaml"), text.replace("../python/", &format!("../{name}/")))
            .unwrap();
        let mut command = Product::find().command();
        command.env("CARTRIDGE_WARP_STATE_DIR", compiled()).current_dir(&there);
        command.args(["run", "-c", "pipeline.yaml", "--until-caught-up"]);
        run(command);
        let rows = |sql| sqlite_query(&there.join("shop.db"), sql);
        let orders = rows("SELECT id, name, price FROM orders ORDER BY id");
        let orders: Vec<_> =
            orders.iter().map(|row| [&row["id"], &row["name"], &row["price"]]).collect();
        assert_eq!(json!(orders), json!([[2, "Bob", 4.25], [3, "Cyd", 12.0]]), "{language:?}");
        assert_eq!(rows("SELECT * FROM visits").len(), 2, "{language:?}");
    }
}
