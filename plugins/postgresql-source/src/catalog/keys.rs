//! By which columns rows are found again: what updates and deletes bring of the row before.
//!
//! Of a partitioned table each partition decides that for itself, whatever the log says of the table.

use std::collections::{BTreeMap, BTreeSet};

use cartridge_warp_sdk::{Failure, serde_json};

use super::server::VERSION_VIA_ROOT;
use crate::session::{Session, flag, number, text, unexpected};

/// A table `c` and its partitions of all levels, by object id. The server's own function would wait for
/// whoever rewrites one.
pub(super) const PARTITIONS: &str = "(WITH RECURSIVE t(relid) AS (SELECT c.oid UNION ALL SELECT \
    i.inhrelid FROM pg_inherits i JOIN t ON i.inhparent = t.relid) SELECT relid FROM t)";

/// For each table the column numbers of its primary key and of its replica identity index.
#[derive(Default)]
pub struct Keys {
    primary: Vec<i16>,
    identity: Vec<i16>,
    /// The primary key, where it is deferrable and so no replica identity.
    pub deferrable: Option<DeferrableKey>,
}

/// A primary key that the log does not know, since two rows may have it for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeferrableKey {
    /// The constraint's name.
    pub name: String,
    /// Its columns, as SQL.
    pub columns: String,
}

impl Keys {
    /// The columns that deletes and updates carry; with `NOTHING` they carry none.
    pub fn key(&self, replica_identity: char) -> &[i16] {
        match replica_identity {
            'd' | 'f' => &self.primary,
            'i' => &self.identity,
            _ => &[],
        }
    }
}

/// Reads the keys of tables.
pub fn read(session: &Session, condition: &str) -> Result<BTreeMap<u32, Keys>, Failure> {
    let rows = session.rows(&format!(
        "SELECT c.oid, i.indisprimary, i.indisreplident, i.indkey::text, i.indnkeyatts, \
             i.indimmediate, index.relname, (SELECT string_agg(quote_ident(a.attname), ', ' \
                 ORDER BY array_position(i.indkey::int2[], a.attnum)) FROM pg_attribute a \
                 WHERE a.attrelid = c.oid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class index ON index.oid = i.indexrelid \
         WHERE {condition} AND (i.indisprimary OR i.indisreplident) AND i.indisvalid"
    ))?;
    let mut keys = BTreeMap::<u32, Keys>::new();
    for row in &rows {
        let count: usize = number(row, 4)?;
        let numbers = text(row, 3)?.split(' ').take(count).map(str::parse);
        let numbers: Vec<i16> =
            numbers.collect::<Result<_, _>>().map_err(|_| unexpected("an index has no columns"))?;
        let table = keys.entry(number(row, 0)?).or_default();
        if !flag(row, 5)? {
            let (name, columns) = (text(row, 6)?.to_owned(), text(row, 7)?.to_owned());
            table.deferrable = Some(DeferrableKey { name, columns });
            continue;
        }
        if flag(row, 1)? {
            table.primary.clone_from(&numbers);
        }
        if flag(row, 2)? {
            table.identity = numbers;
        }
    }
    Ok(keys)
}

/// Partitions of a table that log the same of the row before.
#[derive(Debug)]
pub struct Partitions {
    /// One of them, as SQL.
    example: String,
    /// `d`efault, `f`ull, `i`ndex or `n`othing.
    replica_identity: char,
    /// Whether the log has their rows at all.
    is_logged: bool,
    /// Names of the columns that they log of the row before.
    columns: BTreeSet<String>,
}

impl Partitions {
    /// Why rows of a table with this key cannot be followed in these partitions.
    pub fn obstacle(&self, key: &[String]) -> Option<String> {
        let Self { example, replica_identity, is_logged, columns } = self;
        if !is_logged {
            return Some(format!(
                "its partition {example} is a foreign or unlogged table, of whose rows the log says \
                 nothing; detach it"
            ));
        }
        let has_key = *replica_identity == 'f' || key.iter().all(|name| columns.contains(name));
        (!has_key && !key.is_empty()).then(|| {
            format!(
                "its partition {example} has a replica identity of its own that lacks the table's \
                 key ({}), so the log does not say which row was changed; run ALTER TABLE {example} \
                 REPLICA IDENTITY DEFAULT",
                key.join(", ")
            )
        })
    }
}

impl Partitions {
    /// Whether they log one of these columns of the row before.
    pub fn log(&self, mut columns: impl Iterator<Item = String>) -> bool {
        columns.any(|name| self.replica_identity == 'f' || self.columns.contains(&name))
    }
}

/// Reads what the partitions of partitioned tables log.
pub fn partitions(
    session: &Session,
    version: u32,
    condition: &str,
) -> Result<BTreeMap<u32, Vec<Partitions>>, Failure> {
    let mut found = BTreeMap::<u32, Vec<Partitions>>::new();
    if version < VERSION_VIA_ROOT {
        return Ok(found);
    }
    let rows = session.rows(&format!(
        "SELECT root, identity, logged, columns, min(leaf) FROM ( \
             SELECT c.oid AS root, l.relreplident AS identity, \
                 l.relkind = 'r' AND l.relpersistence = 'p' AS logged, \
                 format('%I.%I', ln.nspname, l.relname) AS leaf, \
                 coalesce((SELECT json_agg(a.attname ORDER BY a.attname)::text \
                     FROM pg_index i JOIN pg_attribute a ON a.attrelid = l.oid \
                         AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]) \
                     WHERE i.indrelid = l.oid AND CASE l.relreplident WHEN 'd' \
                         THEN i.indisprimary AND i.indimmediate \
                         WHEN 'i' THEN i.indisreplident END), '[]') AS columns \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             CROSS JOIN LATERAL {PARTITIONS} p \
             JOIN pg_class l ON l.oid = p.relid JOIN pg_namespace ln ON ln.oid = l.relnamespace \
             WHERE {condition} AND c.relkind = 'p' AND l.relkind <> 'p') leaves \
         GROUP BY root, identity, logged, columns"
    ))?;
    for row in &rows {
        let columns = serde_json::from_str(text(row, 3)?);
        found.entry(number(row, 0)?).or_default().push(Partitions {
            example: text(row, 4)?.to_owned(),
            replica_identity: text(row, 1)?.chars().next().unwrap_or('d'),
            is_logged: flag(row, 2)?,
            columns: columns.map_err(|_| unexpected("an index has no columns"))?,
        });
    }
    Ok(found)
}
