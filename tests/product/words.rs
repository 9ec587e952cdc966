//! What plugins and file names bring to a terminal, a log, a probe or the journal: no secrets, no
//! floods, nothing hidden.

use std::{fs, time::Duration};

use cartridge_warp_tests::{Pipeline, Running, rows::sqlite_query};
use serde_json::{Value, json};

const PASSWORD: &str = "hunter22+se/same";
const CONNECTION: &str = "evil://me:hunter22+se/same@nowhere.example:5432/db?token=tok-en-4711";

/// Every writing of the secrets that the deed knows.
const WRITINGS: [&str; 10] = [
    PASSWORD,
    "tok-en-4711",
    "hunter22%2Bse%2Fsame",
    "tok%2Den%2D4711",
    "HVudGVyMjIrc2Uvc2FtZ",
    "h1bnRlcjIyK3NlL3NhbW",
    "odW50ZXIyMitzZS9zYW1l",
    "68756e74657232322b73652f73616d65",
    "104, 117, 110, 116, 101, 114",
    CONNECTION,
];

/// The evil source as it is told; what it delivers goes to SQLite.
fn evil(deed: &str) -> Pipeline {
    let mut pipeline = Pipeline::new();
    let component = pipeline.product.test_plugins.join("evil-source.wasm");
    let options = json!({"deed": deed});
    pipeline.set(
        "source",
        json!({
            "type": "evil",
            "plugin": component,
            "connection_string": CONNECTION,
            "options": options,
        }),
    );
    pipeline
}

fn assert_silent(place: &str, text: &str) {
    let told = WRITINGS.iter().find(|writing| text.contains(**writing));
    assert!(told.is_none(), "{place} tells {told:?}:\n{text}");
}

fn assert_plain(place: &str, text: &str) {
    let hidden = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}'
                | '\u{61c}' | '\u{e0000}'..='\u{e007f}')
    };
    let found = text.find(hidden).map(|at| &text[at..]);
    let found = found.map(|rest| rest.chars().take(20).collect::<String>());
    assert!(
        found.is_none(),
        "{place} has {:?}",
        found.map(|found| found.escape_debug().to_string())
    );
}

#[test]
fn a_failure_that_repeats_the_connection_string_tells_it_nowhere() {
    let mut pipeline = evil("tell-secret");
    pipeline.set("error_handling.max_retries", json!(1_000_000));
    let mut running = pipeline.start();
    running.wait_for("\"attempt\":2");
    let (health, metrics) = (running.get("/health"), running.get("/metrics"));
    assert!(health.contains("nowhere to go"), "{health}");
    running.signal(15);
    let stopped = running.wait(Duration::from_secs(60));
    pipeline.set("error_handling.max_retries", json!(0));
    let failed = pipeline.catch_up();
    assert_eq!(failed.status.code(), Some(1), "{}", failed.stderr);
    assert!(failed.stderr.matches("nowhere to go").count() > 3, "{}", failed.stderr);
    let journal: Vec<String> = ["error_log", "sync_runs"]
        .map(|table| {
            let sql = format!("SELECT * FROM cartridge_warp_metadata_{table}");
            format!("{:?}", sqlite_query(&pipeline.database(), &sql))
        })
        .into();
    assert!(journal[0].contains("nowhere to go") && journal[1].contains("nowhere to go"));
    let json = Running::start(pipeline.command(&["--output", "json", "run", "--until-caught-up"]));
    let json = json.wait(Duration::from_secs(60));
    let places = [
        ("/health", &health),
        ("/metrics", &metrics),
        ("the log", &stopped.stderr),
        ("the error of the command", &failed.stderr),
        ("its result", &failed.stdout),
        ("the error as JSON", &json.stderr),
        ("error_log", &journal[0]),
        ("sync_runs", &journal[1]),
    ];
    for (place, text) in places {
        assert_silent(place, text);
        assert_plain(place, &text.replace('\r', ""));
    }
}

#[test]
fn a_flood_of_dead_letters_is_counted_and_stored_but_not_logged_line_by_line() {
    let mut pipeline = evil("dead-letter-flood");
    pipeline.set("source.limits", json!({"log_lines_per_second": 10}));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(4), "{}", ended.stderr);
    let letters = "SELECT count(*) AS n FROM cartridge_warp_metadata_dead_letter_queue";
    assert_eq!(sqlite_query(&pipeline.database(), letters)[0]["n"], 20_000);
    let items = "SELECT count(*) AS n FROM items";
    assert_eq!(sqlite_query(&pipeline.database(), items)[0]["n"], 3, "beside them, the rows");
    let told = ended.stderr.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        line["message"].as_str()?.starts_with("rows go to the dead letters").then_some(line)
    });
    let rows: Vec<u64> = told.map(|line| line["rows"].as_u64().unwrap()).collect();
    assert!(rows.len() < 20, "a line for each commit at most: {rows:?}");
    assert_eq!(rows.iter().sum::<u64>(), 20_000, "all are told of:\n{}", ended.stderr);
    assert_plain("the log", &ended.stderr);
}

#[test]
fn no_line_of_a_plugin_is_longer_than_its_bound() {
    for format in ["json", "human"] {
        let pipeline = evil("long-lines");
        let command = pipeline.command(&["--output", format, "run", "--until-caught-up"]);
        let ended = Running::start(command).wait(Duration::from_secs(60));
        assert!(ended.status.success(), "{}", ended.stderr);
        let longest = ended.stderr.lines().map(str::len).max().unwrap();
        assert!((4_000..=8 * 1024).contains(&longest), "{longest} bytes");
        assert_plain("the log", &ended.stderr);
    }
}

#[test]
fn what_nobody_sees_is_written_out() {
    let mut pipeline = evil("hidden-words");
    pipeline.set("error_handling.max_retries", json!(0));
    for format in ["json", "human"] {
        let command = pipeline.command(&["--output", format, "run", "--until-caught-up"]);
        let ended = Running::start(command).wait(Duration::from_secs(60));
        assert!(ended.stderr.contains("forged"), "{}", ended.stderr);
        assert_plain("stderr", &ended.stderr);
    }
    let plugins = pipeline.path("plugins");
    fs::create_dir(&plugins).unwrap();
    let name = "odd\u{1b}[2J\u{202e}\u{200b}\nname.wasm";
    fs::write(plugins.join(name), "no component").unwrap();
    for format in ["json", "human"] {
        let mut command = pipeline.product.command();
        command.args(["--output", format, "connectors", "list", "--plugin-dir"]).arg(&plugins);
        let listed = Running::start(command).wait(Duration::from_secs(60));
        assert!(listed.stderr.contains("odd"), "{}", listed.stderr);
        assert_plain("stderr", &listed.stderr);
    }
}
