//! One transaction of a gigabyte and more from PostgreSQL to PostgreSQL, by each way of reading, and
//! the memory that it takes: `throughput large`, with 10 GB of disk to spare for a million rows.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use cartridge_warp_tests::Databases;
use serde_json::json;

/// Bytes of each row's text.
const ROW_BYTES: u64 = 1000;
const SAMPLE_EVERY: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(1200);
/// A child's metrics.
const METRICS: &str = "127.0.0.1:19171";

/// Peaks of one run.
#[derive(Default)]
struct Peaks {
    process_mebibytes: u64,
    guest_mebibytes: u64,
}

/// Prints a line for each way of reading.
pub fn run(rows: u64) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(
        out,
        "\none transaction of {rows} rows of {ROW_BYTES} bytes\n{:<12} {:>10} {:>10} {:>18} {:>18}",
        "", "log MB", "rows/s", "process peak MiB", "both guests MiB"
    );
    for read_by in ["sql", "streaming"] {
        let databases = Databases::start();
        databases.at_source("CREATE TABLE orders (id bigint PRIMARY KEY, filler text)");
        let mut pipeline = databases.pipeline();
        pipeline.set("source.options", json!({"read_by": read_by}));
        pipeline.set("schemas.0.default_batch_size", json!(10_000));
        pipeline.set("schemas.0.tables", json!([{"name": "orders", "write_batch_size": 10_000}]));
        pipeline.set("monitoring.prometheus.port", json!(19171));
        // The position is taken before the transaction: all of it comes through the stream.
        assert!(pipeline.catch_up().status.success(), "the first run ends well");
        let log = databases.at_source(&format!(
            "SELECT pg_current_wal_lsn() AS before \\gset
             INSERT INTO orders SELECT n, repeat('x', {ROW_BYTES}) FROM generate_series(1, {rows}) n;
             SELECT ((pg_current_wal_lsn() - :'before') / 1000000)::bigint"
        ));
        let begun = Instant::now();
        let mut running = start(pipeline.command(&["run"]));
        let peaks = watch(&databases, &mut running, rows);
        let seconds = begun.elapsed().as_secs_f64();
        assert_eq!(databases.difference(), None);
        let _ = writeln!(
            out,
            "{read_by:<12} {:>10} {:>10.0} {:>18} {:>18}",
            log[0],
            rows as f64 / seconds,
            peaks.process_mebibytes,
            peaks.guest_mebibytes
        );
    }
}

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts")
}

/// Waits until everything is there, then ends the run.
fn watch(databases: &Databases, running: &mut Child, rows: u64) -> Peaks {
    let (begun, mut peaks) = (Instant::now(), Peaks::default());
    loop {
        sleep(SAMPLE_EVERY);
        assert!(begun.elapsed() < PATIENCE, "it takes too long");
        assert!(running.try_wait().expect("it can be asked").is_none(), "it ended by itself");
        peaks.process_mebibytes = process_peak(running.id()).unwrap_or(peaks.process_mebibytes);
        peaks.guest_mebibytes = guest_memory().unwrap_or_default().max(peaks.guest_mebibytes);
        let last = databases
            .at_destination(&format!("SELECT count(*) FROM public.orders WHERE id = {rows}"));
        if last == ["1"] {
            break;
        }
    }
    running.kill().expect("it can be killed");
    running.wait().expect("it ends");
    peaks
}

fn process_peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kibibytes| kibibytes >> 10)
}

/// Memory of the connectors' instances, source and destination, which have one name.
fn guest_memory() -> Option<u64> {
    let mut stream = TcpStream::connect(METRICS).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let lines = answer.lines().filter(|line| line.contains("plugin_memory_bytes{"));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    Some(values.map(|bytes| bytes as u64 >> 20).sum())
}
