//! Since when the catalog has said of a table's columns what it says, as far as rows of the log can tell.
//!
//! The log names columns and does not number them. A name that it has may be that of a column which was
//! dropped since, while another column has it by now; of a dropped one the catalog keeps the number only.
//! What tells is when an entry of the catalog was written: before a row, and then it holds for that row, or
//! maybe behind it. Nothing that a slot still sends was written before what is older than its `catalog_xmin`,
//! so older entries hold for every row and are not listed.

use std::collections::BTreeMap;

use cartridge_warp_sdk::Failure;
use postgresql_client::names::literal;

use crate::pgoutput::{Begin, Lsn};
use crate::position;
use crate::session::{Session, flag, number, text, unexpected};

/// All numbers and writers of a table's entries in short: another text whenever one was written. To be
/// selected of `pg_attribute a`, grouped by its table.
const STATE: &str = "md5(string_agg(a.attnum || ' ' || a.xmin, ',' ORDER BY a.attnum))";

/// The entries `a` of tables `c` of schemas `n`.
const COLUMNS: &str = "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0";

/// What the catalog says of a column since not long ago: how it is called, or that it was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    number: i16,
    is_dropped: bool,
    /// The transaction that wrote it.
    transaction: u32,
    /// The log's end when this was seen.
    seen: Lsn,
}

/// The entries of a table's columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entries {
    /// The log's end when they were read, and maybe more: what is behind it may be newer.
    pub seen: Lsn,
    state: String,
    recent: Vec<Entry>,
}

impl Entries {
    /// The numbers of columns that were dropped since a row was written, or may have been.
    pub fn dropped_since(&self, row: &Begin) -> Vec<i16> {
        self.since(row).filter(|entry| entry.is_dropped).map(|entry| entry.number).collect()
    }

    /// Whether a column that is there may have been none, or called otherwise, when a row was written.
    pub fn is_changed_since(&self, number: i16, row: &Begin) -> bool {
        self.since(row).any(|entry| entry.number == number)
    }

    fn since(&self, row: &Begin) -> impl Iterator<Item = &Entry> {
        self.recent.iter().filter(move |entry| !entry.is_before(row))
    }

    /// Takes over since when entries are known that were seen before.
    pub fn known_by(&mut self, earlier: &Self) {
        for entry in &mut self.recent {
            let is_it = |known: &&Entry| {
                (known.number, known.is_dropped, known.transaction)
                    == (entry.number, entry.is_dropped, entry.transaction)
            };
            if let Some(known) = earlier.recent.iter().find(is_it) {
                entry.seen = entry.seen.min(known.seen);
            }
        }
    }

    /// Whether none was written since.
    pub fn are_current(&self, session: &Session, table: u32) -> Result<bool, Failure> {
        let sql =
            format!("SELECT {STATE} FROM pg_attribute a WHERE attrelid = {table} AND attnum > 0");
        let row = session.row(&sql)?;
        // Of a table that is gone there is none.
        Ok(row.get(0).is_some_and(|state| state == self.state))
    }
}

impl Entry {
    /// Whether it was there when a row was written. Who writes rows and who changes columns lock the table
    /// against each other until they are committed. Numbers of transactions do not tell: one that waits for its
    /// lock has its number already.
    fn is_before(&self, row: &Begin) -> bool {
        row.commit >= self.seen
    }
}

/// Reads the entries of the tables of one schema that meet a condition on `c` and `n`, by object id.
/// `slot` is the one whose log is read, or will be.
pub fn read(
    session: &Session,
    condition: &str,
    slot: &str,
) -> Result<BTreeMap<u32, Entries>, Failure> {
    // Read behind the snapshot that sees the entries, so what it sees was committed before.
    let rows = session.rows(&format!(
        "SELECT c.oid, {STATE}, pg_current_wal_insert_lsn() {COLUMNS} WHERE {condition} GROUP BY c.oid"
    ))?;
    let mut found = BTreeMap::new();
    for row in &rows {
        let seen = position::parse(text(row, 2)?);
        let seen = seen.ok_or_else(|| unexpected("a log position is none"))?;
        let state = text(row, 1)?.to_owned();
        found.insert(number(row, 0)?, Entries { seen, state, recent: Vec::new() });
    }
    // A slot that is to be made keeps at least what others keep or what runs now.
    let rows = session.rows(&format!(
        "SELECT c.oid, a.attnum, a.attisdropped, a.xmin \
         {COLUMNS} WHERE {condition} AND age(a.xmin) BETWEEN 0 AND ( \
             SELECT coalesce(max(age(catalog_xmin)) FILTER (WHERE slot_name = {}), \
                 greatest(max(age(catalog_xmin)), \
                     age((txid_snapshot_xmin(txid_current_snapshot()) & 4294967295)::text::xid))) \
             FROM pg_replication_slots)",
        literal(slot)
    ))?;
    for row in &rows {
        let Some(entries) = found.get_mut(&number(row, 0)?) else { continue };
        entries.recent.push(Entry {
            number: number(row, 1)?,
            is_dropped: flag(row, 2)?,
            transaction: number(row, 3)?,
            seen: entries.seen,
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_holds_for_rows_that_were_committed_behind_a_look_at_it() {
        let entry = Entry { number: 3, is_dropped: true, transaction: 70, seen: 1000 };
        let entries = Entries { recent: vec![entry], ..Entries::default() };
        for (commit, open) in [(999, &[3][..]), (1000, &[]), (1001, &[])] {
            // Whatever the numbers of the transactions are.
            for id in [69, 70, 71] {
                let row = Begin { commit, at_micros: 0, id };
                assert_eq!(entries.dropped_since(&row), open, "{commit}");
                assert_eq!(entries.is_changed_since(3, &row), !open.is_empty(), "{commit}");
            }
        }
    }

    #[test]
    fn what_was_seen_before_is_known_since_then() {
        let entries = |seen, transaction| {
            let entry = Entry { number: 3, is_dropped: true, transaction, seen };
            Entries { recent: vec![entry], ..Entries::default() }
        };
        for (transaction, expected) in [(70, 1000), (71, 2000)] {
            let mut now = entries(2000, transaction);
            now.known_by(&entries(1000, 70));
            assert_eq!(now.recent[0].seen, expected, "{transaction}");
        }
    }
}
