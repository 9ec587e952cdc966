//! MongoDB to PostgreSQL, against the driver that reads the same natively and for nobody.

use std::{io::Write as _, process::Command};

use cartridge_warp_test_mongodb::{
    Client, Server, Settings,
    bson::{Bson, DateTime, Decimal128, Document, Timestamp, doc, oid::ObjectId},
};
use cartridge_warp_test_postgresql::Cluster;
use cartridge_warp_tests::Pipeline;
use serde_json::json;

use crate::{
    drain::Drain,
    measure::{Measured, catch_up, heading, measure},
};

/// Half as many documents as rows elsewhere: they are twice as wide.
const DOCUMENTS_PER_ROW: f64 = 0.5;
/// Changes for each document of the snapshot.
const CHANGES_PER_DOCUMENT: f64 = 0.4;
/// Documents or statements of one command.
const AT_ONCE: u64 = 1000;
const SCHEMA: &str = "shop";
const COLLECTION: &str = "orders";
/// 2026-01-01, in milliseconds.
const START: i64 = 1_767_225_600_000;

/// Prints snapshot and catch-up, each with its limit in the same run.
pub fn run(rows: u64) {
    let documents = (rows as f64 * DOCUMENTS_PER_ROW) as u64;
    let source = Server::start(Settings {
        cache_mib: 1024,
        oplog_entries_max: 50_000_000,
        ..Settings::default()
    });
    let destination = Cluster::start(&[]);
    destination.create_database(SCHEMA);
    let mut client = source.client();
    fill(&mut client, documents);
    let pipeline = pipeline(&source, &destination);
    let mut out = std::io::stdout().lock();
    let _ = writeln!(
        out,
        "\nMongoDB ({}) to PostgreSQL, {documents} documents of 15 fields\n{}",
        if source.is_mongod() { "mongod" } else { "SecantusDB" },
        heading()
    );
    let limit = measure(native(&source, &Drain::Find));
    // The components are compiled once and then cached.
    assert!(pipeline.run(&["check"]).status.success(), "the two sides are reached");
    report(&mut out, "snapshot", &catch_up(&pipeline), "find", &limit, documents);
    assert_same(&mut client, &destination);

    let changes = (documents as f64 * CHANGES_PER_DOCUMENT) as u64;
    let since = now(&mut client);
    let changes = change(&mut client, changes, documents);
    let limit = measure(native(&source, &Drain::Watch { changes, since }));
    report(&mut out, "changes", &catch_up(&pipeline), "watch", &limit, changes);
    assert_same(&mut client, &destination);
}

fn report(
    out: &mut impl std::io::Write,
    name: &str,
    measured: &Measured,
    drain: &str,
    limit: &Measured,
    count: u64,
) {
    let _ = writeln!(out, "{}", measured.line(name, count));
    let _ = writeln!(out, "{}", limit.line(&format!("  {drain} natively"), count));
    let _ = writeln!(out, "{:<22} {:>9.2}x", "  ratio", measured.rate(count) / limit.rate(count));
}

fn pipeline(source: &Server, destination: &Cluster) -> Pipeline {
    let mut pipeline = Pipeline::new();
    pipeline.set("single_schema_name", json!(SCHEMA));
    pipeline.set("source", json!({"type": "mongodb", "connection_string": source.url("")}));
    pipeline.set(
        "destination",
        json!({"type": "postgresql", "connection_string": destination.url(SCHEMA)}),
    );
    let tables = json!([{"name": COLLECTION, "write_batch_size": 10_000}]);
    pipeline.set(
        "schemas",
        json!([{"name": SCHEMA, "default_batch_size": 10_000, "default_polling_interval": 0.05,
                "tables": tables}]),
    );
    pipeline
}

/// This program, as a driver that reads.
fn native(source: &Server, drain: &Drain) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args(["--drain", &source.url(""), SCHEMA, COLLECTION]).args(drain.arguments());
    command
}

fn fill(client: &mut Client, documents: u64) {
    for first in (0..documents).step_by(AT_ONCE as usize) {
        let some: Vec<Document> = (first..documents.min(first + AT_ONCE)).map(document).collect();
        client.insert(SCHEMA, COLLECTION, &some).expect("they are new");
    }
}

/// Fifteen fields, two of them nested.
fn document(number: u64) -> Document {
    let total: Decimal128 =
        format!("{}.{:02}", number % 10_000, number % 100).parse().expect("one");
    let signed = number.cast_signed();
    doc! {
        "_id": signed,
        "customer": ObjectId::from_bytes([number.to_be_bytes().as_slice(), &[7; 4]].concat().try_into().expect("12")),
        "name": format!("Customer number {}", number % 777),
        "email": format!("customer{}@example.com", number % 777),
        "state": "shipped",
        "quantity": (number % 7) as i32,
        "price": number as f64 / 8.0,
        "total": total,
        "paid": number.is_multiple_of(2),
        "at": DateTime::from_millis(START + signed),
        "updated_at": DateTime::from_millis(START + signed * 2),
        "note": if number.is_multiple_of(3) { Bson::Null } else { Bson::from("nothing special") },
        "n": signed % 1000,
        "address": {"street": format!("Street {}", number % 99), "zip": (number % 99_999) as i32, "country": "NL"},
        "lines": [
            {"article": (number % 500) as i32, "count": 1},
            {"article": (number % 300) as i32, "count": 2},
        ],
    }
}

/// Inserts, updates and deletes, a quarter, a half and a quarter, and how many there were.
fn change(client: &mut Client, changes: u64, documents: u64) -> u64 {
    let (commands, quarter) = (changes / AT_ONCE, AT_ONCE / 4);
    for command in 0..commands {
        let new = documents + command * quarter;
        let inserts: Vec<Document> = (new..new + quarter).map(document).collect();
        client.insert(SCHEMA, COLLECTION, &inserts).expect("they are new");
        let old = command * quarter * 3;
        let update = |number: u64| {
            let change = doc! {"$set": {"state": "paid", "paid": true}, "$inc": {"n": 1_i64}};
            doc! {"q": {"_id": number.cast_signed()}, "u": change}
        };
        let updates: Vec<Document> = (old..old + quarter * 2).map(update).collect();
        let update = doc! {"update": COLLECTION, "updates": updates};
        client.run(SCHEMA, update).expect("they are there");
        let delete = |number: u64| doc! {"q": {"_id": number.cast_signed()}, "limit": 1};
        let deletes: Vec<Document> = (old + quarter * 2..old + quarter * 3).map(delete).collect();
        client
            .run(SCHEMA, doc! {"delete": COLLECTION, "deletes": deletes})
            .expect("they are there");
    }
    commands * quarter * 4
}

/// The server's time of its last change.
fn now(client: &mut Client) -> Timestamp {
    let answer = client.run("admin", doc! {"hello": 1}).expect("it is up");
    let now = answer.get_timestamp("operationTime").expect("a replica set has a time");
    // The next change is the first.
    Timestamp { increment: now.increment + 1, ..now }
}

/// Count and sums of both sides.
fn assert_same(client: &mut Client, destination: &Cluster) {
    let group = doc! {"$group": {"_id": null, "count": {"$sum": 1}, "n": {"$sum": "$n"}}};
    let command = doc! {"aggregate": COLLECTION, "pipeline": [group], "cursor": {}};
    let answer = client.run(SCHEMA, command).expect("it sums");
    let sums = answer.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
    let sums = sums.expect("a batch")[0].as_document().expect("a group");
    let number = |name: &str| {
        let number = sums.get(name).and_then(|sum| sum.as_i64().or(sum.as_i32().map(i64::from)));
        number.expect("a whole number")
    };
    let sql = format!("SELECT count(*), sum(n) FROM {SCHEMA}.{COLLECTION}");
    let wanted = format!("{}|{}", number("count"), number("n"));
    assert_eq!(destination.sql(SCHEMA, &sql), [wanted]);
}
