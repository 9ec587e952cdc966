//! What an event means for the tables that are followed.
//!
//! A collection that is not known when its first document comes was made since the tables were
//! listed, so the stream has all of it. One that takes its name by a rename was filled under another
//! name: it has to be copied, which takes a connection of its own. A name that comes back after a drop
//! begins empty: what the destination kept of the old table goes first. So a drop is noted even of a
//! collection that is not followed: it may have been, before it went while nobody looked.

use cartridge_warp_sdk::{ChangeBatch, Failure, SchemaChange};
use mongodb_documents::Rows;

use super::Started;
use super::collect::Turn;
use super::event::{Event, Kind};
use super::start::new_table;
use crate::MongodbSource;
use crate::catalog;
use crate::position::From;

impl Started {
    /// Decides about an event; `first`: nothing was taken before it in this batch.
    pub(super) fn meet(
        &mut self,
        source: &MongodbSource,
        schema: &str,
        event: &Event<'_>,
        first: bool,
        batch: &mut ChangeBatch,
    ) -> Result<Turn, Failure> {
        match event.kind {
            Kind::Insert | Kind::Update | Kind::Delete => {
                self.meet_row(source, event, first, batch)
            }
            Kind::Rename => self.meet_rename(source, schema, event, first, batch),
            Kind::Drop if !self.tables.contains_key(event.collection) => {
                self.end_table(source, event.collection, batch);
                Ok(Turn::Pass)
            }
            Kind::Drop | Kind::Invalidate if !first => Ok(Turn::Wait),
            Kind::Drop => {
                self.end_table(source, event.collection, batch);
                self.stand_behind(event.token, event.time);
                Ok(Turn::Done)
            }
            Kind::Invalidate => {
                self.stand_behind(event.token, event.time);
                self.position.from = From::AfterEnd(event.token.to_owned());
                (self.feed, self.ahead) = (None, None);
                Ok(Turn::Done)
            }
            Kind::Other => Ok(Turn::Pass),
        }
    }

    fn meet_row(
        &mut self,
        source: &MongodbSource,
        event: &Event<'_>,
        first: bool,
        batch: &mut ChangeBatch,
    ) -> Result<Turn, Failure> {
        let name = event.collection;
        if self.tables.contains_key(name) {
            // Of an update whose document is gone there is no row; its delete follows.
            let is_row = event.kind == Kind::Delete || event.document.is_some();
            return Ok(if is_row { Turn::Row } else { Turn::Pass });
        }
        let (false, Some(document)) = (is_left_out(source, name), event.document) else {
            return Ok(Turn::Pass);
        };
        if !first {
            return Ok(Turn::Wait);
        }
        let mut shape = catalog::unseen(name, &source.options);
        shape.observe(document)?;
        batch.schema_changes.push(SchemaChange::add_table(shape.table()));
        let mut rows = Rows::changes(shape);
        let came_back = self.position.dropped.remove(name);
        if came_back {
            rows.truncate(Some(event.at_micros));
            batch.tables.push(rows.finish()?);
        }
        self.tables.insert(name.to_owned(), rows);
        Ok(if came_back { Turn::Wait } else { Turn::Row })
    }

    fn meet_rename(
        &mut self,
        source: &MongodbSource,
        schema: &str,
        event: &Event<'_>,
        first: bool,
        batch: &mut ChangeBatch,
    ) -> Result<Turn, Failure> {
        let to = event.to.filter(|(database, _)| *database == schema).map(|(_, to)| to);
        let to = to.filter(|to| !is_left_out(source, to));
        if to.is_none() && !self.tables.contains_key(event.collection) {
            self.end_table(source, event.collection, batch);
            return Ok(Turn::Pass);
        }
        if !first {
            return Ok(Turn::Wait);
        }
        if let Some(to) = to
            && let Turn::Wait = self.meet_new_name(source, schema, event, to, batch)?
        {
            return Ok(Turn::Wait);
        }
        self.end_table(source, event.collection, batch);
        self.emptied = None;
        self.stand_behind(event.token, event.time);
        Ok(Turn::Done)
    }

    /// A collection takes this name. Waits once where old rows have to go first; until that is
    /// committed, the name counts as dropped or followed, whichever it was.
    fn meet_new_name(
        &mut self,
        source: &MongodbSource,
        schema: &str,
        event: &Event<'_>,
        to: &str,
        batch: &mut ChangeBatch,
    ) -> Result<Turn, Failure> {
        let replaced = event.replaced.unwrap_or(true);
        let was_dropped = self.position.dropped.contains(to);
        let is_known = self.tables.contains_key(to);
        if is_known && !replaced {
            // It is listed, so it was copied after this.
            return Ok(Turn::Done);
        }
        let has_old_rows = is_known || was_dropped;
        if has_old_rows && self.emptied.as_deref() != Some(to) {
            let mut announced;
            let rows = match self.tables.get_mut(to) {
                Some(rows) => rows,
                None => {
                    let shape = catalog::key_of(&source.server, schema, to, &source.options)?;
                    // Gone or empty by now: whatever comes under this name is in the stream.
                    let Some(shape) = shape else { return Ok(Turn::Done) };
                    batch.schema_changes.push(SchemaChange::add_table(shape.table()));
                    announced = Rows::changes(shape);
                    &mut announced
                }
            };
            rows.truncate(Some(event.at_micros));
            batch.tables.push(rows.finish()?);
            self.emptied = Some(to.to_owned());
            return Ok(Turn::Wait);
        }
        self.tables.remove(to);
        if has_old_rows {
            batch.schema_changes.push(SchemaChange::drop_table(to));
        }
        self.position.dropped.remove(to);
        self.failure = Some(new_table(to));
        Ok(Turn::Done)
    }

    /// A collection has ended. Of one that is not followed, or not any more, it is only noted.
    fn end_table(&mut self, source: &MongodbSource, name: &str, batch: &mut ChangeBatch) {
        if self.tables.remove(name).is_some() {
            batch.schema_changes.push(SchemaChange::drop_table(name));
        }
        if !is_left_out(source, name) {
            self.position.table_dropped(name);
        }
    }
}

/// Whether a collection is none of ours, whatever becomes of it.
fn is_left_out(source: &MongodbSource, name: &str) -> bool {
    source.is_unselected(name) || catalog::is_internal(name)
}
