//! Eight hostile schemas beside eight honest ones, in one process: the honest ones keep up.

use std::{
    collections::HashSet,
    fs,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use cartridge_warp_tests::{Pipeline, Running, rows::sqlite_query};
use hostile_source::feed;
use serde_json::json;

const HOSTILE: [&str; 8] =
    ["spin", "allocate", "log", "trap", "huge", "letters", "sleep", "tables"];
const HONEST: [&str; 8] = ["amber", "birch", "cedar", "dune", "elm", "fern", "gorse", "hazel"];
/// Changes of an honest schema in a second.
const PER_SECOND: u64 = 40;
/// What the process may take: `limits.memory`, and as much again for the host's own part and for what
/// is on its way between two places.
const MEMORY_MIB: u64 = 768;
const RSS_MAX_KIB: u64 = 2 * MEMORY_MIB * 1024;
/// How far behind its feed an honest schema may be seen, on a machine that tests share.
const BEHIND_MAX: Duration = Duration::from_secs(30);
/// How long everything that was fed may take to arrive.
const PATIENCE: Duration = Duration::from_secs(120);

/// `make soak-hostile` sets it.
fn duration() -> Duration {
    let seconds = std::env::var("CARTRIDGE_WARP_TEST_SOAK_SECONDS").ok();
    Duration::from_secs(seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(60))
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

fn pipeline(since_ms: u64, changes: u64) -> Pipeline {
    let mut pipeline = Pipeline::new();
    let component = pipeline.product.test_plugins.join("hostile-source.wasm");
    let schema = |name: &&str| json!({"name": name, "default_polling_interval": 0.2});
    pipeline.set("mode", json!("multi"));
    pipeline.set("single_schema_name", json!(null));
    pipeline.set("schemas", HOSTILE.iter().chain(&HONEST).map(schema).collect());
    pipeline.set(
        "source",
        json!({
            "type": "hostile",
            "plugin": component,
            "connection_string": "none",
            "options": {"since_ms": since_ms, "per_second": PER_SECOND, "changes": changes},
            "limits": {"memory": "96MiB", "memory_total": "512MiB", "call_deadline": "5s"},
        }),
    );
    pipeline.set("limits", json!({"memory": format!("{MEMORY_MIB}MiB")}));
    pipeline.set("error_handling.max_backoff_seconds", json!(1));
    pipeline.set("error_handling.max_retries", json!(1_000_000));
    pipeline.set("error_handling.dead_letter_queue", json!(true));
    pipeline
}

/// Rows that were committed of an honest schema.
fn committed(metrics: &str, schema: &str) -> u64 {
    let of_schema = format!("schema=\"{schema}\",table=\"{}\"", feed::table(schema));
    let lines = metrics.lines().filter(|line| {
        line.starts_with("cartridge_warp_records_processed_total{") && line.contains(&of_schema)
    });
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
}

fn resident_kib(running: &Running) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What was seen of the worst.
#[derive(Debug, Default)]
struct Worst {
    resident_kib: u64,
    behind_changes: u64,
}

#[test]
fn honest_schemas_keep_up_beside_hostile_ones() {
    let duration = duration();
    let changes = duration.as_secs() * PER_SECOND;
    // Compiled before the feed begins.
    let checked = Running::start(pipeline(0, 0).command(&["validate"])).wait(PATIENCE);
    assert!(checked.status.success(), "{}", checked.stderr);
    let since_ms = now_ms() + 10_000;
    let pipeline = pipeline(since_ms, changes);
    let mut running = pipeline.start();
    running.wait_for("\"address\":\"");
    let mut worst = Worst::default();
    let begun = Instant::now();
    // Sixteen schemas are claimed at once, in one file: what is judged is how they go on.
    let mut caught_up = HashSet::new();
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let happened = (now_ms().saturating_sub(since_ms) * PER_SECOND / 1000).min(changes);
        let metrics = running.get("/metrics");
        let mut done = true;
        for schema in HONEST {
            let behind = happened.saturating_sub(committed(&metrics, schema));
            if happened > 0 && behind <= PER_SECOND {
                caught_up.insert(schema);
            }
            if caught_up.contains(schema) {
                worst.behind_changes = worst.behind_changes.max(behind);
                let most = BEHIND_MAX.as_secs() * PER_SECOND;
                assert!(behind <= most, "{schema} is {behind} changes behind\n{worst:?}");
            }
            done &= behind == 0 && happened == changes;
        }
        worst.resident_kib = worst.resident_kib.max(resident_kib(&running));
        assert!(worst.resident_kib < RSS_MAX_KIB, "{worst:?}");
        if done {
            break;
        }
        assert!(begun.elapsed() < duration + PATIENCE, "not everything arrived: {worst:?}");
    }
    println!("{worst:?}");
    running.signal(15);
    let ended = running.wait(PATIENCE);
    assert!(!ended.stderr.contains("panicked at host"), "{}", ended.stderr);
    for schema in HONEST {
        let sql = format!("SELECT id, value FROM \"{}\" ORDER BY id", feed::table(schema));
        let rows = sqlite_query(&pipeline.path("shop.db"), &sql);
        let rows: Vec<_> = rows.iter().map(|row| (&row["id"], &row["value"])).collect();
        let expected: Vec<_> =
            feed::rows(changes).into_iter().map(|(id, value)| (json!(id), json!(value))).collect();
        let expected: Vec<_> = expected.iter().map(|(id, value)| (id, value)).collect();
        assert_eq!(rows, expected, "{schema}");
    }
}
