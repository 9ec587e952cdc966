//! Events to the batch of one call.
//!
//! A batch ends before anything that has to stand alone: a change of shape, a split event, a table
//! that comes back. The position moves behind what was taken, and never into a split event.

use std::collections::HashMap;

use cartridge_warp_sdk::{ChangeBatch, Failure, Limits, Operation};
use mongodb::bson::{RawDocument, Timestamp};
use mongodb_documents::Change;

use super::Started;
use super::event::{Event, Kind, Unreadable, is_fragment};
use super::feed::Answer;
use crate::MongodbSource;
use crate::position::From;

/// What becomes of an event.
pub(super) enum Turn {
    /// It is a row.
    Row,
    /// It says nothing to us.
    Pass,
    /// The batch ends before it.
    Wait,
    /// It was dealt with, the position too, and the batch ends behind it.
    Done,
}

impl Started {
    /// Takes events of an answer, from the `done`th on, as far as they fit; the rest waits.
    pub(super) fn collect(
        &mut self,
        source: &MongodbSource,
        schema: &str,
        answer: Answer,
        done: usize,
        limits: &Limits,
    ) -> Result<ChangeBatch, Failure> {
        let mut batch = ChangeBatch::default();
        let (end, count) = {
            let documents = answer.documents(&source.server)?;
            let split = self.fragments.is_open() || documents.get(done).is_some_and(is_fragment);
            let end = if split {
                self.take_fragments(source, schema, &documents, done, &mut batch)?
            } else {
                self.take_events(source, schema, &documents, done, limits, &mut batch)?
            };
            (end, documents.len())
        };
        if end < count {
            self.answer = Some((answer, end));
        } else if self.feed.is_some() {
            if !self.fragments.is_open() {
                batch.caught_up = self.answered(&answer, count > 0);
            }
            if answer.is_end {
                self.feed = None;
            }
        }
        Ok(batch)
    }

    /// Whole events; returns the place of the first that was not taken.
    fn take_events(
        &mut self,
        source: &MongodbSource,
        schema: &str,
        documents: &[&RawDocument],
        mut at: usize,
        limits: &Limits,
        batch: &mut ChangeBatch,
    ) -> Result<usize, Failure> {
        let mut rows: Vec<Event<'_>> = Vec::new();
        let (mut bytes, mut last) = (0, None);
        while let Some(document) = documents.get(at) {
            let size = document.as_bytes().len() as u64;
            let full = rows.len() >= limits.rows_max || bytes + size > limits.bytes_max;
            if (full && !rows.is_empty()) || is_fragment(document) {
                break;
            }
            let event = Event::read(&[document]).map_err(|error| unreadable(source, &error))?;
            let behind = (event.token, event.time);
            match self.meet(source, schema, &event, rows.is_empty(), batch)? {
                Turn::Row => {
                    bytes += size;
                    rows.push(event);
                }
                Turn::Pass => {}
                Turn::Wait => break,
                Turn::Done => return Ok(at + 1),
            }
            last = Some(behind);
            at += 1;
        }
        self.write(&rows, batch)?;
        if let Some((token, time)) = last {
            self.stand_behind(token, time);
        }
        Ok(at)
    }

    /// Fragments; a complete event is a batch of its own, since it has documents of 16 MB.
    fn take_fragments(
        &mut self,
        source: &MongodbSource,
        schema: &str,
        documents: &[&RawDocument],
        mut at: usize,
        batch: &mut ChangeBatch,
    ) -> Result<usize, Failure> {
        while let Some(document) = documents.get(at) {
            let more = self.fragments.take(document).map_err(|error| unreadable(source, &error))?;
            at += 1;
            if more {
                continue;
            }
            let parts = self.fragments.finish();
            let parts: Vec<&RawDocument> = parts.iter().map(|part| part.as_ref()).collect();
            let event = Event::read(&parts).map_err(|error| unreadable(source, &error))?;
            // The first of a batch waits for nothing.
            self.meet(source, schema, &event, true, batch)?;
            if self.tables.contains_key(event.collection) && event.kind.is_row() {
                self.write(std::slice::from_ref(&event), batch)?;
            }
            self.stand_behind(event.token, event.time);
            break;
        }
        Ok(at)
    }

    /// Writes rows of tables that are known, each table's in their order.
    fn write(&mut self, events: &[Event<'_>], batch: &mut ChangeBatch) -> Result<(), Failure> {
        let mut tables: Vec<(&str, Vec<Change<'_>>)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for event in events {
            let Some(change) = change(event) else { continue };
            let place = *places.entry(event.collection).or_insert_with(|| {
                tables.push((event.collection, Vec::new()));
                tables.len() - 1
            });
            tables[place].1.push(change);
        }
        for (name, changes) in tables {
            let Some(rows) = self.tables.get_mut(name) else { continue };
            batch.rejected.extend(rows.push_all(changes.iter().copied())?);
            if !rows.is_empty() {
                batch.tables.push(rows.finish()?);
            }
        }
        Ok(())
    }

    /// Everything up to this event was taken.
    pub(super) fn stand_behind(&mut self, token: &RawDocument, time: Timestamp) {
        self.position.from = From::After(token.to_owned());
        self.position.time = self.position.time.max(time);
        self.position.seen = self.position.seen.max(time);
    }
}

/// What becomes of a document; none where an update's is gone: its delete follows.
fn change<'e>(event: &Event<'e>) -> Option<Change<'e>> {
    let (operation, document) = match event.kind {
        Kind::Delete => (Operation::Delete, event.key?),
        Kind::Insert => (Operation::Insert, event.document?),
        _ => (Operation::Update, event.document?),
    };
    Some(Change { operation, document, at: Some(event.at_micros) })
}

fn unreadable(source: &MongodbSource, error: &Unreadable) -> Failure {
    source.server.unexpected(&error.0)
}
