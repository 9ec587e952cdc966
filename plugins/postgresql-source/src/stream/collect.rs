//! Messages of the log to changes of rows, and the position behind them.
//!
//! A batch ends between two steps, so that a position can say how far it came. What was read
//! beyond its end waits in `ahead` for the next call.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use cartridge_warp_sdk::{Failure, Limits, Operation, SchemaChange};

use super::batch::{Batch, Change};
use super::fitting::Fitting;
use super::relations::{Catalog, Followed, Relations, keyless};
use super::tuple;
use crate::catalog::SourceTable;
use crate::pgoutput::{Begin, Field, Lsn, Message, Old, Relation, Tuple};
use crate::position::{Partial, Position, show};
use crate::session::unexpected;

/// Steps of a message, see [`crate::position`].
const STEPS: u64 = 2;
/// Every step was delivered.
const ALL: u64 = u64::MAX;

/// A transaction that is being read.
struct Transaction {
    begin: Begin,
    /// Steps before this were delivered.
    skip: u64,
    /// Steps that were read.
    steps: u64,
}

/// A change of one row as the log tells it.
struct RowChange {
    relation: u32,
    operation: Operation,
    /// The row before, of an update or a delete.
    old: Option<Old>,
    /// The row now; none of a delete.
    tuple: Tuple,
}

/// Turns messages into changes, and knows the position behind them.
#[derive(Default)]
pub struct Collector {
    /// Behind the last change that was taken.
    pub position: Position,
    /// Rows that were committed before this may be missing at the destination, since the snapshot
    /// saw later versions of them or none: what an update leaves out is looked up.
    overlap_end: Lsn,
    relations: Relations,
    transaction: Option<Transaction>,
    /// What the log told of tables beside changes that are left out, in case it does not tell it
    /// again.
    waiting: HashMap<u32, Relation>,
    /// The partitioned table that the log described just now.
    described: Option<u32>,
    /// Messages for the next batch.
    ahead: VecDeque<Message>,
    /// Changes of shape for the next batch.
    announced: Vec<SchemaChange>,
}

impl Collector {
    /// Goes on behind `position`; rows up to `overlap_end` may be those that a snapshot saw.
    pub fn new(position: Position, overlap_end: Lsn) -> Self {
        Self { position, overlap_end, ..Self::default() }
    }

    /// Rows up to there may be those that a snapshot saw.
    pub fn overlaps_until(&mut self, end: Lsn) {
        self.overlap_end = end;
    }

    /// Begins a read of the log, which tells everything behind the position anew.
    pub fn begin_read(&mut self) {
        self.relations.forget();
        self.waiting.clear();
        self.transaction = None;
        self.ahead.clear();
    }

    /// Everything committed before this place was sent, in a stream that has no end by which to tell.
    pub fn reached(&mut self, place: Lsn) {
        if self.transaction.is_none() {
            self.position.complete = self.position.complete.max(place);
        }
    }

    /// Whether a transaction's changes are being read.
    pub fn is_within_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// Remembers what a table's columns were and are called, for rows that are older than its shape.
    pub fn remember(&mut self, table: &SourceTable) {
        self.relations.remember(table);
    }

    /// A message that waited for this batch.
    pub fn ahead(&mut self) -> Option<Message> {
        self.ahead.pop_front()
    }

    /// Leaves a message to the next batch.
    pub fn put_back(&mut self, message: Message) {
        self.ahead.push_front(message);
    }

    /// Whether messages wait for the next batch.
    pub fn is_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Changes of shape that waited for this batch.
    pub fn announced(&mut self) -> Vec<SchemaChange> {
        std::mem::take(&mut self.announced)
    }

    /// Leaves changes of shape to the next batch.
    pub fn announce(&mut self, changes: Vec<SchemaChange>) {
        self.announced.extend(changes);
    }

    /// Takes a message; false when the batch has to end before it.
    pub fn take(
        &mut self,
        message: Message,
        batch: &mut Batch,
        catalog: &mut dyn Catalog,
        schema: &str,
        limits: &Limits,
    ) -> Result<bool, Failure> {
        if let Some(relation) = self.awaited(&message) {
            // Its first row that counts: what was told of the table before is looked at now.
            self.ahead.push_front(message);
            return self.relation(relation, batch, catalog, schema);
        }
        let change = match message {
            Message::Begin(begin) => return self.begin(begin).map(|()| true),
            Message::Commit { end } => return self.commit(end).map(|()| true),
            Message::Other => return Ok(true),
            Message::Relation(relation) => {
                return self.relation(relation, batch, catalog, schema);
            }
            Message::Truncate { relations } => return self.truncate(relations, batch, limits),
            Message::Insert { relation, new } => {
                RowChange { relation, operation: Operation::Insert, old: None, tuple: new }
            }
            Message::Update { relation, old, new } => {
                RowChange { relation, operation: Operation::Update, old, tuple: new }
            }
            Message::Delete { relation, old } => {
                let tuple = Tuple::default();
                RowChange { relation, operation: Operation::Delete, old: Some(old), tuple }
            }
        };
        self.row(change, batch, limits)
    }

    /// Takes note of a table's shape; false when the batch has to end before it.
    fn relation(
        &mut self,
        relation: Relation,
        batch: &mut Batch,
        catalog: &mut dyn Catalog,
        schema: &str,
    ) -> Result<bool, Failure> {
        self.meet_leaf(catalog, relation.id);
        if self.is_left_out(relation.id) {
            // It may be a shape that nobody knows any more.
            self.waiting.insert(relation.id, relation);
            return Ok(true);
        }
        self.waiting.remove(&relation.id);
        let begin = self.transaction.as_ref().ok_or_else(outside)?.begin;
        let changes = self.relations.meet(catalog, schema, &relation, &begin)?;
        self.described =
            catalog.known(relation.id).filter(|table| table.partitioned).map(|table| table.oid);
        // Rows before a change of shape are committed before it.
        let now = changes.is_empty() || batch.changes.is_empty();
        let target = if now { &mut batch.schema_changes } else { &mut self.announced };
        target.extend(changes);
        Ok(now)
    }

    /// The log describes a partition right behind its root. It may be gone by now, and its rows with it.
    fn meet_leaf(&mut self, catalog: &dyn Catalog, relation: u32) {
        let Some(root) = self.described.take() else { return };
        if catalog.known(relation).is_none() && self.position.leaves.is_new(root, relation) {
            Rc::make_mut(&mut self.position.leaves).meet(root, relation);
        }
    }

    /// Whether changes of this table in the open transaction are left out: they were delivered
    /// already, or are part of its newer copy.
    fn is_left_out(&self, table: u32) -> bool {
        let Some(transaction) = &self.transaction else { return false };
        if transaction.skip == ALL {
            return true;
        }
        let mut renewed = self.position.renewed.iter();
        renewed.any(|renewed| renewed.oid == table && transaction.begin.commit < renewed.from)
    }

    /// A relation that waited until one of its rows counts.
    fn awaited(&mut self, message: &Message) -> Option<Relation> {
        if self.waiting.is_empty() {
            return None;
        }
        let tables = match message {
            Message::Insert { relation, .. }
            | Message::Update { relation, .. }
            | Message::Delete { relation, .. } => std::slice::from_ref(relation),
            Message::Truncate { relations } => relations.as_slice(),
            _ => &[],
        };
        let awaited = |table: &&u32| self.waiting.contains_key(table) && !self.is_left_out(**table);
        let table = *tables.iter().find(awaited)?;
        self.waiting.remove(&table)
    }

    fn begin(&mut self, begin: Begin) -> Result<(), Failure> {
        let skip = match self.position.partial {
            _ if begin.commit < self.position.complete => ALL,
            None => 0,
            Some(partial) if partial.commit == begin.commit => partial.steps,
            Some(partial) => {
                return Err(Failure::resync(
                    "transaction-lost",
                    format!(
                        "the log no longer has the transaction that was committed at {} and \
                         delivered in part; was the publication changed? Run again with \
                         --full-resync",
                        show(partial.commit)
                    ),
                ));
            }
        };
        self.transaction = Some(Transaction { begin, skip, steps: 0 });
        Ok(())
    }

    fn commit(&mut self, end: Lsn) -> Result<(), Failure> {
        let transaction = self.transaction.take().ok_or_else(outside)?;
        if transaction.skip != ALL {
            self.position.complete = end;
            self.position.partial = None;
            self.position.forget_copies();
        }
        Ok(())
    }

    /// Notes that steps of the open transaction were taken.
    fn stepped(&mut self, steps: u64) -> Result<(), Failure> {
        let transaction = self.transaction.as_mut().ok_or_else(outside)?;
        transaction.steps += steps;
        if transaction.steps > transaction.skip {
            let (commit, steps) = (transaction.begin.commit, transaction.steps);
            self.position.partial = Some(Partial { commit, steps });
        }
        Ok(())
    }

    fn row(
        &mut self,
        mut change: RowChange,
        batch: &mut Batch,
        limits: &Limits,
    ) -> Result<bool, Failure> {
        let Transaction { begin, skip, steps } = self.transaction.as_ref().ok_or_else(outside)?;
        let (begin, skip, steps) = (*begin, *skip, *steps);
        // The second half of an update of a key may be all that is left.
        let half = steps % STEPS == 1 || skip == steps + 1;
        if skip >= steps + STEPS - steps % STEPS {
            return self.stepped(STEPS - steps % STEPS).map(|()| true);
        }
        if self.is_left_out(change.relation) {
            return self.stepped(STEPS - steps % STEPS).map(|()| true);
        }
        let Followed::Yes(fitting) = self.relations.get(change.relation)? else {
            return self.stepped(STEPS - steps % STEPS).map(|()| true);
        };
        if change.old.as_ref().is_some_and(|old| !tuple::has_key(old, &fitting)) {
            return Err(keyless(&fitting.table));
        }
        if change.operation == Operation::Delete {
            change.tuple = change.old.take().map(|old| old.tuple).unwrap_or_default();
        }
        if change.tuple.0.len() != fitting.columns.len() {
            return Err(unexpected("a row has not as many fields as its relation"));
        }
        let before = change.old.as_ref().and_then(|old| {
            tuple::complete(&mut change.tuple, old);
            tuple::has_moved(&change.tuple, old, &fitting).then(|| old.tuple.clone())
        });
        let rows = if before.is_some() && !half { 2 } else { 1 };
        if !batch.has_room(rows, limits) {
            self.ahead.push_front(change.into());
            return Ok(false);
        }
        let change_of = |operation, tuple, look_up| Change {
            fitting: fitting.clone(),
            operation,
            at_micros: begin.at_micros,
            transaction: begin.id,
            tuple,
            look_up,
            found: Vec::new(),
        };
        let has_moved = before.is_some();
        if let (Some(before), false) = (before, half) {
            batch.push(change_of(Operation::Delete, before, false), &self.position);
            self.stepped(1)?;
            if limits.rows_max < 2 {
                self.ahead.push_front(change.into());
                return Ok(false);
            }
        }
        let operation = if has_moved { Operation::Insert } else { change.operation };
        let overlaps = begin.commit < self.overlap_end;
        let look_up = needs_look_up(&change.tuple, &fitting, operation, has_moved || overlaps);
        batch.push(change_of(operation, change.tuple, look_up), &self.position);
        let done = self.transaction.as_ref().map_or(0, |transaction| transaction.steps) % STEPS;
        self.stepped(STEPS - done)?;
        Ok(true)
    }

    /// Empties one table after the other. Only the last counts: nothing lies between them, so a
    /// second truncation of the others after a crash changes nothing.
    fn truncate(
        &mut self,
        mut relations: Vec<u32>,
        batch: &mut Batch,
        limits: &Limits,
    ) -> Result<bool, Failure> {
        let transaction = self.transaction.as_ref().ok_or_else(outside)?;
        if transaction.skip >= transaction.steps + STEPS {
            return self.stepped(STEPS).map(|()| true);
        }
        let begin = transaction.begin;
        while let Some(relation) = relations.last() {
            if self.is_left_out(*relation) {
                relations.pop();
                continue;
            }
            if let Followed::Yes(fitting) = self.relations.get(*relation)? {
                if fitting.table.partitioned {
                    Rc::make_mut(&mut self.position.leaves).emptied(*relation, begin.id);
                }
                if !batch.has_room(1, limits) {
                    self.ahead.push_front(Message::Truncate { relations });
                    return Ok(false);
                }
                let change = Change {
                    fitting,
                    operation: Operation::Truncate,
                    at_micros: begin.at_micros,
                    transaction: begin.id,
                    tuple: Tuple::default(),
                    look_up: false,
                    found: Vec::new(),
                };
                batch.push(change, &self.position);
            }
            relations.pop();
        }
        self.stepped(STEPS).map(|()| true)
    }
}

/// Columns that the row did not have yet are looked up whenever there are any: a default may have
/// filled them, of which the log says nothing.
fn needs_look_up(
    tuple: &Tuple,
    fitting: &Fitting,
    operation: Operation,
    may_be_missing: bool,
) -> bool {
    let leaves_out = may_be_missing && tuple.0.contains(&Field::Unchanged);
    operation != Operation::Delete && (!fitting.holes.is_empty() || leaves_out)
}

impl From<RowChange> for Message {
    fn from(change: RowChange) -> Self {
        let RowChange { relation, operation, old, tuple } = change;
        match operation {
            Operation::Delete => {
                let old = old.unwrap_or(Old { full: false, tuple });
                Self::Delete { relation, old }
            }
            Operation::Update => Self::Update { relation, old, new: tuple },
            _ => Self::Insert { relation, new: tuple },
        }
    }
}

fn outside() -> Failure {
    unexpected("the log has a change outside of a transaction")
}
