//! A writer that inserts, updates, replaces and deletes as fast as the server takes it, in several
//! collections and with several kinds of keys, and goes on when the server comes and goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use cartridge_warp_test_mongodb::bson::{
    Binary, Bson, DateTime, Decimal128, Document, doc, oid::ObjectId, spec::BinarySubtype,
};
use cartridge_warp_test_mongodb::{Client, Refusal};
use fastrand::Rng;

use super::servers::SCHEMA;

/// Collections, each with its own kind of key.
const COLLECTIONS: [&str; 3] = ["orders", "users", "events"];
/// Different keys in each: few, so that they are inserted, deleted and inserted again.
const KEYS: u64 = 2000;
/// Statements of one command.
const STATEMENTS_MAX: usize = 10;
/// 2026-01-01, in milliseconds.
const START: i64 = 1_767_225_600_000;

/// A thread that writes until this is dropped.
pub struct Writer {
    ended: Arc<AtomicBool>,
    commands: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts writing to the server on this port, by chance of this seed.
    pub fn start(port: u16, seed: u64) -> Self {
        let (ended, commands) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (until, done) = (Arc::clone(&ended), Arc::clone(&commands));
        let thread = spawn(move || {
            let mut random = Rng::with_seed(seed);
            while !until.load(Ordering::SeqCst) {
                // Down, or not yet up.
                let Ok(mut client) = Client::connect(port) else {
                    sleep(Duration::from_millis(20));
                    continue;
                };
                let mut session = Session::new(&mut random);
                while !until.load(Ordering::SeqCst) && write(&mut client, &mut random, &mut session)
                {
                    done.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        Self { ended, commands, thread: Some(thread) }
    }

    /// Commands that the server has answered.
    pub fn commands(&self) -> u64 {
        self.commands.load(Ordering::SeqCst)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the writer wrote");
        }
    }
}

/// Documents that are there before anything is copied.
pub fn fill(client: &mut Client, random: &mut Rng, count: u64) {
    for collection in &COLLECTIONS[..2] {
        let documents: Vec<Document> =
            (0..count).map(|number| document(random, key(collection, number))).collect();
        client.insert(SCHEMA, collection, &documents).expect("they are new");
    }
}

/// One command, and whether the connection still stands.
fn write(client: &mut Client, random: &mut Rng, session: &mut Session) -> bool {
    let collection = COLLECTIONS[random.usize(..COLLECTIONS.len())];
    let done = match random.u8(0..20) {
        0 => session.transaction(client, random),
        _ => client.run(SCHEMA, command(collection, random)).map(drop),
    };
    match done {
        Ok(()) => true,
        // A key that is there already, or a transaction that met this writer's own past.
        Err(Refusal::Refused { code: 11_000 | 112 | 251, .. }) => true,
        Err(Refusal::Refused { code, message }) => panic!("the server refuses: {message} ({code})"),
        Err(Refusal::Broken(_)) => false,
    }
}

/// Inserts, updates, replaces or deletes.
fn command(collection: &str, random: &mut Rng) -> Document {
    let (kind, count) = (random.u8(0..10), random.usize(1..=STATEMENTS_MAX));
    let keys: Vec<Bson> = (0..count).map(|_| key(collection, random.u64(..KEYS))).collect();
    let mut each = |make: fn(&mut Rng, Bson) -> Document| -> Vec<Document> {
        keys.iter().map(|key| make(random, key.clone())).collect()
    };
    match kind {
        0..=3 => doc! {"insert": collection, "documents": each(document), "ordered": false},
        4..=6 => doc! {"update": collection, "updates": each(update)},
        7 => doc! {"update": collection, "updates": each(replacement)},
        _ => doc! {"delete": collection, "deletes": each(deletion)},
    }
}

fn update(random: &mut Rng, key: Bson) -> Document {
    let change = match random.u8(0..4) {
        0 => doc! {"$inc": {"n": 1_i64}, "$set": {"address.zip": random.i32(..)}},
        1 => doc! {"$unset": {"note": ""}, "$set": {"name": name(random)}},
        2 => doc! {"$push": {"tags": {"$each": [random.i32(..)], "$slice": -3}}},
        _ => doc! {"$set": {"note": name(random), "open": random.bool(), "price": random.f64()}},
    };
    doc! {"q": {"_id": key}, "u": change}
}

fn replacement(random: &mut Rng, key: Bson) -> Document {
    doc! {"q": {"_id": key.clone()}, "u": document(random, key), "upsert": true}
}

fn deletion(_: &mut Rng, key: Bson) -> Document {
    doc! {"q": {"_id": key}, "limit": 1}
}

/// The key of a number, of the collection's own type.
fn key(collection: &str, number: u64) -> Bson {
    match collection {
        "orders" => Bson::Int64(number.cast_signed()),
        "users" => {
            let mut bytes = [0x5E; 12];
            bytes[4..].copy_from_slice(&number.to_be_bytes());
            Bson::ObjectId(ObjectId::from_bytes(bytes))
        }
        _ => Bson::String(format!("e-{number}")),
    }
}

fn name(random: &mut Rng) -> String {
    let tail = ["", "é", "\n", "\"", "漢", "\\", "'"][random.usize(..7)];
    format!("name {}{tail}", random.u16(..))
}

fn document(random: &mut Rng, key: Bson) -> Document {
    let amount: Decimal128 = format!("{}.{:02}", random.u32(..), random.u8(..100)).parse().unwrap();
    let mut document = doc! {
        "_id": key,
        "n": random.i64(..),
        "name": name(random),
        "price": random.f64() * 1000.0,
        "amount": amount,
        "at": DateTime::from_millis(START + random.i64(0..1_000_000_000)),
        "open": random.bool(),
        "address": {"street": name(random), "zip": random.i32(..)},
        "tags": [name(random), random.i32(..), null],
    };
    match random.u8(0..3) {
        0 => drop(document.insert("note", name(random))),
        1 => drop(document.insert("note", Bson::Null)),
        _ => {}
    }
    document
}

/// A server's session, which transactions need.
struct Session {
    id: Document,
    transactions: i64,
}

impl Session {
    fn new(random: &mut Rng) -> Self {
        let bytes = random.u128(..).to_be_bytes().to_vec();
        let id = Binary { subtype: BinarySubtype::Uuid, bytes };
        Self { id: doc! {"id": id}, transactions: 0 }
    }

    /// A transaction in two collections.
    fn transaction(&mut self, client: &mut Client, random: &mut Rng) -> Result<(), Refusal> {
        self.transactions += 1;
        for (number, collection) in COLLECTIONS[..2].iter().enumerate() {
            let key = key(collection, random.u64(..KEYS));
            let updates = [replacement(random, key)];
            let mut command = doc! {"update": collection, "updates": updates.to_vec()};
            if number == 0 {
                command.insert("startTransaction", true);
            }
            client.run(SCHEMA, self.within(command))?;
        }
        client.run("admin", self.within(doc! {"commitTransaction": 1})).map(drop)
    }

    fn within(&self, mut command: Document) -> Document {
        command.insert("lsid", self.id.clone());
        command.insert("txnNumber", self.transactions);
        command.insert("autocommit", false);
        command
    }
}
