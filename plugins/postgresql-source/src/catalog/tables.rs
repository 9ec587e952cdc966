//! The tables of a schema with their columns and keys.
//!
//! Partitions are not tables of their own: their rows travel under the root's name. Generated
//! columns are left out everywhere, since the log does not carry them.

use std::collections::BTreeMap;

use cartridge_warp_sdk::{Column, ColumnIdentity, Failure, Table};
use postgresql_client::names;
use postgresql_client::tokio_postgres::SimpleQueryRow;

use super::columns::{self, TypeFacts};
use super::keys::{self, Keys, PARTITIONS, Partitions};
use super::server::VERSION_VIA_ROOT;
use super::types::Types;
use crate::options::Options;
use crate::session::{Session, flag, number, text};
use crate::value::Codec;

/// A table of the server.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceTable {
    /// Object id.
    pub oid: u32,
    /// Its schema.
    pub schema: String,
    /// Whether it has no rows of its own but partitions.
    pub partitioned: bool,
    /// `d`efault, `f`ull, `i`ndex or `n`othing.
    pub replica_identity: char,
    /// Its columns.
    pub columns: Vec<SourceColumn>,
    /// It has a key, of which a generated column is part.
    pub is_key_generated: bool,
    /// Generated columns, which do not travel.
    pub hidden: Vec<HiddenColumn>,
    /// Why its rows cannot be followed, as words behind its name.
    pub obstacle: Option<String>,
    /// As the host sees it.
    pub shape: Table,
}

/// A column whose values do not travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenColumn {
    /// Its number.
    pub number: i16,
    /// Its name.
    pub name: String,
}

/// A column of the server.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceColumn {
    /// Its number, which no other column of the table ever gets.
    pub number: i16,
    /// Its name.
    pub name: String,
    /// Object id of its declared type.
    pub type_oid: u32,
    /// The type's modifier.
    pub modifier: i32,
    /// How its values are read.
    pub codec: Codec,
    /// The declared type as SQL.
    pub formatted: String,
    /// An update may leave its value out.
    pub toastable: bool,
    /// As the host sees it.
    pub column: Column,
}

impl SourceTable {
    /// The name as SQL.
    pub fn qualified(&self) -> String {
        names::qualified(&self.schema, &self.shape.name)
    }

    /// What copies this table anew and leaves the others alone.
    pub fn resync_flag(&self) -> String {
        format!("--full-resync={}.{}", self.schema, self.shape.name)
    }

    /// The places of the key columns.
    pub fn key_indices(&self) -> Vec<usize> {
        self.shape.key.iter().filter_map(|name| self.shape.index_of(name)).collect()
    }
}

/// Which tables to look at.
pub enum Which<'a> {
    /// All of a schema.
    Schema(&'a str),
    /// One, by name.
    Named(&'a str, &'a str),
    /// One, by object id.
    Oid(u32),
}

impl Which<'_> {
    fn condition(&self) -> String {
        match self {
            Self::Schema(schema) => format!("n.nspname = {}", names::literal(schema)),
            Self::Named(schema, table) => format!(
                "n.nspname = {} AND c.relname = {}",
                names::literal(schema),
                names::literal(table)
            ),
            Self::Oid(oid) => format!("c.oid = {oid}"),
        }
    }
}

/// Reads tables with their shapes, all as they are at one moment.
pub fn read(
    session: &Session,
    version: u32,
    which: &Which<'_>,
    options: &Options,
) -> Result<Vec<SourceTable>, Failure> {
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    let found = read_within(session, version, which, options);
    let ended = session.run("COMMIT");
    found.and_then(|found| ended.map(|()| found))
}

/// As [`read`], within a transaction of the caller's that sees one moment.
pub fn read_within(
    session: &Session,
    version: u32,
    which: &Which<'_>,
    options: &Options,
) -> Result<Vec<SourceTable>, Failure> {
    let condition = condition(version, which);
    // What a rewrite changes: the file of the rows, or of any partition's.
    let rows = session.rows(&format!(
        "SELECT c.oid, n.nspname, c.relname, c.relkind = 'p', c.relreplident, \
             greatest(c.reltuples, 0)::bigint, CASE WHEN c.relkind = 'p' \
                 THEN (SELECT 'p' || left(md5(coalesce(string_agg( \
                     l.relfilenode::text, ',' ORDER BY l.oid), '')), 8) \
                     FROM {PARTITIONS} p JOIN pg_class l ON l.oid = p.relid) \
                 ELSE c.relfilenode::text END \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE {condition} ORDER BY c.relname"
    ))?;
    let types = Types::read(session, version, &condition)?;
    let mut found = Found {
        columns: columns_by_table(session, &condition, &types, options)?,
        keys: keys::read(session, &condition)?,
        partitions: keys::partitions(session, version, &condition)?,
    };
    rows.iter().map(|row| table(row, &mut found)).collect()
}

/// What was read of several tables, by object id.
struct Found {
    columns: BTreeMap<u32, Columns>,
    keys: BTreeMap<u32, Keys>,
    partitions: BTreeMap<u32, Vec<Partitions>>,
}

#[derive(Default)]
struct Columns {
    /// Each with whether it demands a value.
    shown: Vec<(SourceColumn, bool)>,
    hidden: Vec<HiddenColumn>,
}

fn condition(version: u32, which: &Which<'_>) -> String {
    // Before 13 changes carry the partition's name, so partitions are the tables.
    let parts = if version >= VERSION_VIA_ROOT {
        "c.relkind IN ('r', 'p') AND NOT c.relispartition"
    } else {
        "c.relkind = 'r'"
    };
    format!("{} AND c.relpersistence = 'p' AND {parts}", which.condition())
}

fn columns_by_table(
    session: &Session,
    condition: &str,
    types: &Types,
    options: &Options,
) -> Result<BTreeMap<u32, Columns>, Failure> {
    // A domain's own modifier counts where it has one, and a domain may stand on a domain.
    let rows = session.rows(&format!(
        "SELECT c.oid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, \
             a.attstorage <> 'p', format_type(a.atttypid, a.atttypmod), \
             base.oid, base.modifier, \
             a.atthasmissing OR a.atthasdef OR a.attidentity <> '' OR a.attnotnull, \
             a.xmin, a.attgenerated <> '' \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 \
             AND NOT a.attisdropped \
         CROSS JOIN LATERAL ( \
             WITH RECURSIVE d(oid, modifier, depth) AS ( \
                 SELECT a.atttypid, a.atttypmod, 0 UNION ALL \
                 SELECT t.typbasetype, t.typtypmod, depth + 1 FROM d JOIN pg_type t \
                 ON t.oid = d.oid AND t.typtype = 'd') \
             SELECT oid, modifier FROM d ORDER BY depth DESC LIMIT 1) base \
         WHERE {condition} ORDER BY c.oid, a.attnum"
    ))?;
    let mut columns = BTreeMap::<u32, Columns>::new();
    for row in &rows {
        let (oid, place): (u32, i16) = (number(row, 0)?, number(row, 1)?);
        let (name, of_table) = (text(row, 2)?, columns.entry(oid).or_default());
        if flag(row, 12)? {
            of_table.hidden.push(HiddenColumn { number: place, name: name.to_owned() });
            continue;
        }
        let facts = TypeFacts {
            base: number(row, 8)?,
            modifier: number(row, 9)?,
            formatted: text(row, 7)?.to_owned(),
            toastable: flag(row, 6)?,
            filled: flag(row, 10)?,
        };
        let required = flag(row, 5)?;
        let type_oid = number(row, 3)?;
        let (column, codec) = columns::column(name, &facts, required, options);
        let type_id = columns::type_id(types.id(type_oid), &facts, options);
        let identity = ColumnIdentity::new(identity(oid, place), type_id);
        // The file of the rows is the table's business.
        let column = column.identified(identity.stored(text(row, 11)?, ""));
        let column = SourceColumn {
            number: place,
            name: name.to_owned(),
            type_oid,
            modifier: number(row, 4)?,
            codec,
            formatted: facts.formatted,
            toastable: facts.toastable,
            column,
        };
        of_table.shown.push((column, required));
    }
    Ok(columns)
}

/// No other column of the database ever gets it.
fn identity(table: u32, column: i16) -> String {
    format!("{table}.{column}")
}

fn table(row: &SimpleQueryRow, found: &mut Found) -> Result<SourceTable, Failure> {
    let oid: u32 = number(row, 0)?;
    let Columns { shown, hidden } = found.columns.remove(&oid).unwrap_or_default();
    let replica_identity = text(row, 4)?.chars().next().unwrap_or('d');
    let key = found.keys.get(&oid).map_or(&[][..], |keys| keys.key(replica_identity));
    let name = |number: &i16| {
        let found = shown.iter().find(|(column, _)| column.number == *number);
        found.map(|(column, _)| column.name.clone())
    };
    let is_hidden = |number: &i16| hidden.iter().any(|column| column.number == *number);
    let is_key_generated = key.iter().any(is_hidden);
    // A key that has a generated column cannot be sent, so the table has none.
    let key: Vec<String> = key.iter().map(name).collect::<Option<_>>().unwrap_or_default();
    let mut shape = Table::new(text(row, 2)?).key(key).estimated_rows(number(row, 5)?);
    shape = shape.hidden(hidden.iter().map(|column| identity(oid, column.number)));
    let file = text(row, 6)?;
    let mut columns = Vec::with_capacity(shown.len());
    for (mut column, required) in shown {
        // Keys always come whole.
        if required && shape.key.contains(&column.name) {
            column.column = column.column.required();
        }
        if let Some(stored) = column.column.identity.as_mut().and_then(|it| it.stored.as_mut()) {
            stored.push_str(file);
        }
        shape = shape.with(column.column.clone());
        columns.push(column);
    }
    let mut partitions = found.partitions.get(&oid).into_iter().flatten();
    Ok(SourceTable {
        oid,
        schema: text(row, 1)?.to_owned(),
        partitioned: flag(row, 3)?,
        replica_identity,
        columns,
        is_key_generated,
        hidden,
        obstacle: partitions.find_map(|partitions| partitions.obstacle(&shape.key)),
        shape,
    })
}
