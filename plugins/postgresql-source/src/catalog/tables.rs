//! The tables of a schema with their columns and keys.
//!
//! Partitions are not tables of their own: their rows travel under the root's name. Generated
//! columns are left out everywhere, since the log does not carry them.

use std::collections::BTreeMap;

use cartridge_warp_sdk::{Column, Failure, Table};
use postgresql_client::names;
use postgresql_client::tokio_postgres::SimpleQueryRow;

use super::columns::{self, TypeFacts};
use super::server::VERSION_VIA_ROOT;
use crate::options::Options;
use crate::session::{Session, flag, number, text, unexpected};
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
    /// As the host sees it.
    pub shape: Table,
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

/// Reads tables with their shapes.
pub fn read(
    session: &Session,
    version: u32,
    which: &Which<'_>,
    options: &Options,
) -> Result<Vec<SourceTable>, Failure> {
    let condition = condition(version, which);
    let rows = session.rows(&format!(
        "SELECT c.oid, n.nspname, c.relname, c.relkind = 'p', c.relreplident, \
             greatest(c.reltuples, 0)::bigint \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE {condition} ORDER BY c.relname"
    ))?;
    let mut columns = columns_by_table(session, &condition, options)?;
    let keys = keys_by_table(session, &condition)?;
    rows.iter().map(|row| table(row, &mut columns, &keys)).collect()
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

/// Object ids of the tables, for finding new ones.
pub fn oids(session: &Session, version: u32, schema: &str) -> Result<Vec<u32>, Failure> {
    let rows = session.rows(&format!(
        "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {}",
        condition(version, &Which::Schema(schema))
    ))?;
    rows.iter().map(|row| number(row, 0)).collect()
}

type Columns = BTreeMap<u32, Vec<(SourceColumn, bool)>>;

fn columns_by_table(
    session: &Session,
    condition: &str,
    options: &Options,
) -> Result<Columns, Failure> {
    // A domain's own modifier counts where it has one, and a domain may stand on a domain.
    let rows = session.rows(&format!(
        "SELECT c.oid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, \
             a.attstorage <> 'p', format_type(a.atttypid, a.atttypmod), \
             base.oid, base.modifier, \
             a.atthasmissing OR a.atthasdef OR a.attidentity <> '' OR a.attnotnull \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 \
             AND NOT a.attisdropped AND a.attgenerated = '' \
         CROSS JOIN LATERAL ( \
             WITH RECURSIVE d(oid, modifier, depth) AS ( \
                 SELECT a.atttypid, a.atttypmod, 0 UNION ALL \
                 SELECT t.typbasetype, t.typtypmod, depth + 1 FROM d JOIN pg_type t \
                 ON t.oid = d.oid AND t.typtype = 'd') \
             SELECT oid, modifier FROM d ORDER BY depth DESC LIMIT 1) base \
         WHERE {condition} ORDER BY c.oid, a.attnum"
    ))?;
    let mut columns = Columns::new();
    for row in &rows {
        let facts = TypeFacts {
            base: number(row, 8)?,
            modifier: number(row, 9)?,
            formatted: text(row, 7)?.to_owned(),
            toastable: flag(row, 6)?,
            filled: flag(row, 10)?,
        };
        let name = text(row, 2)?;
        let required = flag(row, 5)?;
        let (column, codec) = columns::column(name, &facts, required, options);
        let column = SourceColumn {
            number: number(row, 1)?,
            name: name.to_owned(),
            type_oid: number(row, 3)?,
            modifier: number(row, 4)?,
            codec,
            formatted: facts.formatted,
            toastable: facts.toastable,
            column,
        };
        columns.entry(number(row, 0)?).or_default().push((column, required));
    }
    Ok(columns)
}

/// For each table the column numbers of its primary key and of its replica identity index.
#[derive(Default)]
struct Keys {
    primary: Vec<i16>,
    identity: Vec<i16>,
}

fn keys_by_table(session: &Session, condition: &str) -> Result<BTreeMap<u32, Keys>, Failure> {
    // A deferrable key is no replica identity.
    let rows = session.rows(&format!(
        "SELECT c.oid, i.indisprimary, i.indisreplident, i.indkey::text, i.indnkeyatts \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_index i ON i.indrelid = c.oid \
         WHERE {condition} AND (i.indisprimary OR i.indisreplident) AND i.indisvalid \
             AND i.indimmediate"
    ))?;
    let mut keys = BTreeMap::<u32, Keys>::new();
    for row in &rows {
        let count: usize = number(row, 4)?;
        let numbers = text(row, 3)?.split(' ').take(count).map(str::parse);
        let numbers: Vec<i16> =
            numbers.collect::<Result<_, _>>().map_err(|_| unexpected("an index has no columns"))?;
        let table = keys.entry(number(row, 0)?).or_default();
        if flag(row, 1)? {
            table.primary.clone_from(&numbers);
        }
        if flag(row, 2)? {
            table.identity = numbers;
        }
    }
    Ok(keys)
}

fn table(
    row: &SimpleQueryRow,
    columns: &mut Columns,
    keys: &BTreeMap<u32, Keys>,
) -> Result<SourceTable, Failure> {
    let oid: u32 = number(row, 0)?;
    let columns = columns.remove(&oid).unwrap_or_default();
    let replica_identity = text(row, 4)?.chars().next().unwrap_or('d');
    // The key is what deletes and updates carry: with NOTHING they carry none.
    let key = keys.get(&oid).map_or(&[][..], |keys| match replica_identity {
        'd' | 'f' => &keys.primary,
        'i' => &keys.identity,
        _ => &[],
    });
    let name = |number: &i16| {
        let found = columns.iter().find(|(column, _)| column.number == *number);
        found.map(|(column, _)| column.name.clone())
    };
    // A key that has a generated column cannot be sent, so the table has none.
    let key: Vec<String> = key.iter().map(name).collect::<Option<_>>().unwrap_or_default();
    let mut shape = Table::new(text(row, 2)?).key(key).estimated_rows(number(row, 5)?);
    let mut kept = Vec::with_capacity(columns.len());
    for (mut column, required) in columns {
        // Keys always come whole.
        if required && shape.key.contains(&column.name) {
            column.column = column.column.required();
        }
        shape = shape.with(column.column.clone());
        kept.push(column);
    }
    Ok(SourceTable {
        oid,
        schema: text(row, 1)?.to_owned(),
        partitioned: flag(row, 3)?,
        replica_identity,
        columns: kept,
        shape,
    })
}
