//! What became of partitions since somebody looked, as far as the log does not tell.
//!
//! What counts is whether rows came or went that way. Partitions that were empty when they were attached,
//! and those that are made as such, bring none: each row in them is younger than that. A partition whose
//! rows lie in another file was either emptied, or written anew, and then it still has older rows.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::Failure;
use postgresql_client::tokio_postgres::SimpleQueryRow;

use super::SourceTable;
use super::access::rows_of;
use super::server::VERSION_VIA_ROOT;
use super::waiting;
use crate::hash::fnv32;
use crate::leaves::{Leaves, Root};
use crate::session::{STATEMENT_SECONDS_MAX, Session, number, text, unexpected};

/// Since when detaching has two steps, between which a partition is one no more.
const VERSION_PENDING: u32 = 140_000;
/// How long rows may be looked through in one look; what is not known by then counts as changed.
const LOOK_MAX: Duration = Duration::from_secs(20);
/// Numbers of transactions have 32 bits, and a window of them must not be half of that.
const WINDOW_MAX: u64 = 1 << 31;
const NUMBERS: u64 = u32::MAX as u64;

/// What became of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It came with rows.
    Came,
    /// It was detached or dropped, and its rows with it.
    Went,
    /// It was none for a while, and what was done to its rows then is nowhere.
    Returned,
    /// Its rows are gone, unless the whole table was emptied, of which the log tells.
    Emptied,
}

/// Rows of a table came or went with one of its partitions.
#[derive(Debug)]
pub struct Finding {
    /// The partitioned table.
    pub root: u32,
    /// The partition.
    pub leaf: u32,
    /// Its file now.
    pub file: u32,
    pub event: Event,
}

/// The partitions of a table as the catalog has them now.
struct Found {
    /// Transactions with smaller numbers have ended.
    ended: u64,
    /// The number that the next transaction gets.
    next: u64,
    leaves: BTreeMap<u32, Leaf>,
}

/// A partition with rows of its own.
struct Leaf {
    file: u32,
    /// The transaction that changed its entry in the catalog last.
    touched_by: u32,
    /// By which transactions, and which of their commands, it and those above it were attached.
    joins: Vec<(u32, u32)>,
}

/// Reads the partitions of those of the tables that have some.
pub fn read(
    session: &Session,
    version: u32,
    tables: &[Rc<SourceTable>],
) -> Result<Leaves, Failure> {
    look(session, version, tables, &Leaves::default()).map(|(leaves, _)| leaves)
}

/// Reads them and tells through which of them rows came or went since, one at most of each table. What
/// nobody has looked at before is taken as it is.
pub fn look(
    session: &Session,
    version: u32,
    tables: &[Rc<SourceTable>],
    since: &Leaves,
) -> Result<(Leaves, Vec<Finding>), Failure> {
    let until = Instant::now() + LOOK_MAX;
    let (mut leaves, mut findings) = (Leaves::default(), Vec::new());
    for (oid, found) in read_all(session, version, tables)? {
        let before = since.0.get(&oid);
        if let Some(before) = before
            && let Some((leaf, file, event)) = found.compare(session, before, until)?
        {
            findings.push(Finding { root: oid, leaf, file, event });
        }
        let files = found.leaves.iter().map(|(leaf, now)| (*leaf, now.file)).collect();
        let emptied_by = before.map_or(0, |before| before.emptied_by);
        let attached = found.attached(|_| true);
        leaves.0.insert(oid, Root { mark: found.ended, emptied_by, attached, files });
    }
    Ok((leaves, findings))
}

fn read_all(
    session: &Session,
    version: u32,
    tables: &[Rc<SourceTable>],
) -> Result<BTreeMap<u32, Found>, Failure> {
    let partitioned = tables.iter().filter(|table| table.partitioned);
    let roots: Vec<String> = partitioned.map(|table| table.oid.to_string()).collect();
    if roots.is_empty() || version < VERSION_VIA_ROOT {
        return Ok(BTreeMap::new());
    }
    let attached = if version >= VERSION_PENDING { "NOT i.inhdetachpending" } else { "true" };
    let rows = session.rows(&format!(
        "WITH RECURSIVE t(root, relid, joins) AS ( \
             SELECT root, root, '' FROM unnest('{{{}}}'::oid[]) AS root UNION ALL \
             SELECT t.root, i.inhrelid, concat(t.joins, i.xmin, ' ', i.cmin, ',') \
             FROM pg_inherits i JOIN t ON i.inhparent = t.relid WHERE {attached}) \
         SELECT t.root, l.oid, l.relfilenode, l.xmin, t.joins, l.relkind = 'p', \
             txid_snapshot_xmin(s.now), txid_snapshot_xmax(s.now) \
         FROM t JOIN pg_class l ON l.oid = t.relid \
         CROSS JOIN (SELECT txid_current_snapshot() AS now) s",
        roots.join(",")
    ))?;
    let mut found = BTreeMap::new();
    for row in &rows {
        let (ended, next) = (number(row, 6)?, number(row, 7)?);
        let of_root = found.entry(number(row, 0)?);
        let of_root = of_root.or_insert_with(|| Found { ended, next, leaves: BTreeMap::new() });
        if text(row, 5)? == "f" {
            of_root.leaves.insert(number(row, 1)?, leaf(row)?);
        }
    }
    Ok(found)
}

fn leaf(row: &SimpleQueryRow) -> Result<Leaf, Failure> {
    let join = |words: &str| {
        let (transaction, command) = words.split_once(' ')?;
        Some((transaction.parse().ok()?, command.parse().ok()?))
    };
    let joins = text(row, 4)?.split_terminator(',').map(join).collect::<Option<_>>();
    let joins = joins.ok_or_else(|| unexpected("a partition was attached by no transaction"))?;
    Ok(Leaf { file: number(row, 2)?, touched_by: number(row, 3)?, joins })
}

impl Found {
    /// The first partition through which rows came or went, its file, and how.
    fn compare(
        &self,
        session: &Session,
        before: &Root,
        until: Instant,
    ) -> Result<Option<(u32, u32, Event)>, Failure> {
        let is_there = |oid: &&u32| self.leaves.contains_key(*oid);
        if let Some(gone) = before.files.keys().find(|oid| !is_there(oid)) {
            return Ok(Some((*gone, 0, Event::Went)));
        }
        let has_returned = self.attached(|oid| before.file(oid).is_some()) != before.attached;
        for (oid, leaf) in &self.leaves {
            let event = match before.file(*oid) {
                Some(_) if has_returned && self.is_attached_since(before.mark, leaf) => {
                    return Ok(Some((*oid, leaf.file, Event::Returned)));
                }
                Some(file) if file == leaf.file || leaf.touched_by == before.emptied_by => continue,
                Some(_) => Event::Emptied,
                None => Event::Came,
            };
            let condition = match event {
                Event::Emptied => self.is_older(before.mark),
                // A new one's file has its own number until it is emptied, and it may have been.
                _ if leaf.file == *oid => self.came_with(before.mark, &leaf.joins),
                _ => None,
            };
            let has_such = match condition {
                Some(condition) => has_row(session, *oid, &condition, until)?,
                None => None,
            };
            let is_harmless = has_such == Some(event == Event::Emptied);
            if !is_harmless {
                return Ok(Some((*oid, leaf.file, event)));
            }
        }
        Ok(None)
    }

    /// What stands for the transactions that attached these of the partitions, in whatever order.
    fn attached(&self, counts: impl Fn(u32) -> bool) -> u32 {
        let counted = self.leaves.iter().filter(|(oid, _)| counts(**oid));
        let numbers = counted.map(|(oid, leaf)| {
            let joins = leaf.joins.iter().map(|(transaction, _)| *transaction);
            let words = std::iter::once(*oid).chain(joins);
            fnv32(&words.flat_map(u32::to_le_bytes).collect::<Vec<_>>())
        });
        numbers.fold(0, u32::wrapping_add)
    }

    /// Whether it, or one above it, may have been attached since a look.
    fn is_attached_since(&self, mark: u64, leaf: &Leaf) -> bool {
        let Some(span) = self.next.checked_sub(mark).filter(|span| *span < WINDOW_MAX) else {
            return true;
        };
        leaf.joins.iter().any(|(transaction, _)| age(*transaction, mark) < span)
    }

    /// A condition for rows that are older than a look; none where that cannot be told.
    fn is_older(&self, mark: u64) -> Option<String> {
        Some(format!("NOT ({})", self.is_since(mark)?))
    }

    /// A condition for rows that a partition had when it was attached; none where that cannot be told.
    fn came_with(&self, mark: u64, joins: &[(u32, u32)]) -> Option<String> {
        let span = self.next.checked_sub(mark).filter(|span| *span < WINDOW_MAX)?;
        let recent = joins.iter().filter(|(transaction, _)| age(*transaction, mark) < span);
        let is_younger = |(transaction, command): &(u32, u32)| {
            let since = self.is_since(mark + age(*transaction, mark) + 1)?;
            let own = format!(
                "r.xmin::text = '{transaction}' AND r.xmax::text = '0' \
                 AND r.cmin::text::bigint > {command}"
            );
            Some(format!("({own} OR {since})"))
        };
        let all: Vec<String> = recent.map(is_younger).collect::<Option<_>>()?;
        if all.is_empty() { None } else { Some(format!("NOT ({})", all.join(" AND "))) }
    }

    /// A condition for rows that were written by transactions from a number on. A row that is very old may
    /// look so: the number of its transaction has been given anew since, with a chance that is as
    /// small as the share of all numbers that these are.
    fn is_since(&self, from: u64) -> Option<String> {
        let span = self.next.checked_sub(from).filter(|span| *span < WINDOW_MAX)?;
        let from = from & NUMBERS;
        let number = "r.xmin::text::bigint";
        Some(format!("{number} > 2 AND (({number} - {from}) & {NUMBERS}) < {span}"))
    }
}

/// How many transactions began between a look and this one.
fn age(transaction: u32, mark: u64) -> u64 {
    u64::from(transaction).wrapping_sub(mark) & NUMBERS
}

/// Whether a table has a row of which this holds; none where looking takes too long.
fn has_row(
    session: &Session,
    oid: u32,
    condition: &str,
    until: Instant,
) -> Result<Option<bool>, Failure> {
    let left = until.saturating_duration_since(Instant::now()).as_millis();
    let Some(rows) = rows_of(session, oid)?.filter(|_| left > 0) else { return Ok(None) };
    let clause = rows.clause([condition.to_owned()]);
    session.run(&format!("SET statement_timeout = {left}"))?;
    let found = session.value(&format!("SELECT EXISTS (SELECT FROM {} AS r{clause})", rows.from));
    session.run(&format!("SET statement_timeout = '{STATEMENT_SECONDS_MAX}s'"))?;
    match found {
        Ok(found) => Ok(Some(found == "t")),
        Err(failure) if failure.code == "cancelled" => Ok(None),
        Err(failure) => Err(waiting::or_failed(session, "a look at a partition", &[oid], failure)),
    }
}
