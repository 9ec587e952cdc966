//! What an event means for the tables that are followed.
//!
//! A collection that is not known when its first document comes was made since the tables were
//! listed, so the stream has all of it. One that takes its name by a rename was filled under another
//! name: it has to be copied, which takes a connection of its own. That a name comes back after a drop
//! the host knows itself: it hears of each drop, and of each table that begins.

use cartridge_warp_sdk::{ChangeBatch, Failure, SchemaChange};
use mongodb_documents::Rows;

use super::Started;
use super::collect::Turn;
use super::event::{Event, Kind};
use super::start::new_table;
use crate::MongodbSource;
use crate::catalog;
use crate::position::From;

/// Collections that may be new on one connection (I7). Which of them are selected only the host knows,
/// and it says so when the connection is opened.
const NEW_TABLES_MAX: usize = 1_000;

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
            Kind::Create if self.tables.contains_key(event.collection) => Ok(Turn::Pass),
            Kind::Create | Kind::Drop if is_left_out(source, event.collection) => Ok(Turn::Pass),
            Kind::Create | Kind::Drop | Kind::Invalidate if !first => Ok(Turn::Wait),
            Kind::Create => {
                // Where rows of an older one were kept, they end. It is followed from its first document
                // on, which tells its key: until then the host knows of no table.
                let shape = catalog::unseen(event.collection, &source.options);
                batch.schema_changes.push(SchemaChange::add_table(shape.table()));
                self.stand_behind(event.token, event.time);
                Ok(Turn::Done)
            }
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
        self.tables.insert(name.to_owned(), Rows::changes(shape));
        self.met += 1;
        if self.met >= NEW_TABLES_MAX {
            self.failure = Some(many_new_tables());
        }
        Ok(Turn::Row)
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
        if to.is_none() && is_left_out(source, event.collection) {
            return Ok(Turn::Pass);
        }
        if !first {
            return Ok(Turn::Wait);
        }
        self.end_table(source, event.collection, batch);
        if let Some(to) = to {
            self.meet_new_name(source, event, to, batch);
        }
        self.stand_behind(event.token, event.time);
        Ok(Turn::Done)
    }

    /// A collection takes this name: its documents are to be copied, and those of the one that had the
    /// name before go.
    fn meet_new_name(
        &mut self,
        source: &MongodbSource,
        event: &Event<'_>,
        to: &str,
        batch: &mut ChangeBatch,
    ) {
        let replaced = event.replaced.unwrap_or(true);
        if self.tables.contains_key(to) && !replaced {
            // It is listed, so it was copied after this.
            return;
        }
        if replaced {
            self.end_table(source, to, batch);
        }
        self.failure = Some(new_table(to));
    }

    /// A collection has ended, also one that is not followed: it may have been, before it went while
    /// nobody looked.
    fn end_table(&mut self, source: &MongodbSource, name: &str, batch: &mut ChangeBatch) {
        self.tables.remove(name);
        if !is_left_out(source, name) {
            batch.schema_changes.push(SchemaChange::drop_table(name));
        }
    }
}

/// The connection is opened anew, so that the host says which of the new collections are selected.
fn many_new_tables() -> Failure {
    Failure::reconnect(
        "many-new-tables",
        format!("{NEW_TABLES_MAX} collections are new; the connection is opened anew to list them"),
    )
}

/// Whether a collection is none of ours, whatever becomes of it.
fn is_left_out(source: &MongodbSource, name: &str) -> bool {
    source.is_unselected(name) || !catalog::is_table(name)
}
