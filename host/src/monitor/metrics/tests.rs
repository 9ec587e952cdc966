use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use super::*;
use crate::{
    model::{ChangeKind, Operation},
    plugin::{Bounds, Direction, Ledger, RetainedLog, Role},
};

/// A set in which every handle was used once.
fn used() -> Metrics {
    let metrics = Metrics::new("shop").unwrap();
    let schema = metrics.schema("public");
    let orders = schema.table("orders");
    orders.records(Operation::Insert, 3);
    orders.batch_seconds(Duration::from_millis(20));
    orders.error(ErrorType::Constraint);
    orders.schema_change(&ChangeKind::AddTable);
    orders.snapshot(20, Some(30));
    schema.sync_status(SyncStatus::Running);
    orders.sync_status(SyncStatus::Failed);
    schema.queue_size(7);
    schema.error(ErrorType::Connection);
    schema.resync();
    schema.last_successful_sync(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000));
    schema.source_up(true);
    schema.source_log(&kept(), SystemTime::UNIX_EPOCH + Duration::from_secs(70));
    let plugin = metrics.plugin("files", Role::Source);
    plugin.call("get-changes", Duration::from_micros(3));
    plugin.trap("deadline");
    plugin.restart();
    plugin.network_bytes("db:5432", Direction::Sent, 11);
    plugin.log_lines_suppressed(5);
    plugin.custom_add("files.read", 2);
    plugin.custom_set("files.open", 1.5);
    metrics
}

/// What a source keeps that says all of it.
fn kept() -> RetainedLog {
    RetainedLog {
        bytes: Some(1 << 30),
        oldest_commit_us: Some(10_000_000),
        left_bytes: Some(7),
        left_us: Some(2_500_000),
        words: "w".into(),
    }
}

#[test]
fn what_a_source_does_not_say_of_its_log_has_no_series() {
    let metrics = Metrics::new("shop").unwrap();
    let schema = metrics.schema("public");
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
    schema.source_log(&kept(), now);
    // A clock behind the source's.
    assert!(
        metrics
            .encode()
            .unwrap()
            .contains(r#"source_log_oldest_seconds{database="shop",schema="public",table=""} 0"#)
    );
    schema.source_log(&RetainedLog { bytes: Some(1), ..RetainedLog::default() }, now);
    let text = metrics.encode().unwrap();
    let series = text.lines().filter(|line| line.starts_with("cartridge_warp_source_log_"));
    assert_eq!(series.count(), 1, "{text}");
    schema.source_log(&RetainedLog::default(), now);
    assert!(!metrics.encode().unwrap().contains("source_log"));
}

#[test]
fn what_drifted_is_of_the_last_comparison_alone() {
    let metrics = Metrics::new("shop").unwrap();
    let schema = metrics.schema("public");
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let drifted = |tables: &[(&str, u64)]| {
        tables.iter().map(|(table, rows)| ((*table).to_owned(), *rows)).collect()
    };
    schema.verified((100, 1), &drifted(&[("lines", 3), ("orders", 4)]), at(5));
    schema.verified((100, 0), &drifted(&[("orders", 2)]), at(9));
    schema.verify_failed();
    let text = metrics.encode().unwrap();
    let of = |table| format!(r#"database="shop",schema="public",table="{table}""#);
    let cases = [
        ("drifted_rows", "lines", 0),
        ("drifted_rows", "orders", 2),
        ("undecided_rows", "", 0),
        ("rows_compared_total", "", 200),
        ("last_completed", "", 9),
        ("failures_total", "", 1),
    ];
    for (name, table, value) in cases {
        let line = format!("cartridge_warp_verify_{name}{{{}}} {value}", of(table));
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
}

#[test]
fn a_schema_whose_source_is_away_lags_before_any_of_its_tables_is_known() {
    let metrics = Metrics::new("shop").unwrap();
    let schema = metrics.schema("public");
    let lag = || {
        let text = metrics.encode().unwrap();
        let series = r#"cartridge_warp_lag_seconds{database="shop",schema="public",table=""} "#;
        text.lines().find_map(|line| line.strip_prefix(series)?.parse::<f64>().ok())
    };
    schema.behind();
    std::thread::sleep(Duration::from_millis(20));
    assert!(lag().unwrap() > 0.01, "{:?}", lag());
    schema.caught_up();
    assert_eq!(lag(), Some(0.0));
    schema.behind();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    schema.committed_up_to(i64::try_from(now.as_micros()).unwrap() - 7_000_000);
    assert!(lag().unwrap() < 1.0, "what was caught up is not behind again");
}

#[test]
fn every_documented_series_is_in_the_text() {
    const BASE: &str = r#"database="shop",schema="public",table="orders""#;
    const WHOLE: &str = r#"database="shop",schema="public",table="""#;
    const PLUGIN: &str = r#"plugin="files",role="source""#;
    let cases = [
        (
            "records_processed_total",
            r#"database="shop",operation="insert",schema="public",table="orders""#.into(),
            "3",
        ),
        (
            "error_count_total",
            r#"database="shop",error_type="constraint",schema="public",table="orders""#.into(),
            "1",
        ),
        (
            "error_count_total",
            r#"database="shop",error_type="connection",schema="public",table="""#.into(),
            "1",
        ),
        (
            "schema_changes_total",
            r#"change_type="add_table",database="shop",schema="public",table="orders""#.into(),
            "1",
        ),
        ("automatic_resyncs_total", WHOLE.into(), "1"),
        ("sync_status", BASE.into(), "-1"),
        ("sync_status", WHOLE.into(), "1"),
        ("build_info", format!(r#"version="{}""#, env!("CARGO_PKG_VERSION")), "1"),
        ("snapshot_rows", BASE.into(), "20"),
        ("snapshot_rows_estimated", BASE.into(), "30"),
        ("queue_size", WHOLE.into(), "7"),
        ("last_successful_sync", WHOLE.into(), "1000"),
        ("lag_seconds", BASE.into(), "0"),
        ("source_up", WHOLE.into(), "1"),
        ("source_log_retained_bytes", WHOLE.into(), "1073741824"),
        ("source_log_oldest_seconds", WHOLE.into(), "60"),
        ("source_log_left_bytes", WHOLE.into(), "7"),
        ("source_log_left_seconds", WHOLE.into(), "2.5"),
        ("processing_rate", BASE.into(), "3"),
        ("batch_processing_duration_seconds_count", BASE.into(), "1"),
        ("plugin_memory_bytes", PLUGIN.into(), "0"),
        ("plugin_call_seconds_count", format!(r#"call="get-changes",{PLUGIN}"#), "1"),
        ("plugin_traps_total", format!(r#"cause="deadline",{PLUGIN}"#), "1"),
        ("plugin_restarts_total", PLUGIN.into(), "1"),
        (
            "plugin_network_bytes_total",
            format!(r#"direction="sent",endpoint="db:5432",{PLUGIN}"#),
            "11",
        ),
        ("plugin_custom_total", format!(r#"name="files.read",{PLUGIN}"#), "2"),
        ("plugin_custom", format!(r#"name="files.open",{PLUGIN}"#), "1.5"),
        ("plugin_log_lines_suppressed_total", PLUGIN.into(), "5"),
    ];
    let text = used().encode().unwrap();
    for (name, labels, value) in cases {
        let line = format!("cartridge_warp_{name}{{{labels}}} {value}");
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
}

#[test]
fn a_source_and_a_destination_of_one_name_are_two() {
    let metrics = Metrics::new("shop").unwrap();
    for role in [Role::Source, Role::Destination, Role::Destination] {
        metrics.plugin("postgresql", role).restart();
    }
    let text = metrics.encode().unwrap();
    for (role, restarts) in [("source", 1), ("destination", 2)] {
        let line =
            format!(r#"plugin_restarts_total{{plugin="postgresql",role="{role}"}} {restarts}"#);
        assert!(text.contains(&line), "{line} is missing in\n{text}");
    }
}

#[test]
fn a_table_runs_with_its_schema_unless_it_is_parked() {
    let metrics = Metrics::new("shop").unwrap();
    let schema = metrics.schema("public");
    schema.table("before");
    schema.table("parked");
    schema.parked(&BTreeSet::from(["parked".to_owned()]));
    let status = |expected: [i64; 3]| {
        let text = metrics.encode().unwrap();
        for (table, status) in ["before", "parked", "after"].iter().zip(expected) {
            let line = format!(
                r#"sync_status{{database="shop",schema="public",table="{table}"}} {status}"#
            );
            assert!(
                text.lines().any(|found| found.ends_with(&line)),
                "{line} is missing in\n{text}"
            );
        }
    };
    schema.sync_status(SyncStatus::Running);
    schema.table("after");
    status([1, -1, 1]);
    schema.sync_status(SyncStatus::Stopped);
    status([0, -1, 0]);
    schema.parked(&BTreeSet::new());
    status([0, 0, 0]);
}

#[test]
fn a_schema_that_finds_nothing_to_do_is_in_order() {
    let metrics = Metrics::new("shop").unwrap();
    let schema = metrics.schema("public");
    schema.last_successful_sync(SystemTime::UNIX_EPOCH);
    schema.caught_up();
    let gauge = metrics.inner.streams.last_success.with_label_values(&["shop", "public", ""]);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - gauge.get()).abs() < 60.0, "{}", gauge.get());
}

#[test]
fn two_sets_share_nothing() {
    let (one, other) = (used(), Metrics::new("shop").unwrap());
    assert!(one.encode().unwrap().contains("records_processed_total"));
    assert!(!other.encode().unwrap().contains("records_processed_total"));
}

#[test]
fn a_handle_looked_up_twice_is_the_same() {
    let metrics = Metrics::new("shop").unwrap();
    metrics.table("public", "orders").records(Operation::Delete, 1);
    metrics.schema("public").table("orders").records(Operation::Delete, 1);
    let text = metrics.encode().unwrap();
    assert!(text.contains(r#"operation="delete",schema="public",table="orders"} 2"#), "{text}");
}

#[test]
fn what_is_rare_is_there_before_it_happens() {
    let metrics = Metrics::new("shop").unwrap();
    metrics.schema("public").sync_status(SyncStatus::Running);
    let text = metrics.encode().unwrap();
    let series = r#"automatic_resyncs_total{database="shop",schema="public",table=""} 0"#;
    assert!(text.contains(series), "{text}");
}

#[test]
#[cfg(target_os = "linux")]
fn the_process_tells_of_itself() {
    let text = Metrics::named("shop", "").unwrap().encode().unwrap();
    let memory = "process_resident_memory_bytes{pipeline=\"shop\"} ";
    let bytes = text.lines().find_map(|line| line.strip_prefix(memory)?.parse::<f64>().ok());
    assert!(bytes.is_some_and(|bytes| bytes > 1e6), "{text}");
}

/// How many tables a page tells of, beside their schemas.
fn tables_in(text: &str) -> usize {
    let is_table = |line: &&str| {
        line.starts_with("cartridge_warp_sync_status{") && !line.contains(r#"table="""#)
    };
    text.lines().filter(is_table).count()
}

#[test]
fn tables_beyond_the_limit_share_one_series() {
    let metrics = Metrics::new("shop").unwrap();
    for number in 0..TABLES_MAX + 50 {
        metrics.table("public", &format!("t{number}")).records(Operation::Insert, 1);
    }
    metrics.table("public", "t0").records(Operation::Insert, 1);
    let text = metrics.encode().unwrap();
    assert_eq!(tables_in(&text), TABLES_MAX + 1);
    assert!(text.contains(r#"operation="insert",schema="_other",table="_other"} 50"#));
    assert!(text.contains(r#"operation="insert",schema="public",table="t0"} 2"#));
}

#[test]
fn plugins_beyond_the_limit_share_one_series() {
    let metrics = Metrics::new("shop").unwrap();
    for number in 0..PLUGINS_MAX + 3 {
        metrics.plugin(&format!("p{number}"), Role::Source).restart();
    }
    let text = metrics.encode().unwrap();
    assert!(
        text.contains(r#"cartridge_warp_plugin_restarts_total{plugin="_other",role="source"} 3"#),
        "{text}"
    );
}

#[test]
fn a_guest_cannot_make_series_without_end() {
    let metrics = Metrics::new("shop").unwrap();
    let plugin = metrics.plugin("evil", Role::Source);
    for number in 0..10 * CUSTOM_NAMES_MAX {
        plugin.custom_add(&format!("counter{number}"), 1);
        plugin.custom_set(&format!("gauge{number}"), 1.0);
    }
    for name in ["", "two words", "line\nbreak", &"x".repeat(CUSTOM_NAME_BYTES_MAX + 1)] {
        metrics.plugin("odd", Role::Source).custom_add(name, 1);
    }
    let text = metrics.encode().unwrap();
    let count = |prefix: &str| text.lines().filter(|line| line.starts_with(prefix)).count();
    assert_eq!(count("cartridge_warp_plugin_custom_total{"), CUSTOM_NAMES_MAX);
    assert_eq!(count("cartridge_warp_plugin_custom{"), CUSTOM_NAMES_MAX);
    assert!(
        !text.contains("odd\",name") && !text.contains("plugin=\"odd\",role=\"source\"} 1"),
        "{text}"
    );
}

#[test]
fn a_guest_counter_saturates_instead_of_wrapping() {
    let metrics = Metrics::new("shop").unwrap();
    let plugin = metrics.plugin("evil", Role::Source);
    plugin.custom_add("n", u64::MAX - 1);
    plugin.custom_add("n", u64::MAX);
    // The text format has floats only.
    let line = format!(
        "plugin_custom_total{{name=\"n\",plugin=\"evil\",role=\"source\"}} {}\n",
        u64::MAX as f64
    );
    assert!(metrics.encode().unwrap().contains(&line), "{line}");
}

#[test]
fn memory_is_the_sum_of_live_instances() {
    let metrics = Metrics::new("shop").unwrap();
    let plugin = metrics.plugin("files", Role::Source);
    let memory = |bytes: u64| {
        let line = format!(
            "cartridge_warp_plugin_memory_bytes{{plugin=\"files\",role=\"source\"}} {bytes}\n"
        );
        metrics.encode().unwrap().contains(&line)
    };
    let (mut one, mut other) = (plugin.instance(), plugin.instance());
    one.set(1_000);
    one.set(3_000);
    other.set(500);
    assert!(memory(3_500));
    drop(one);
    assert!(memory(500));
}

#[test]
fn lag_grows_with_the_clock_until_the_schema_has_caught_up() {
    let metrics = Metrics::new("shop").unwrap();
    let schema = metrics.schema("public");
    let orders = schema.table("orders");
    let lag_in = |seconds: u64| {
        orders.refresh(SystemTime::now() + Duration::from_secs(seconds), Instant::now());
        let line = metrics.inner.streams.lag.with_label_values(&["shop", "public", "orders"]);
        line.get().round() as u64
    };
    schema.behind();
    assert_eq!((lag_in(0), lag_in(60)), (0, 60));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    schema.committed_up_to((now - Duration::from_secs(30)).as_micros() as i64);
    assert_eq!((lag_in(0), lag_in(60)), (30, 90));
    schema.caught_up();
    assert_eq!((lag_in(0), lag_in(60)), (0, 0));
}

#[test]
fn absurd_commit_times_do_no_harm() {
    let metrics = Metrics::new("shop").unwrap();
    let orders = metrics.table("public", "orders");
    orders.behind();
    for time in [i64::MIN, -1, i64::MAX] {
        orders.committed_up_to(time);
        assert!(metrics.encode().unwrap().contains("cartridge_warp_lag_seconds{"));
    }
}

#[test]
fn a_page_is_bounded_whatever_names_a_source_brings() {
    let metrics = Metrics::new(&"d".repeat(510)).unwrap();
    let schema = metrics.schema(&"s".repeat(510));
    for number in 0..9_900 {
        let table = schema.table(&format!("{number:04}{}", "\u{202e}t".repeat(126)));
        for operation in Operation::ALL {
            table.records(operation, 1);
        }
        table.schema_change(&ChangeKind::AddTable);
        table.error(ErrorType::Schema);
    }
    let text = metrics.encode().unwrap();
    assert!(text.len() < 16 << 20, "{} bytes", text.len());
    assert!(text.lines().all(|line| line.len() < 1_000));
    assert_eq!(tables_in(&text), TABLES_MAX + 1, "long names are told apart");
}

#[test]
fn what_the_ledger_says_is_in_the_text() {
    let metrics = Metrics::new("shop").unwrap();
    let bounds = Bounds { memory_bytes_max: 1_000, threads_max: 7, ..Bounds::UNBOUNDED };
    metrics.watch(Ledger::new(bounds)).unwrap();
    let text = metrics.encode().unwrap();
    for line in [
        r#"resource_in_use{resource="memory"} 0"#,
        r#"resource_limit{resource="memory"} 1000"#,
        r#"resource_limit{resource="threads"} 7"#,
    ] {
        assert!(text.contains(&format!("cartridge_warp_{line}\n")), "{line} is missing in\n{text}");
    }
    assert!(!text.contains(r#"resource_limit{resource="descriptors"}"#), "without a bound\n{text}");
}

#[test]
fn a_name_tells_the_series_of_pipelines_apart() {
    let metrics = Metrics::named("shop-eu", "shop").unwrap();
    metrics.schema("public").table("orders").records(Operation::Insert, 1);
    let text = metrics.encode().unwrap();
    let label = r#"pipeline="shop-eu""#;
    assert!(text.contains(label), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.contains(label), "{line}");
    }
}
