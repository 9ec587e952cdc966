//! What a schema costs that has nothing to do: many of them in one process, until all stream and after.
//!
//! `BENCH_SCHEMAS` says how many, as a list: `50,300,1000`. Linux only: it reads `/proc`.

mod process;

use std::{
    fs,
    io::Write as _,
    thread::sleep,
    time::{Duration, Instant},
};

use cartridge_warp_tests::{Databases, Pipeline, Running};
use serde_json::{Value, json};

use process::{Usage, usage};

/// How many schemas, unless `BENCH_SCHEMAS` says otherwise.
const SCHEMAS: &str = "50";
/// What starting leaves behind is over by then.
const SETTLED_AFTER: Duration = Duration::from_secs(60);
/// How long idleness is looked at.
const IDLE: Duration = Duration::from_secs(30);
/// How long a start may take: beyond it the table says how many stream by then.
const START_MAX: Duration = Duration::from_secs(600);
/// Each has a slot at one server and a connection at either; the destination takes 100.
const SERVER_SCHEMAS_MAX: usize = 50;

/// Prints a line for each number of schemas and each pair of connectors.
pub fn run() {
    let counts = std::env::var("BENCH_SCHEMAS").unwrap_or_else(|_| SCHEMAS.to_owned());
    let counts = counts.split(',').map(|count| count.trim().parse().expect("a number of schemas"));
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", heading());
    for count in counts {
        let mut lake = with_files(count);
        lake.set("destination", json!({"type": "files", "connection_string": "./lake"}));
        for schema in lake.config["schemas"].as_array_mut().into_iter().flatten() {
            schema["tables"] = json!([{"name": "orders", "write_mode": "append"}]);
        }
        fs::create_dir_all(lake.path("lake")).expect("a directory");
        let mut line = |name: &str, pipeline: &Pipeline| {
            let _ = writeln!(out, "{}", measure(pipeline, count).line(name, count));
        };
        line("files to one SQLite file", &with_files(count));
        line("files to a lake", &lake);
        if count <= SERVER_SCHEMAS_MAX {
            let (_servers, pipeline) = with_servers(count);
            line("PostgreSQL to PostgreSQL", &pipeline);
        }
    }
}

/// One run.
struct Measured {
    streaming: usize,
    start: Duration,
    peak_mebibytes: f64,
    idle: Usage,
    cpu_share: f64,
    wakes_per_second: f64,
}

impl Measured {
    fn line(&self, name: &str, count: usize) -> String {
        let Self { streaming, start, peak_mebibytes, idle, cpu_share, wakes_per_second } = self;
        format!(
            "{name:<26} {count:>7} {streaming:>9} {:>8.1} {peak_mebibytes:>9.0} {:>9.0} {:>9.0} \
             {:>7.1} {:>7} {wakes_per_second:>9.0}",
            start.as_secs_f64(),
            idle.resident_mebibytes,
            idle.real_mebibytes,
            cpu_share * 100.0,
            idle.threads,
        )
    }
}

fn heading() -> String {
    let [of, streaming, start] = ["schemas", "streaming", "start s"];
    let [peak, idle, real] = ["peak MiB", "idle MiB", "real MiB"];
    let [cpu, threads, wakes] = ["CPU %", "threads", "wakes/s"];
    format!(
        "{:<26} {of:>7} {streaming:>9} {start:>8} {peak:>9} {idle:>9} {real:>9} {cpu:>7} \
         {threads:>7} {wakes:>9}",
        ""
    )
}

fn measure(pipeline: &Pipeline, count: usize) -> Measured {
    // Compiles the connectors.
    assert!(pipeline.run(&["validate"]).status.success(), "the pipeline is in order");
    let mut running = pipeline.start();
    let started = Instant::now();
    running.wait_for("\"address\":\"");
    let mut streaming = 0;
    while streaming < count && started.elapsed() < START_MAX {
        sleep(Duration::from_millis(200));
        streaming = running.get("/health").matches("\"state\":\"streaming\"").count();
    }
    let start = started.elapsed();
    sleep(SETTLED_AFTER);
    let (before, since) = (look(&running), Instant::now());
    sleep(IDLE);
    let (idle, seconds) = (look(&running), since.elapsed().as_secs_f64());
    running.signal(15);
    running.wait(Duration::from_secs(120));
    Measured {
        streaming,
        start,
        peak_mebibytes: idle.peak_mebibytes,
        cpu_share: (idle.cpu_seconds - before.cpu_seconds) / seconds,
        wakes_per_second: idle.wakes.saturating_sub(before.wakes) as f64 / seconds,
        idle,
    }
}

fn look(running: &Running) -> Usage {
    usage(running.id()).expect("the process runs, and `/proc` tells of it")
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("s{n:04}")).collect()
}

/// Everything else is as by default: how often an idle source is asked, too.
fn set_schemas(pipeline: &mut Pipeline, count: usize) {
    pipeline.set("mode", json!("multi"));
    pipeline.set("single_schema_name", Value::Null);
    let schemas = names(count).into_iter().map(|name| json!({"name": name}));
    pipeline.set("schemas", schemas.collect());
}

/// Schemas of one small file each, into one SQLite file.
fn with_files(count: usize) -> Pipeline {
    let mut pipeline = Pipeline::new();
    set_schemas(&mut pipeline, count);
    pipeline.set(
        "destination",
        json!({
            "type": "sqlite", "connection_string": "./copy.db", "options": {"schema_prefix": true},
        }),
    );
    for name in names(count) {
        let directory = pipeline.path(&format!("data/{name}"));
        fs::create_dir_all(&directory).expect("a directory");
        let rows = "{\"id\":1,\"state\":\"shipped\"}\n{\"id\":2,\"state\":\"open\"}\n";
        fs::write(directory.join("orders.ndjson"), rows).expect("the source can be written");
    }
    pipeline
}

/// Schemas of one small table each, from one server to another.
fn with_servers(count: usize) -> (Databases, Pipeline) {
    let most = (count * 4 + 50).to_string();
    let settings: Vec<_> = ["max_connections", "max_wal_senders", "max_replication_slots"]
        .map(|setting| (setting, most.as_str()))
        .into();
    let databases = Databases::start_with(&settings);
    for name in names(count) {
        databases.at_source(&format!(
            "CREATE SCHEMA {name}; CREATE TABLE {name}.orders (id bigint PRIMARY KEY, state text); \
             INSERT INTO {name}.orders VALUES (1, 'shipped'), (2, 'open')"
        ));
    }
    let mut pipeline = databases.pipeline();
    set_schemas(&mut pipeline, count);
    (databases, pipeline)
}
