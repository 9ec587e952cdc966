//! Reads one range, batch by batch, and asks for the next batch while the last one travels.

use std::time::{Duration, Instant};

use cartridge_warp_sdk::{Chunk, Failure, Limits, Operation, SnapshotBatch};
use mongodb::bson::{Bson, Document, RawBson, RawDocument, Timestamp, doc};
use mongodb::error::Error;
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};
use mongodb_documents::{Change, Rows};

use super::bounds::{Range, cursor_after, read_cursor};
use crate::MongodbSource;
use crate::catalog;
use crate::form::Form;
use crate::server::{ANSWER_PATIENCE, Next, Server, failure};

/// How long a range waits in one call for a server to come back.
const OUTAGE_PATIENCE: Duration = Duration::from_secs(25);

/// A range that is being read.
pub struct Reading {
    table: String,
    chunk: String,
    range: Range,
    rows: Rows,
    /// Behind the last document that was returned: its `_id`, and its bytes for the host.
    last: Option<(RawBson, Vec<u8>)>,
    cursor: Option<RawBatchCursor>,
    /// A batch that is being returned, and how many of its documents were.
    batch: Option<(RawBatch, usize)>,
}

impl Reading {
    /// Begins a range, or goes on in it.
    pub fn new(
        source: &MongodbSource,
        table: &str,
        chunk: &Chunk,
        cursor: Option<&[u8]>,
    ) -> Result<Self, Failure> {
        let range = Range::decode(&chunk.descriptor)?;
        Form::of(&source.options).check(range.form.as_ref())?;
        let mut shape = catalog::unseen(table, &source.options);
        if let Some(sample) = &range.sample {
            shape.observe_id(sample.as_raw_bson_ref())?;
        }
        let last = match cursor {
            Some(cursor) => Some((read_cursor(cursor)?, cursor.to_vec())),
            None => None,
        };
        let (table, chunk) = (table.to_owned(), chunk.id.clone());
        let rows = Rows::inserts(shape);
        Ok(Self { table, chunk, range, rows, last, cursor: None, batch: None })
    }

    /// Whether this is the range, and the place in it, that is asked for.
    pub fn is_at(&self, table: &str, chunk: &str, cursor: Option<&[u8]>) -> bool {
        let last = self.last.as_ref().map(|(_, bytes)| bytes.as_slice());
        self.table == table && self.chunk == chunk && last == cursor
    }

    /// The next rows.
    pub fn next(
        &mut self,
        source: &mut MongodbSource,
        schema: &str,
        limits: Limits,
    ) -> Result<SnapshotBatch, Failure> {
        let fetched = match self.batch.take() {
            Some(batch) => Some(batch),
            None => self.fetch(source, schema, limits)?.map(|batch| (batch, 0)),
        };
        let Some((batch, done)) = fetched else { return Ok(SnapshotBatch::default()) };
        let documents = source.server.documents(&batch)?;
        let end = self.end(&documents, done, limits);
        let mut answer = SnapshotBatch::default();
        let inserts = documents[done..end].iter().map(|document| Change {
            operation: Operation::Insert,
            document,
            at: None,
        });
        answer.rejected = self.rows.push_all(inserts)?;
        if !self.rows.is_empty() {
            answer.rows = Some(self.rows.finish()?);
        }
        if let Some(document) = documents[done..end].last() {
            let id = self.id(&source.server, document)?;
            let bytes = cursor_after(id.as_raw_bson_ref(), &self.table)?;
            self.last = Some((id, bytes));
        }
        let is_last = end == documents.len() && is_exhausted(&batch);
        if end < documents.len() {
            self.batch = Some((batch, end));
        } else if !is_last {
            self.ask_ahead(source);
        }
        if !is_last {
            answer.next_cursor = self.last.as_ref().map(|(_, bytes)| bytes.clone());
        }
        Ok(answer)
    }

    fn id(&self, server: &Server, document: &RawDocument) -> Result<RawBson, Failure> {
        let id = document.get("_id").ok().flatten().map(RawBson::from);
        id.ok_or_else(|| server.unexpected("a document has no readable _id"))
    }

    /// How many documents of the batch fit the limits; one at least.
    fn end(&self, documents: &[&RawDocument], done: usize, limits: Limits) -> usize {
        let mut bytes = 0;
        let fitting =
            documents[done..].iter().take(limits.rows_max.max(1)).take_while(|document| {
                let is_first = bytes == 0;
                bytes += document.as_bytes().len() as u64;
                is_first || bytes <= limits.bytes_max
            });
        done + fitting.count()
    }

    /// The next batch with documents in it; none at the range's end. A server that went away is looked
    /// for, and the range goes on behind its last document.
    fn fetch(
        &mut self,
        source: &mut MongodbSource,
        schema: &str,
        limits: Limits,
    ) -> Result<Option<RawBatch>, Failure> {
        let deadline = Instant::now() + OUTAGE_PATIENCE;
        loop {
            let error = match self.try_fetch(&source.server, schema, limits)? {
                Ok(batch) => return Ok(batch),
                Err(error) => error,
            };
            self.cursor = None;
            if failure::is_missing(&error) {
                // It was dropped, and its documents with it.
                return Ok(None);
            }
            if !failure::is_passing(&error) || Instant::now() >= deadline {
                return Err(source.server.failure(&error));
            }
            source.reopen(deadline.saturating_duration_since(Instant::now()))?;
        }
    }

    fn try_fetch(
        &mut self,
        server: &Server,
        schema: &str,
        limits: Limits,
    ) -> Result<Result<Option<RawBatch>, Error>, Failure> {
        let cursor = match &mut self.cursor {
            Some(cursor) => cursor,
            None => {
                let batch_size = u32::try_from(limits.rows_max.max(2)).unwrap_or(u32::MAX);
                let find = self.find(server, batch_size)?;
                match server.open_cursor(schema, find, batch_size, None)? {
                    Ok(cursor) => self.cursor.insert(cursor),
                    Err(error) => return Ok(Err(error)),
                }
            }
        };
        loop {
            let batch = match server.next(cursor, ANSWER_PATIENCE) {
                Ok(Next::Batch(batch)) => batch,
                Ok(Next::End) => return Ok(Ok(None)),
                Ok(Next::NotYet) => return Err(server.silent()),
                Err(error) => return Ok(Err(error)),
            };
            if has_documents(&batch) {
                return Ok(Ok(Some(batch)));
            }
        }
    }

    /// The query: along the index from the last document, or the range's beginning, to its end.
    fn find(&self, server: &Server, batch_size: u32) -> Result<Document, Failure> {
        let bson = |id: &RawBson| {
            let id = Bson::try_from(id.as_raw_bson_ref());
            id.map_err(|_| Failure::stop("protocol", "a stored _id cannot be sent back"))
        };
        let lower = match (&self.last, &self.range.from) {
            (Some((last, _)), _) => Some(("$gt", bson(last)?)),
            (None, Some(from)) => Some(("$gte", bson(from)?)),
            (None, None) => None,
        };
        let upper = self.range.to.as_ref().map(|to| Ok(("$lt", bson(to)?))).transpose()?;
        let bounds: Vec<(&str, Bson)> = lower.into_iter().chain(upper).collect();
        let has_time = self.range.time != Timestamp { time: 0, increment: 0 };
        let concern = server.read_concern(has_time.then_some(self.range.time));
        let mut find = doc! {
            "find": &self.table, "sort": { "_id": 1 }, "hint": { "_id": 1 },
            "batchSize": i64::from(batch_size), "readConcern": concern,
        };
        if !bounds.is_empty() {
            find.insert("filter", filter(bounds, self.range.one_type));
        }
        Ok(find)
    }

    /// Has the server work on the next batch while this one travels.
    fn ask_ahead(&mut self, source: &MongodbSource) {
        let Some(cursor) = &mut self.cursor else { return };
        match source.server.nudge(cursor) {
            // An empty one that is not the last would be no step forward.
            Some(Ok(batch)) if has_documents(&batch) || is_exhausted(&batch) => {
                self.batch = Some((batch, 0));
            }
            Some(Ok(_)) | None => {}
            // The cursor is opened anew behind the last document, and says it again.
            Some(Err(_)) => self.cursor = None,
        }
    }
}

/// Between bounds, in the order of the index. A query's own operators only see values of the bound's
/// type; those of expressions see all, and use the index as well.
fn filter(bounds: Vec<(&str, Bson)>, one_type: bool) -> Document {
    if one_type {
        let bounds = bounds.into_iter().map(|(operator, id)| (operator.to_owned(), id));
        return doc! { "_id": bounds.collect::<Document>() };
    }
    let compare = |(operator, id): (&str, Bson)| {
        doc! { operator: ["$_id", { "$literal": id }] }
    };
    doc! { "$expr": { "$and": bounds.into_iter().map(compare).collect::<Vec<_>>() } }
}

/// Whether the server has no more documents than these.
fn is_exhausted(batch: &RawBatch) -> bool {
    let cursor = batch.as_raw_document().get_document("cursor");
    cursor.ok().and_then(|cursor| cursor.get_i64("id").ok()) == Some(0)
}

fn has_documents(batch: &RawBatch) -> bool {
    batch.doc_slices().is_ok_and(|documents| !documents.is_empty())
}
