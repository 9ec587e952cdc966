//! What a database has: its collections, and what each looks like.
//!
//! A shape is a guess that comes true: what a sample of documents shows, and of the `_id`s the first
//! and the last, since an index orders them by type. Whatever it lacks is added by the documents that
//! bring it, on every instance alike, and the host merges what they say.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::{Failure, Table, log};
use mongodb::bson::{RawDocumentBuf, doc};
use mongodb_documents::{Rows, Shape};

use crate::options::Options;
use crate::server::Server;

/// Collections of one database (I7).
const COLLECTIONS_MAX: usize = 20_000;
/// How long all samples of a database may take; a call ends after a minute.
const SAMPLING_TIME: Duration = Duration::from_secs(25);
/// The server gives up one sample after this.
const SAMPLE_TIME_MS: i64 = 5_000;
/// What is read of one sample; documents have up to 16 MiB.
const SAMPLE_BYTES_MAX: usize = 32 << 20;

/// A collection, or why it cannot be followed.
#[derive(Debug)]
pub struct Collection {
    /// What its documents look like, so far.
    pub shape: Shape,
    /// Why selecting it is an error.
    pub refused: Option<Failure>,
    /// About how many documents it has.
    pub documents: u64,
}

impl Collection {
    /// The table as the host sees it.
    pub fn table(&self) -> Table {
        self.shape.table().estimated_rows(self.documents)
    }

    /// A writer of the collection's changes.
    pub fn changes(&self) -> Rows {
        Rows::changes(self.shape.clone())
    }
}

/// The shape of a collection of which nothing was seen.
pub fn unseen(name: &str, options: &Options) -> Shape {
    Shape::new(name, options.mode(), options.id_type)
}

/// All collections of a database by name; views, system collections and time series are left out.
pub fn collections(
    server: &Server,
    database: &str,
    options: &Options,
) -> Result<BTreeMap<String, Collection>, Failure> {
    let deadline = Instant::now() + SAMPLING_TIME;
    let mut found = BTreeMap::new();
    for listed in list(server, database)? {
        listed.warn();
        if !listed.is_followed {
            continue;
        }
        let name = listed.name;
        let mut collection =
            Collection { shape: unseen(&name, options), refused: None, documents: 0 };
        collection.documents = count(server, database, &name)?;
        if Instant::now() < deadline {
            let result = look_at(server, database, &mut collection.shape, options);
            // Only a table that is selected has to be in order.
            collection.refused = result.err();
        } else {
            log::warn(
                "there was no time to look at this collection; its columns come with its rows",
                &[("table", &name)],
            );
        }
        found.insert(name, collection);
    }
    Ok(found)
}

/// The names of the collections that can be followed, in order.
pub fn names(server: &Server, database: &str) -> Result<Vec<String>, Failure> {
    let listed = list(server, database)?.into_iter();
    Ok(listed.filter(|listed| listed.is_followed).map(|listed| listed.name).collect())
}

/// An entry of the database's own list.
struct Listed {
    name: String,
    is_followed: bool,
    is_time_series: bool,
    is_capped: bool,
}

impl Listed {
    /// Says what an operator should know of it.
    fn warn(&self) {
        if self.is_time_series {
            log::warn(
                "a time-series collection is left out: its change stream does not show documents",
                &[("table", &self.name)],
            );
        }
        if self.is_capped {
            log::warn(
                "a capped collection: documents that it drops at its end stay at the destination, \
                 since its log does not tell of them",
                &[("table", &self.name)],
            );
        }
    }
}

fn list(server: &Server, database: &str) -> Result<Vec<Listed>, Failure> {
    let command = doc! { "listCollections": 1, "cursor": {} };
    let mut list = Vec::new();
    for entry in server.collect(database, command, COLLECTIONS_MAX)? {
        let name = entry.get_str("name").map_err(|_| server.unexpected("a collection's name"))?;
        let kind = entry.get_str("type").unwrap_or("collection");
        let options = entry.get_document("options");
        list.push(Listed {
            name: name.to_owned(),
            is_followed: kind == "collection" && !name.starts_with("system."),
            is_time_series: kind == "timeseries",
            is_capped: options.is_ok_and(|options| options.get_bool("capped").unwrap_or(false)),
        });
    }
    list.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(list)
}

/// About how many documents there are, from the collection's own count.
pub fn count(server: &Server, database: &str, name: &str) -> Result<u64, Failure> {
    let answer = server.run(database, doc! { "count": name })?;
    let count = answer.get("n");
    let count = count.and_then(|n| n.as_i64().or_else(|| n.as_i32().map(i64::from)));
    Ok(u64::try_from(count.unwrap_or_default()).unwrap_or_default())
}

/// Observes documents from both ends of the index on `_id`: old ones and new ones, for most kinds of
/// `_id`. A random sample would need a scan where there is no cheap random cursor.
fn look_at(
    server: &Server,
    database: &str,
    shape: &mut Shape,
    options: &Options,
) -> Result<(), Failure> {
    for order in [1, -1] {
        let limit = i64::from(options.sample_size.div_ceil(2));
        let find = doc! {
            "find": shape.collection(), "sort": { "_id": order }, "limit": limit,
            "batchSize": limit, "maxTimeMS": SAMPLE_TIME_MS,
        };
        let size = u32::try_from(limit).unwrap_or(u32::MAX);
        let mut cursor = match server.open_cursor(database, find, size, None)? {
            Ok(cursor) => cursor,
            Err(error) => {
                let failure = server.failure(&error);
                let name = shape.collection();
                log::warn(
                    "no sample of this collection; its columns come with its rows",
                    &[("table", name), ("reason", &failure.message)],
                );
                continue;
            }
        };
        let mut bytes = 0;
        while let Some(batch) = server.next_batch(&mut cursor)? {
            for document in server.documents(&batch)? {
                bytes += document.as_bytes().len();
                shape.observe(document)?;
            }
            if bytes > SAMPLE_BYTES_MAX {
                break;
            }
        }
    }
    Ok(())
}

/// The first (`order` 1) or last (-1) document by `_id`, with nothing but that.
pub fn end_of_index(
    server: &Server,
    database: &str,
    name: &str,
    order: i32,
) -> Result<Option<RawDocumentBuf>, Failure> {
    let find = doc! {
        "find": name, "sort": { "_id": order }, "limit": 1, "projection": { "_id": 1 },
        "singleBatch": true,
    };
    let found = server.collect(database, find, 1)?.into_iter().next();
    let raw = found.map(|document| RawDocumentBuf::try_from(&document)).transpose();
    raw.map_err(|_| server.unexpected("a document that cannot be written again"))
}
