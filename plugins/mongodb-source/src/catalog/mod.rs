//! What a database has: its collections, and what each looks like.
//!
//! A shape is a guess that comes true: what a sample of documents shows (`sample`). Whatever it lacks
//! is added by the documents that bring it, on every instance alike, and the host merges what they say.

mod sample;

use std::collections::BTreeMap;

use cartridge_warp_sdk::{Failure, Table, log};
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb_documents::{Rows, Shape};

use crate::options::Options;
use crate::server::Server;

/// Collections of one database (I7).
const COLLECTIONS_MAX: usize = 20_000;

/// A collection, or why it cannot be followed.
#[derive(Debug)]
pub struct Collection {
    /// What its documents look like, so far.
    pub shape: Shape,
    /// Why selecting it is an error.
    pub refused: Option<Failure>,
    /// About how many documents it has, where the server said so.
    pub documents: Option<u64>,
}

impl Collection {
    /// The table as the host sees it.
    pub fn table(&self) -> Table {
        let table = self.shape.table();
        match self.documents {
            Some(documents) => table.estimated_rows(documents),
            None => table,
        }
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
    let mut found = BTreeMap::new();
    for listed in list(server, database)? {
        listed.warn();
        if listed.is_followed {
            let shape = unseen(&listed.name, options);
            found.insert(listed.name, Collection { shape, refused: None, documents: None });
        }
    }
    sample::look_at_all(server, database, &mut found, options.sample_size)?;
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
            is_followed: kind == "collection" && !is_internal(name),
            is_time_series: kind == "timeseries",
            is_capped: options.is_ok_and(|options| options.get_bool("capped").unwrap_or(false)),
        });
    }
    list.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(list)
}

/// Whether a collection is the server's own: its catalogs, and what `$out` and renames between
/// databases fill before they give it its name.
pub fn is_internal(name: &str) -> bool {
    let is_temporary = name.starts_with("tmp.agg_out.")
        || (name.starts_with("tmp") && name.ends_with(".renameCollection"));
    is_temporary || name.starts_with("system.")
}

/// What the key of a collection looks like, and nothing else of it; none without documents.
pub fn key_of(
    server: &Server,
    database: &str,
    name: &str,
    options: &Options,
) -> Result<Option<Shape>, Failure> {
    let mut shape = None;
    for order in [1, -1] {
        if let Some(end) = end_of_index(server, database, name, order)? {
            shape.get_or_insert_with(|| unseen(name, options)).observe(&end)?;
        }
    }
    Ok(shape)
}

/// About how many documents there are, from the collection's own count.
pub fn count(server: &Server, database: &str, name: &str) -> Result<u64, Failure> {
    Ok(counted(&server.run(database, doc! { "count": name })?))
}

/// The number of an answer to `count`.
fn counted(answer: &Document) -> u64 {
    let count = answer.get("n");
    let count = count.and_then(|n| n.as_i64().or_else(|| n.as_i32().map(i64::from)));
    u64::try_from(count.unwrap_or_default()).unwrap_or_default()
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
