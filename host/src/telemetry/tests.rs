use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing::{dispatcher, error, info, info_span};

use super::{output::Writer, *};

/// What `events` writes.
fn written(format: Format, filter: Option<&str>, events: impl FnOnce()) -> String {
    let text = Arc::new(Mutex::new(String::new()));
    let filter = filter.map(str::to_owned);
    let settings =
        TelemetrySettings { level: Level::INFO, connectors: Level::INFO, format, filter };
    let (layer, _) = layer(&settings, Writer::Memory(Arc::clone(&text))).unwrap();
    dispatcher::with_default(&tracing_subscriber::registry().with(layer).into(), events);
    let text = text.lock().unwrap();
    text.clone()
}

fn json_of(events: impl FnOnce()) -> Value {
    let text = written(Format::Json, None, events);
    assert_eq!(text.lines().count(), 1, "{text}");
    let mut value: Value = serde_json::from_str(&text).unwrap();
    let timestamp = value.as_object_mut().unwrap().remove("timestamp").unwrap();
    assert!(timestamp.as_str().unwrap().ends_with('Z'), "{timestamp}");
    value
}

#[test]
fn a_json_line_carries_the_fields_of_all_spans_at_its_top_level() {
    let line = json_of(|| {
        let pipeline = info_span!("pipeline", pipeline = "p", run = 7);
        let _pipeline = pipeline.enter();
        let table = info_span!("table", schema = "shop", table = "orders", batch = field());
        table.record("batch", 12);
        let _table = table.enter();
        info!(rows = 3, ok = true, share = 0.5, "committed");
    });
    let expected = json!({
        "level": "INFO", "target": "cartridge_warp::telemetry::tests", "message": "committed",
        "pipeline": "p", "run": 7, "schema": "shop", "table": "orders", "batch": 12,
        "rows": 3, "ok": true, "share": 0.5,
    });
    assert_eq!(line, expected);
}

fn field() -> tracing::field::Empty {
    tracing::field::Empty
}

#[test]
fn the_nearest_value_of_a_name_wins_and_the_lines_own_keys_are_safe() {
    let line = json_of(|| {
        let _outer = info_span!("outer", table = "a").entered();
        let _inner = info_span!("inner", table = "b").entered();
        info!(level = "fake", "real");
    });
    assert_eq!(line["table"], "b");
    assert_eq!((&line["level"], &line["level_"]), (&json!("INFO"), &json!("fake")));
}

#[test]
fn the_fields_of_spans_survive_a_filter_for_errors_only() {
    let text = written(Format::Human { colour: false }, Some("cartridge_warp=error"), || {
        let _span = info_span!("schema", schema = "shop").entered();
        info!("not written");
        error!("lost");
    });
    assert!(text.ends_with("ERROR lost schema=shop\n"), "{text}");
}

#[test]
fn an_error_is_written_with_its_causes() {
    let cause = std::io::Error::other("disk full");
    let error = std::io::Error::other(Wrapped(cause));
    let line = json_of(|| info!(error = &error as &dyn std::error::Error, "x"));
    assert_eq!(line["error"], "cannot write: disk full");
}

#[derive(Debug, thiserror::Error)]
#[error("cannot write")]
struct Wrapped(#[source] std::io::Error);

#[test]
fn no_value_puts_a_control_character_on_the_terminal() {
    let evil = "a\nb\u{1b}[2J\u{9b}1m\u{202e}c\u{7f}";
    for format in [Format::Json, Format::Human { colour: false }] {
        let text = written(format, None, || info!(value = evil, "{evil}"));
        let line = text.strip_suffix('\n').unwrap();
        assert!(!line.contains(crate::model::text::is_hidden), "{line:?}");
    }
    assert_eq!(json_of(|| info!(value = evil, "x"))["value"], evil);
}

#[test]
fn a_human_line_is_level_message_and_pairs() {
    let text = written(Format::Human { colour: false }, None, || {
        let _span = info_span!("schema", schema = "shop").entered();
        info!(note = "two words", empty = "", rows = 3, "committed");
    });
    let (_, rest) = text.split_once(' ').unwrap();
    assert_eq!(rest, " INFO committed schema=shop note=\"two words\" empty=\"\" rows=3\n");
}

#[test]
fn colours_appear_only_when_asked_for() {
    let of = |colour| written(Format::Human { colour }, None, || info!("x"));
    assert!(of(true).contains('\u{1b}'));
    assert!(!of(false).contains('\u{1b}'));
}

#[test]
fn the_filter_decides_what_is_written() {
    let cases = [
        ("our information is written", None, "info", true),
        ("our details are not", None, "debug", false),
        ("the override replaces the level", Some("cartridge_warp=debug"), "debug", true),
        ("libraries speak from warnings on", None, "library-info", false),
        ("a library's warnings are written", None, "library-warning", true),
        ("the override reaches libraries", Some("info"), "library-info", true),
    ];
    for (name, filter, event, expected) in cases {
        let text = written(Format::Json, filter, || match event {
            "info" => info!("x"),
            "debug" => tracing::debug!("x"),
            "library-info" => info!(target: "library", "x"),
            _ => tracing::warn!(target: "library", "x"),
        });
        assert_eq!(!text.is_empty(), expected, "{name}");
    }
}

#[test]
fn a_filter_that_is_none_is_an_error_with_help() {
    let filter = Some("cartridge_warp=loud".to_owned());
    let settings = TelemetrySettings {
        level: Level::INFO,
        connectors: Level::INFO,
        format: Format::Json,
        filter,
    };
    let error = layer(&settings, Progress::hidden().writer()).err().unwrap();
    assert!(error.to_string().contains("cartridge_warp=loud"), "{error}");
    assert!(miette::Diagnostic::help(&error).is_some());
}

#[test]
fn a_bar_never_shows_more_rows_than_its_size() {
    let bar = Progress::hidden().snapshot_bar("or\nders", Some(10));
    bar.advance(4);
    bar.advance(20);
    assert_eq!(bar.size(), (24, Some(24)));
    let unknown = Progress::hidden().snapshot_bar("orders", None);
    unknown.advance(4);
    assert_eq!(unknown.size(), (4, None));
}

#[test]
fn a_spinner_says_what_is_compiled_and_commands_no_terminal() {
    let spinner = Progress::hidden().compiling("or\nders-source.wasm", 13_020_000);
    let expected = "compiling or\\nders-source.wasm (13.02 MB), once per version";
    assert_eq!(spinner.message(), expected);
}
