//! Documents as they are now, by their `_id`.
//!
//! Read as a copy reads: only what a majority has, and everything that the log had when it began, so what a stream
//! told before is seen. One by one, since a document may be as large as all that is held.

use std::time::{Duration, Instant};

use cartridge_warp_sdk::{
    Column, DeadLetter, Failure, Limits, LookedUp, Operation, TableRows, Value, key_text,
};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{
    Binary, Bson, RawDocument, RawDocumentBuf, Timestamp, doc, oid::ObjectId, raw::RawBson,
};
use mongodb_documents::{Change, KeyForm, Rows, Shape};

use crate::server::failure;
use crate::{MongodbSource, Strategy, catalog, stream};

/// How long one call looks up, so that far away servers do not make it last.
const PATIENCE: Duration = Duration::from_secs(5);
/// The code of a key that no `_id` can have.
const NO_SUCH_ID: &str = "no-such-id";

/// Looks up as many documents as the limits allow.
pub fn look_up(
    source: &mut MongodbSource,
    database: &str,
    table: &str,
    keys: &TableRows,
    limits: Limits,
) -> Result<LookedUp, Failure> {
    let seen = match source.strategy {
        Strategy::Log => Some(stream::position_at_end(source, database)?.seen),
        Strategy::Timestamp => None,
    };
    let deadline = Instant::now() + PATIENCE;
    let mut shape = catalog::unseen(table, &source.options);
    let (mut answer, mut documents, mut bytes) = (LookedUp::default(), Vec::new(), 0);
    for row in 0..keys.len() {
        match id(keys, row, &mut shape)? {
            None => answer.rejected.push(no_such_id(table, keys, row)),
            Some(id) => match find(source, database, table, &id, seen)? {
                Some(document) => {
                    bytes += document.as_bytes().len() as u64;
                    documents.push(document);
                }
                None => answer.absent.push(row),
            },
        }
        answer.answered += 1;
        let is_full = bytes >= limits.bytes_max || answer.answered >= limits.rows_max;
        if is_full || Instant::now() >= deadline {
            break;
        }
    }
    let mut rows = Rows::inserts(shape);
    let insert = |document| Change { operation: Operation::Insert, document, at: None };
    let found = documents.iter().map(|document: &RawDocumentBuf| insert(&**document));
    answer.rejected.extend(rows.push_all(found)?);
    if !rows.is_empty() {
        answer.rows = Some(rows.finish()?);
    }
    Ok(answer)
}

/// The `_id` that has this key; none where none can have it.
fn id(keys: &TableRows, row: usize, shape: &mut Shape) -> Result<Option<RawBson>, Failure> {
    let column = &keys.columns()[0];
    let Some(id) = bson(column, keys.value(row, 0)) else { return Ok(None) };
    let Ok(id) = RawBson::try_from(id) else { return Ok(None) };
    shape.observe_id(id.as_raw_bson_ref())?;
    let said = keys.value(row, 0).to_string();
    let is_that = shape.key_text(id.as_raw_bson_ref()).is_some_and(|text| text == said);
    Ok(is_that.then_some(id))
}

fn bson(column: &Column, value: Value<'_>) -> Option<Bson> {
    let form = KeyForm::of(column);
    match (form, value) {
        (KeyForm::ObjectId, Value::Str(digits)) => ObjectId::parse_str(digits).ok().map(Bson::from),
        (KeyForm::Json, Value::Str(text)) => serde_json::from_str(text).ok(),
        (KeyForm::Plain, Value::Str(text)) => Some(Bson::from(text)),
        (KeyForm::Plain, Value::I64(number)) => Some(Bson::from(number)),
        (KeyForm::Plain, Value::Uuid(bytes)) => {
            let (subtype, bytes) = (BinarySubtype::Uuid, bytes.to_vec());
            Some(Bson::from(Binary { subtype, bytes }))
        }
        _ => None,
    }
}

/// The document of this `_id`; by a collation of the collection it may be another one, which has another key.
fn find(
    source: &MongodbSource,
    database: &str,
    table: &str,
    id: &RawBson,
    seen: Option<Timestamp>,
) -> Result<Option<RawDocumentBuf>, Failure> {
    let server = &source.server;
    let asked = Bson::try_from(id.clone());
    let asked = asked.map_err(|_| server.unexpected("an _id cannot be sent back"))?;
    let find = doc! {
        "find": table, "filter": { "_id": { "$eq": asked } }, "limit": 1, "singleBatch": true,
        "readConcern": server.read_concern(seen),
    };
    let cursor = match server.open_cursor(database, find, 1, None)? {
        Ok(cursor) => Some(cursor),
        Err(error) if failure::is_missing(&error) => None,
        Err(error) => return Err(server.failure(&error)),
    };
    let Some(mut cursor) = cursor else { return Ok(None) };
    let Some(batch) = server.next_batch(&mut cursor)? else { return Ok(None) };
    let documents = server.documents(&batch)?;
    let mut shape = catalog::unseen(table, &source.options);
    shape.observe_id(id.as_raw_bson_ref())?;
    let text = |document: &&&RawDocument| {
        let found = document.get("_id").ok().flatten()?;
        shape.key_text(found)
    };
    let wanted = shape.key_text(id.as_raw_bson_ref());
    let found = documents.iter().find(|document| text(document) == wanted);
    Ok(found.map(|document| (*document).to_owned()))
}

fn no_such_id(table: &str, keys: &TableRows, row: usize) -> DeadLetter {
    let key = keys.columns().iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    let (key, origin) = (key_text(keys, row, &key), format!("collection {table}"));
    let message = format!("{origin}: no _id can be made of this key to look it up by");
    let payload = key.clone().unwrap_or_default();
    DeadLetter::new(table, NO_SUCH_ID, message, &payload, origin).key(key)
}
