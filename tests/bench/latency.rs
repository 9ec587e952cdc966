//! How long a change takes from its commit at the source until it is seen at the destination.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use cartridge_warp_tests::Databases;
use serde_json::json;
use tokio_postgres::{Client, NoTls};

/// Changes a second while it is measured.
const RATE: u64 = 5000;
/// A transaction of [`RATE`]` / 100` rows every 10 ms, each watched until it arrives.
const TRANSACTIONS: u64 = 1000;
const PERIOD: Duration = Duration::from_millis(10);

/// Prints the median and the 99th percentile.
pub fn run(databases: &Databases, out: &mut impl Write) -> io::Result<()> {
    let mut pipeline = databases.pipeline();
    pipeline.set("schemas.0.default_polling_interval", json!(0.02));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut latencies = runtime.block_on(async {
        let source = connect(&databases.source_url()).await;
        let destination = connect(&databases.destination_url()).await;
        probe(&source, &destination).await
    });
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    writeln!(
        out,
        "latency at {RATE} changes/s: p50 {:?}, p99 {:?}, most {:?}",
        at(0.5),
        at(0.99),
        at(1.0)
    )
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("it connects");
    tokio::spawn(connection);
    client
}

/// Commits transactions at a steady rate and watches the newest arrive.
async fn probe(source: &Client, destination: &Client) -> Vec<Duration> {
    let first: i64 = one(source, "SELECT max(id) FROM orders").await;
    let rows = (RATE / 100) as i64;
    let insert = "INSERT INTO orders (id, state, at) SELECT n, 'probe', now() \
                  FROM generate_series($1::bigint, $2::bigint) n";
    let insert = source.prepare(insert).await.expect("it is valid");
    let newest = "SELECT max(id) FROM public.orders";
    let newest = destination.prepare(newest).await.expect("it is valid");
    let start = Instant::now();
    let (mut sent, mut latencies) = (Vec::new(), Vec::new());
    while latencies.len() < TRANSACTIONS as usize {
        let number = sent.len() as i64;
        if number < TRANSACTIONS as i64 && start.elapsed() >= PERIOD * (number as u32) {
            let from = first + 1 + number * rows;
            source.execute(&insert, &[&from, &(from + rows - 1)]).await.expect("it commits");
            sent.push(Instant::now());
        }
        let row = destination.query_one(&newest, &[]).await.expect("it answers");
        let arrived = (row.get::<_, i64>(0) - first) / rows;
        while (latencies.len() as i64) < arrived {
            latencies.push(sent[latencies.len()].elapsed());
        }
        assert!(start.elapsed() < Duration::from_secs(120), "changes do not arrive");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    latencies
}

async fn one(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.expect("it answers").get(0)
}
