//! The weaker way to follow changes: ask each collection for documents whose time column moved on.
//!
//! It needs no log, so it works with a standalone server. It never sees a delete, a document without
//! the column, or a change that leaves the column as it was or sets it back; of several changes it
//! sees the last. Documents of one time are told apart by `_id`, so none is left out by a cut between
//! two of them. Times of several types are ordered as MongoDB orders types.

use std::collections::{BTreeMap, HashMap};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::{ChangeBatch, Failure, Limits, Operation, SchemaChange, log};
use mongodb::bson::{Bson, Document, RawDocument, doc};
use mongodb_documents::{Change, Rows};

use crate::MongodbSource;
use crate::catalog;
use crate::form::Form;
use crate::places::{Place, Places};
use crate::position::Position;
use crate::server::{Server, failure};
use crate::stream::new_table;

/// Between two rounds over all collections, while a call waits.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two looks for new collections.
const LIST_EVERY: Duration = Duration::from_secs(30);
/// Documents of one answer: they have up to 16 MiB, and an answer is read whole.
const BATCH_MAX: usize = 10_000;

/// What the polling connection remembers.
#[derive(Default)]
pub struct State {
    tables: HashMap<String, Rows>,
    /// The collection with which the next call begins, so that none starves another.
    next: usize,
    /// Bytes of the present round's documents.
    bytes: u64,
    listed: Option<Instant>,
}

/// Says at the start what nobody should find out later.
pub fn warn(source: &MongodbSource) {
    log::warn(
        "changes are found by polling a time column: deletes and documents without it are not seen",
        &[("column", &source.time_column)],
    );
}

/// Whether a column can be polled: as an expression a name with a dot would be a path into a document,
/// and one with a dollar a variable.
///
/// # Errors
/// `config` when it cannot.
pub fn check_column(column: &str) -> Result<(), Failure> {
    if !column.is_empty() && !column.contains(['.', '$']) {
        return Ok(());
    }
    Err(Failure::config(
        "unusable-column",
        format!(
            "`change_detection_column: {column}` is no top-level field, and only such a field can be \
             polled; keep the time in one"
        ),
    ))
}

/// Where polling begins: at the latest time of each collection, its documents included.
pub fn position_now(source: &MongodbSource, schema: &str) -> Result<Position, Failure> {
    let mut tables = BTreeMap::new();
    for name in source.selected().keys() {
        let column = source.time_column.as_str();
        let find = doc! {
            "find": *name, "filter": { column: { "$ne": null } }, "sort": { column: -1 }, "limit": 1,
            "projection": { column: 1 }, "singleBatch": true,
        };
        let latest = source.server.collect(schema, find, 1)?.into_iter().next();
        if let Some(at) = latest.and_then(|mut latest| latest.remove(column)) {
            tables.insert((*name).clone(), Place { at, id: Bson::MinKey });
        }
    }
    Ok(Position::Polling(Places { tables, form: Some(Form::of(&source.options)) }))
}

/// Reads changed documents, waiting for some within the limit.
pub fn get_changes(
    source: &mut MongodbSource,
    schema: &str,
    mut places: Places,
    limits: Limits,
) -> Result<ChangeBatch, Failure> {
    let deadline = Instant::now() + limits.wait;
    let mut state = std::mem::take(&mut source.polling);
    let result = loop {
        let batch = state.round(source, schema, &mut places, &limits);
        let left = deadline.saturating_duration_since(Instant::now());
        match batch {
            Ok(batch) if batch.caught_up && is_empty(&batch) && !left.is_zero() => {
                sleep(PAUSE.min(left));
            }
            result => break result,
        }
    };
    source.polling = state;
    let mut batch = result?;
    batch.position = Position::Polling(places).encode()?;
    Ok(batch)
}

fn is_empty(batch: &ChangeBatch) -> bool {
    batch.tables.is_empty() && batch.rejected.is_empty() && batch.schema_changes.is_empty()
}

impl State {
    /// Asks the collections one after the other, until the batch is full.
    fn round(
        &mut self,
        source: &mut MongodbSource,
        schema: &str,
        places: &mut Places,
        limits: &Limits,
    ) -> Result<ChangeBatch, Failure> {
        let mut batch = ChangeBatch { caught_up: true, ..ChangeBatch::default() };
        self.list(source, schema, &mut batch)?;
        self.bytes = 0;
        let names: Vec<String> = source.selected().into_keys().cloned().collect();
        for turn in 0..names.len() {
            let left = limits.rows_max - batch.tables.iter().map(|rows| rows.len()).sum::<usize>();
            if left == 0 || self.bytes >= limits.bytes_max {
                batch.caught_up = false;
                break;
            }
            let name = &names[(self.next + turn) % names.len()];
            let rows = self.tables.entry(name.clone());
            let known = &source.collections[name];
            let rows = rows.or_insert_with(|| known.changes());
            let ask = Ask { source, schema, name, limits, left };
            let is_cut = ask.read(rows, places, &mut batch, &mut self.bytes)?;
            batch.caught_up &= !is_cut;
        }
        self.next = (self.next + 1) % names.len().max(1);
        Ok(batch)
    }

    /// Collections that came or went.
    fn list(
        &mut self,
        source: &mut MongodbSource,
        schema: &str,
        batch: &mut ChangeBatch,
    ) -> Result<(), Failure> {
        let listed = *self.listed.get_or_insert_with(Instant::now);
        if listed.elapsed() < LIST_EVERY {
            return Ok(());
        }
        self.listed = Some(Instant::now());
        let now = catalog::names(&source.server, schema)?;
        let gone: Vec<String> =
            source.selected().into_keys().filter(|name| !now.contains(name)).cloned().collect();
        for name in gone {
            batch.schema_changes.push(SchemaChange::drop_table(&name));
            source.collections.remove(&name);
            self.tables.remove(&name);
        }
        match now.iter().find(|name| !source.collections.contains_key(*name)) {
            Some(name) => Err(new_table(name)),
            None => Ok(()),
        }
    }
}

/// One question to one collection.
struct Ask<'a> {
    source: &'a MongodbSource,
    schema: &'a str,
    name: &'a str,
    limits: &'a Limits,
    left: usize,
}

impl Ask<'_> {
    /// Reads documents behind the collection's place; true when there are more.
    fn read(
        &self,
        rows: &mut Rows,
        places: &mut Places,
        batch: &mut ChangeBatch,
        bytes: &mut u64,
    ) -> Result<bool, Failure> {
        let server = &self.source.server;
        let limit = self.left.min(BATCH_MAX);
        let find = self.find(places.tables.get(self.name), limit);
        let size = u32::try_from(limit).unwrap_or(u32::MAX);
        let mut cursor = match server.open_cursor(self.schema, find, size, None)? {
            Ok(cursor) => cursor,
            Err(error) if failure::is_missing(&error) => return Ok(false),
            Err(error) => return Err(server.failure(&error)),
        };
        let Some(answer) = server.next_batch(&mut cursor)? else { return Ok(false) };
        let all = server.documents(&answer)?;
        let fitting = all.iter().take_while(|document| {
            let is_first = *bytes == 0;
            *bytes += document.as_bytes().len() as u64;
            is_first || *bytes <= self.limits.bytes_max
        });
        let documents = &all[..fitting.count()];
        let updates = documents.iter().map(|document| Change {
            operation: Operation::Update,
            document,
            at: None,
        });
        batch.rejected.extend(rows.push_all(updates)?);
        if !rows.is_empty() {
            batch.tables.push(rows.finish()?);
        }
        if let Some(last) = documents.last() {
            places.tables.insert(self.name.to_owned(), self.place(server, last)?);
        }
        Ok(documents.len() < all.len() || all.len() == limit)
    }

    fn place(&self, server: &Server, document: &RawDocument) -> Result<Place, Failure> {
        let field = |name: &str| {
            let value = document.get(name).ok().flatten();
            value.and_then(|value| Bson::try_from(value).ok())
        };
        match (field(&self.source.time_column), field("_id")) {
            (Some(at), Some(id)) => Ok(Place { at, id }),
            _ => Err(server.unexpected("a document lacks what it was found by")),
        }
    }

    fn find(&self, place: Option<&Place>, limit: usize) -> Document {
        let column = self.source.time_column.as_str();
        let filter = match place {
            None => doc! { column: { "$ne": null } },
            Some(Place { at, id }) => {
                let (time, at) = (format!("${column}"), doc! { "$literal": at.clone() });
                // Unlike the operators of queries, these compare values of every type, in the order of
                // the index; the first stands alone so that the index is used for it.
                let from = doc! { "$gte": [&time, at.clone()] };
                let later = doc! { "$gt": [&time, at.clone()] };
                let behind = doc! { "$gt": ["$_id", { "$literal": id.clone() }] };
                let same = doc! { "$and": [{ "$eq": [&time, at] }, behind] };
                doc! { "$expr": { "$and": [from, { "$or": [later, same] }] } }
            }
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        doc! {
            "find": self.name, "filter": filter, "sort": { column: 1, "_id": 1 }, "limit": limit,
            "batchSize": limit, "readConcern": self.source.server.read_concern(None),
        }
    }
}
