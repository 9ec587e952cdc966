//! What an event means for the tables that are followed.
//!
//! A collection that is not known when its first document comes was made since the tables were
//! listed, so the stream has all of it. One that takes its name by a rename was filled under another
//! name: it has to be copied, which takes a connection of its own. A name that comes back after a drop
//! begins empty: what the destination kept of the old table goes first.

use cartridge_warp_sdk::{ChangeBatch, Failure, SchemaChange};
use mongodb_documents::Rows;

use super::Started;
use super::collect::Turn;
use super::event::{Event, Kind};
use super::start::{made_anew, new_table};
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
            Kind::Drop if !self.tables.contains_key(event.collection) => Ok(Turn::Pass),
            Kind::Drop | Kind::Invalidate if !first => Ok(Turn::Wait),
            Kind::Drop => {
                self.drop_table(event.collection, batch);
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
        let is_left_out = source.is_unselected(name) || name.starts_with("system.");
        let (false, Some(document)) = (is_left_out, event.document) else {
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
        let to = to.filter(|to| !source.is_unselected(to));
        let was_followed = self.tables.contains_key(event.collection);
        if !was_followed && to.is_none() {
            return Ok(Turn::Pass);
        }
        if !first {
            return Ok(Turn::Wait);
        }
        if let Some(to) = to {
            let replaced = event.replaced.unwrap_or(true);
            let known = self.tables.get_mut(to);
            let is_known = known.is_some();
            if let Some(rows) = known.filter(|_| replaced && self.emptied.as_deref() != Some(to)) {
                rows.truncate(Some(event.at_micros));
                batch.tables.push(rows.finish()?);
                self.emptied = Some(to.to_owned());
                return Ok(Turn::Wait);
            }
            if self.position.dropped.contains(to) {
                self.failure = Some(made_anew(to));
            } else if replaced || !is_known {
                if self.tables.remove(to).is_some() {
                    batch.schema_changes.push(SchemaChange::drop_table(to));
                }
                self.failure = Some(new_table(to));
            }
        }
        if was_followed {
            self.drop_table(event.collection, batch);
        }
        self.emptied = None;
        self.stand_behind(event.token, event.time);
        Ok(Turn::Done)
    }

    fn drop_table(&mut self, name: &str, batch: &mut ChangeBatch) {
        if self.tables.remove(name).is_some() {
            batch.schema_changes.push(SchemaChange::drop_table(name));
            self.position.table_dropped(name);
        }
    }
}
