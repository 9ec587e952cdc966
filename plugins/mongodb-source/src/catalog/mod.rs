//! What a database has: its collections, and what each looks like.
//!
//! A shape is a guess that comes true: what a sample of documents shows (`sample`). Whatever it lacks
//! is added by the documents that bring it, on every instance alike, and the host merges what they say.

mod sample;

use std::collections::BTreeMap;

use cartridge_warp_sdk::naming::is_name;
use cartridge_warp_sdk::{Failure, Table, log};
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::error::Error;
use mongodb_documents::{Rows, Shape};

use crate::options::{FullDocument, Options};
use crate::server::{Server, failure};

/// Collections of one database (I7): the host takes no more tables of one schema.
const COLLECTIONS_MAX: usize = 10_000;
/// What a database lists, views and the like among it.
const LISTED_MAX: usize = 20_000;

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
            let refused = listed.refused(options);
            found.insert(listed.name, Collection { shape, refused, documents: None });
        }
    }
    if found.len() > COLLECTIONS_MAX {
        return Err(too_many(database, &found.len().to_string()));
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
    is_unnameable: bool,
    is_time_series: bool,
    is_capped: bool,
    has_post_images: bool,
}

impl Listed {
    /// Why it cannot be followed with these options, as far as the list shows.
    fn refused(&self, options: &Options) -> Option<Failure> {
        let lacks = options.full_document == FullDocument::Required && !self.has_post_images;
        let what = || format!("collection {}", self.name);
        lacks.then(|| failure::no_post_images(&what(), &self.name))
    }

    /// Says what an operator should know of it.
    fn warn(&self) {
        if self.is_unnameable {
            log::warn(
                "a collection is left out: its name has characters that cannot be seen or turn text \
                 around, and no table can be called so; rename it to have it copied",
                &[("collection", &self.name)],
            );
        }
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
    let entries = server.collect_few(database, command, LISTED_MAX)?;
    let entries = entries.ok_or_else(|| too_many(database, &format!("more than {LISTED_MAX}")))?;
    for entry in entries {
        let name = entry.get_str("name").map_err(|_| server.unexpected("a collection's name"))?;
        let kind = entry.get_str("type").unwrap_or("collection");
        let options = entry.get_document("options").ok();
        let images = options.and_then(|of| of.get_document("changeStreamPreAndPostImages").ok());
        let is_on = |of: Option<&Document>, key: &str| {
            of.is_some_and(|of| matches!(of.get_bool(key), Ok(true)))
        };
        list.push(Listed {
            name: name.to_owned(),
            is_followed: kind == "collection" && is_table(name),
            is_unnameable: !is_name(name),
            is_time_series: kind == "timeseries",
            is_capped: is_on(options, "capped"),
            has_post_images: is_on(images, "enabled"),
        });
    }
    list.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(list)
}

fn too_many(database: &str, how_many: &str) -> Failure {
    Failure::config(
        "too-many-collections",
        format!(
            "database {database} has {how_many} collections, and one pipeline takes at most \
             {COLLECTIONS_MAX} of a database, selected or not; keep collections that are to be \
             copied in a database of their own"
        ),
    )
}

/// Whether a collection of this name can be a table. Those of the server are none, its catalogs, and what
/// `$out` and renames between databases fill before they give it its name; nor is what no table can be
/// called.
pub fn is_table(name: &str) -> bool {
    let is_temporary = name.starts_with("tmp.agg_out.")
        || (name.starts_with("tmp") && name.ends_with(".renameCollection"));
    is_name(name) && !is_temporary && !name.starts_with("system.")
}

/// About how many documents there are, from the collection's own count.
pub async fn count(server: &Server, database: &str, name: &str) -> Result<u64, Error> {
    let answer = server.database(database).run_command(doc! { "count": name }).await?;
    let count = answer.get("n");
    let count = count.and_then(|n| n.as_i64().or_else(|| n.as_i32().map(i64::from)));
    Ok(u64::try_from(count.unwrap_or_default()).unwrap_or_default())
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
