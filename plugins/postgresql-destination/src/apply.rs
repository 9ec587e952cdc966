//! Applies the changes of one batch to one table.
//!
//! Few changes go as prepared statements that are sent without waiting for each other; more of them
//! as arrays, a column each; many by a binary copy into a staging table and from there in one
//! statement for all.

use std::cell::RefCell;
use std::collections::HashMap;

use cartridge_warp_sdk::TableRows;
use cartridge_warp_sdk::sql::Table;
use postgresql_client::tokio_postgres::types::ToSql;
use postgresql_client::types;

use crate::array::Array;
use crate::binary::{NULL, value};
use crate::collapse::{Change, Content, UNSENT};
use crate::copy::{self, field};
use crate::emptying;
use crate::encode::{Encoded, fields};
use crate::raw::Raw;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::shape::Shape;
use crate::stage;
use crate::statement::{self, From, Slot, Sql, Writer};

/// Changes from which on arrays are faster than a statement each. Measured with `cargo bench` (six
/// columns, a local server, half updates, a quarter deletes): 6 rows take 0.65 ms either way, 20 rows
/// 0.72 against 1.15 ms.
const ARRAY_CHANGES_MIN: usize = 8;
/// Changes from which on they go through the staging table. 40 rows take 6.0 ms that way and 1.0 as
/// arrays, because the server empties the table at each commit; in a small table 3,000 rows take 33 ms
/// either way, and 10,000 rows 88 against 111 ms. But of a table of some hundred thousand rows the server
/// then reads all for each batch, which it takes for cheaper than so many look-ups: 10,000 changes of
/// one of 300,000 rows take 430 ms instead of 160. So it is for batches whose parameters would be large.
const STAGE_CHANGES_MIN: usize = 10_001;
/// The same for rows that have no form as arrays: 120 rows take 4 ms either way.
const STAGE_CHANGES_MIN_WITHOUT_ARRAYS: usize = 100;
/// The server takes no message of more than 1 GiB; far below that arrays have lost their advantage.
const ARRAY_BYTES_MAX: usize = 16 << 20;

/// Statements that are under way at a time.
const IN_ORDER_CHANGES_MAX: usize = 1000;

/// The values of one change, encoded, each with its length in front.
struct Values<'a> {
    columns: Vec<&'a [u8]>,
    at: Option<[u8; 8]>,
    gone: [u8; 1],
    versions: [u8; 8],
}

impl Values<'_> {
    fn get(&self, slot: Slot) -> Option<&[u8]> {
        match slot {
            Slot::Column(at) => self.columns.get(at).copied().and_then(value),
            Slot::At => self.at.as_ref().map(<[u8; 8]>::as_slice),
            Slot::Gone => Some(&self.gone),
            Slot::Versions => Some(&self.versions),
        }
    }
}

/// What a change needs of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Delete,
    Upsert,
    Update(Vec<usize>),
    InsertMissing(Vec<usize>),
    /// Looks for rows that are not there.
    Missing,
    StepAside(Vec<usize>),
}

/// Statements by their kind, and whether their values are arrays.
pub(crate) type Statements = HashMap<(Kind, bool), Option<Sql>>;

/// The rows, the table and the statements between them.
pub(crate) struct Applier<'a> {
    pub(crate) session: &'a Session,
    pub(crate) table: &'a Table,
    pub(crate) rows: &'a TableRows,
    pub(crate) shape: &'a Shape,
    pub(crate) encoded: &'a Encoded,
    /// The staging table, if the batch is long enough to need one.
    pub(crate) stage: Option<&'a str>,
    pub(crate) statements: RefCell<Statements>,
}

impl<'a> Applier<'a> {
    /// Applies changes of keys that are told apart, in any order.
    pub(crate) fn apply(&self, changes: &[Change]) -> Result<(), Refusal> {
        let count = changes.len();
        match self.stage {
            Some(stage) if count >= stage_changes_min(self.shape, self.encoded) => {
                self.by_stage(stage, changes)
            }
            _ if count >= ARRAY_CHANGES_MIN && fits_arrays(self.shape, self.encoded) => {
                self.by_arrays(changes)
            }
            _ => self.one_by_one(changes, kinds_of),
        }
    }

    /// Applies changes one after the other.
    pub(crate) fn apply_in_order(&self, changes: &[Change]) -> Result<(), Refusal> {
        changes.chunks(IN_ORDER_CHANGES_MAX).try_for_each(|some| self.one_by_one(some, kinds_of))
    }

    /// Empties what the changes will bring, so that no value of the rows is in anybody's way.
    pub(crate) fn step_aside(&self, changes: &[Change]) -> Result<(), Refusal> {
        let columns = self.shape.columns.len();
        let kinds = |change: &Change| {
            let sent = change.content.as_ref().map(|content| match content {
                Content::Row(_) => (0..columns).collect(),
                Content::Merged(from) => sent(from),
            });
            sent.map(Kind::StepAside).into_iter().collect()
        };
        changes.chunks(IN_ORDER_CHANGES_MAX).try_for_each(|some| self.one_by_one(some, kinds))
    }

    /// Runs a statement for each change.
    pub(crate) fn each(&self, changes: &[Change], sql: &Sql) -> Result<(), Refusal> {
        changes.chunks(IN_ORDER_CHANGES_MAX).try_for_each(|some| {
            let values: Vec<Values<'_>> =
                some.iter().map(|change| self.values(change, false)).collect();
            let raws: Vec<Vec<Raw<'_>>> = values
                .iter()
                .map(|values| sql.slots.iter().map(|slot| Raw(values.get(*slot))).collect())
                .collect();
            self.send(some.iter().map(|_| (&Kind::Upsert, sql.text.as_str())), &raws)
        })
    }

    /// The source says that all rows are gone.
    pub(crate) fn truncate(&self, row: usize) -> Result<(), Refusal> {
        let (sql, marks) = emptying::truncate(self.session, self.table)?;
        let at = self.rows.timestamp(row).and_then(types::micros_to_server).map(i64::to_be_bytes);
        let at = Raw(at.as_ref().map(<[u8; 8]>::as_slice));
        let values: Vec<&(dyn ToSql + Sync)> = if marks { vec![&at] } else { Vec::new() };
        self.session.pipeline(&[(&sql, values)])
    }

    fn one_by_one(
        &self,
        changes: &[Change],
        kinds_of: impl Fn(&Change) -> Vec<Kind>,
    ) -> Result<(), Refusal> {
        let mut work: Vec<(Kind, String, Vec<Slot>, Values<'_>)> = Vec::new();
        for change in changes {
            for kind in kinds_of(change) {
                let Some(Sql { text, slots }) = self.statement(&kind, From::Parameters) else {
                    continue;
                };
                let values = self.values(change, kind == Kind::Delete);
                work.push((kind, text, slots, values));
            }
        }
        let raws: Vec<Vec<Raw<'_>>> = work
            .iter()
            .map(|(.., slots, values)| slots.iter().map(|slot| Raw(values.get(*slot))).collect())
            .collect();
        self.send(work.iter().map(|(kind, text, ..)| (kind, text.as_str())), &raws)
    }

    fn send<'s>(
        &self,
        statements: impl Iterator<Item = (&'s Kind, &'s str)>,
        raws: &[Vec<Raw<'_>>],
    ) -> Result<(), Refusal> {
        let (kinds, texts): (Vec<_>, Vec<_>) = statements.unzip();
        let values = raws.iter().map(|raws| raws.iter().map(|raw| raw as &(dyn ToSql + Sync)));
        let calls = texts.into_iter().zip(values.map(Iterator::collect));
        let counts = self.session.counts(&calls.collect::<Vec<_>>())?;
        none_missing(kinds.into_iter().zip(counts))
    }

    fn statement(&self, kind: &Kind, from: From<'_>) -> Option<Sql> {
        let name = (kind.clone(), matches!(from, From::Arrays));
        let make = || self.make(kind, from);
        self.statements.borrow_mut().entry(name).or_insert_with(make).clone()
    }

    fn make(&self, kind: &Kind, from: From<'_>) -> Option<Sql> {
        let writer = Writer::new(self.table, self.shape, from);
        match kind {
            Kind::Delete => Some(writer.delete()),
            Kind::Upsert => Some(writer.upsert()),
            Kind::Update(sent) => writer.update(sent),
            Kind::InsertMissing(sent) => Some(writer.insert_missing(sent)),
            Kind::Missing => Some(writer.missing()),
            Kind::StepAside(sent) => writer.step_aside(sent),
        }
    }

    fn by_arrays(&self, changes: &[Change]) -> Result<(), Refusal> {
        let mut kinds: Vec<(Kind, Vec<&Change>)> = Vec::new();
        for change in changes {
            for kind in kinds_of(change) {
                match kinds.iter_mut().find(|(known, _)| *known == kind) {
                    Some((_, of_kind)) => of_kind.push(change),
                    None => kinds.push((kind, vec![change])),
                }
            }
        }
        // Deletions come before what is written anew; else the order of keys does not matter.
        kinds.sort_by_key(|(kind, _)| *kind != Kind::Delete);
        let mut work = Vec::new();
        for (kind, changes) in &kinds {
            let Some(Sql { text, slots }) = self.statement(kind, From::Arrays) else { continue };
            let types = slots.iter().map(|slot| statement::type_of(self.shape, *slot));
            let mut arrays: Vec<Array> = types.map(|of| Array::new(of, changes.len())).collect();
            for change in changes {
                let values = self.values(change, *kind == Kind::Delete);
                for (array, slot) in arrays.iter_mut().zip(&slots) {
                    array.push(values.get(*slot));
                }
            }
            work.push((kind, text, arrays));
        }
        let raws: Vec<Vec<Raw<'_>>> = work
            .iter()
            .map(|(.., arrays)| arrays.iter().map(|array| Raw(Some(array.bytes()))).collect())
            .collect();
        self.send(work.iter().map(|(kind, text, _)| (*kind, text.as_str())), &raws)
    }

    fn by_stage(&self, stage: &str, changes: &[Change]) -> Result<(), Refusal> {
        stage::empty(self.session, stage)?;
        let mut masks: Vec<Vec<usize>> = Vec::new();
        let (deletions, versions) = stage::extras(self.table);
        let own = 2 + 2 * usize::from(deletions) + usize::from(versions);
        let count = copy::field_count(own + self.shape.columns.len());
        let (mut any_deleted, mut any_whole) = (false, false);
        let mut remaining = changes.iter();
        let blocks = copy::blocks(|block| {
            let change = remaining.next()?;
            any_deleted |= change.deletion.is_some();
            any_whole |= matches!(change.content, Some(Content::Row(_)));
            let (act, mask) = (act(change), mask(change, &mut masks));
            field(block, Some(&act.to_be_bytes()));
            field(block, Some(&mask.to_be_bytes()));
            if deletions {
                field(block, self.time(change, false).as_ref().map(<[u8; 8]>::as_slice));
                field(block, Some(&[u8::from(change.gone.is_some())]));
            }
            if versions {
                field(block, Some(&i64::from(change.versions).to_be_bytes()));
            }
            self.write_columns(change, block);
            Some(count)
        });
        self.session.copy(&format!("COPY {stage} FROM STDIN BINARY"), blocks)?;
        let from = |mask| From::Stage { name: stage, mask };
        let mut kinds = Vec::new();
        kinds.extend(any_deleted.then_some((Kind::Delete, 0)));
        kinds.extend(any_whole.then_some((Kind::Upsert, 0)));
        for (at, sent) in masks.into_iter().enumerate() {
            let of_mask = kinds_of_partial(sent, self.shape.columns.len());
            kinds.extend(of_mask.map(|kind| (kind, at + 1)));
        }
        let statements: Vec<(Kind, Sql)> = kinds
            .into_iter()
            .filter_map(|(kind, mask)| self.make(&kind, from(mask)).map(|sql| (kind, sql)))
            .collect();
        let raws: Vec<Vec<Raw<'_>>> = statements.iter().map(|_| Vec::new()).collect();
        self.send(statements.iter().map(|(kind, sql)| (kind, sql.text.as_str())), &raws)
    }

    /// The fields of a change as a staging table has them.
    fn write_columns(&self, change: &Change, block: &mut Vec<u8>) {
        match &change.content {
            Some(Content::Row(row)) => block.extend_from_slice(self.encoded.row(*row as usize)),
            Some(Content::Merged(_)) => {
                self.columns(change).iter().for_each(|field| block.extend_from_slice(field));
            }
            None => block.extend_from_slice(self.encoded.row(change.any_row())),
        }
    }

    fn columns(&self, change: &Change) -> Vec<&'a [u8]> {
        let row = |row: usize| fields(self.encoded.row(row)).collect();
        match &change.content {
            Some(Content::Merged(from)) => {
                let column = |(at, from): (usize, &u32)| match *from {
                    UNSENT => &NULL[..],
                    from => fields(self.encoded.row(from as usize)).nth(at).unwrap_or(&NULL),
                };
                from.iter().enumerate().map(column).collect()
            }
            Some(Content::Row(at)) => row(*at as usize),
            None => row(change.any_row()),
        }
    }

    fn values(&self, change: &Change, deletion: bool) -> Values<'a> {
        Values {
            columns: self.columns(change),
            at: self.time(change, deletion),
            gone: [u8::from(change.gone.is_some())],
            versions: i64::from(change.versions).to_be_bytes(),
        }
    }

    /// When the row was deleted, in the source's time.
    fn time(&self, change: &Change, deletion: bool) -> Option<[u8; 8]> {
        let row = match change.gone {
            Some(row) if !deletion => row,
            _ => change.deletion?,
        };
        let micros = self.rows.timestamp(row as usize)?;
        types::micros_to_server(micros).map(i64::to_be_bytes)
    }
}

/// From how many changes on a batch needs a staging table.
pub(crate) fn stage_changes_min(shape: &Shape, encoded: &Encoded) -> usize {
    if fits_arrays(shape, encoded) { STAGE_CHANGES_MIN } else { STAGE_CHANGES_MIN_WITHOUT_ARRAYS }
}

/// Arrays of arrays would be taken apart to their last items.
fn fits_arrays(shape: &Shape, encoded: &Encoded) -> bool {
    let small = encoded.size() <= ARRAY_BYTES_MAX;
    small && shape.columns.iter().all(|column| !column.wire.sent_as.ends_with("[]"))
}

/// The statements of a change in their order.
fn kinds_of(change: &Change) -> Vec<Kind> {
    let mut kinds = Vec::new();
    if change.deletion.is_some() {
        kinds.push(Kind::Delete);
    }
    match &change.content {
        None => {}
        Some(Content::Row(_)) => kinds.push(Kind::Upsert),
        Some(Content::Merged(from)) => kinds.extend(kinds_of_partial(sent(from), from.len())),
    }
    kinds
}

/// The same of rows of which these of so many columns were sent. A value that was not sent is nowhere where
/// the row is not there, so such a row is none.
fn kinds_of_partial(sent: Vec<usize>, columns: usize) -> [Kind; 2] {
    match sent.len() == columns {
        true => [Kind::Update(sent.clone()), Kind::InsertMissing(sent)],
        false => [Kind::Missing, Kind::Update(sent)],
    }
}

/// Refuses rows that are not there and were not sent whole.
fn none_missing<'k>(counts: impl Iterator<Item = (&'k Kind, u64)>) -> Result<(), Refusal> {
    let mut missing = counts.filter(|(kind, count)| **kind == Kind::Missing && *count > 0);
    missing.next().map_or(Ok(()), |_| Err(Refusal::missing()))
}

fn act(change: &Change) -> i16 {
    match (change.deletion.is_some(), change.content.is_some()) {
        (true, false) => statement::DELETE,
        (true, true) => statement::REPLACE,
        _ => statement::WRITE,
    }
}

/// Which columns of a partial row were sent, as a number above 0 for those of one kind.
fn mask(change: &Change, masks: &mut Vec<Vec<usize>>) -> i16 {
    let Some(Content::Merged(from)) = &change.content else { return 0 };
    let sent = sent(from);
    let at = masks.iter().position(|known| *known == sent).unwrap_or_else(|| {
        masks.push(sent);
        masks.len() - 1
    });
    i16::try_from(at + 1).unwrap_or(i16::MAX)
}

fn sent(from: &[u32]) -> Vec<usize> {
    (0..from.len()).filter(|at| from[*at] != UNSENT).collect()
}
