//! From MongoDB to Parquet files, which DuckDB reads, nothing is lost or doubled either.

use cartridge_warp_test_mongodb::{Server, Settings, bson::doc};
use cartridge_warp_tests::Pipeline;
use fastrand::Rng;
use serde_json::json;

use super::{STREAMING, compare, pause, servers::SCHEMA, writer};
use crate::lake;

const KILLS: usize = 12;
const DOCUMENTS: u64 = 5000;

#[test]
fn nothing_is_lost_or_doubled_in_files_when_the_runner_is_killed() {
    let source = Server::start(Settings { oplog_entries_max: 20_000_000, ..Settings::default() });
    let mut random = Rng::with_seed(0x1A4E);
    writer::fill(&mut source.client(), &mut random, DOCUMENTS);
    let mut pipeline = Pipeline::new();
    pipeline.set("single_schema_name", json!(SCHEMA));
    pipeline.set("source", json!({"type": "mongodb", "connection_string": source.url("")}));
    pipeline.set("schemas", json!([{"name": SCHEMA, "default_polling_interval": 0.05}]));
    pipeline.set("error_handling.max_backoff_seconds", json!(0.2));
    lake::deliver_to_lake(&mut pipeline, &lake::options("parquet", 1));
    pipeline.set("destination.options.target_file_bytes", json!(4 << 20));
    pipeline.set("schemas.0.default_batch_size", json!(500));
    let writer = writer::Writer::start(source.port(), 4);
    for kill in 0..KILLS {
        let mut running = pipeline.start();
        let (until, life) = match kill < KILLS / 3 {
            true => ("serving metrics", random.u64(0..500)),
            false => (STREAMING, random.u64(0..1000)),
        };
        running.wait_for(until);
        pause(life);
        running.kill();
    }
    let commands = writer.commands();
    drop(writer);
    assert!(commands > 1000, "the writer did little: {commands} commands");
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let mut merged = 0;
    for collection in ["orders", "users", "events"] {
        let documents = source.find(SCHEMA, collection, doc! {});
        let found = lake::read(&pipeline, &format!("{SCHEMA}/{collection}"), "parquet", "_id");
        merged += found.merged();
        assert_eq!(compare::difference(&documents, &found.rows), None, "{collection}");
    }
    assert!(merged > 0, "nothing was merged");
}
