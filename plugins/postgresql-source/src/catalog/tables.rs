//! The tables of a schema with their columns and keys.
//!
//! Partitions are not tables of their own: their rows travel under the root's name. Generated
//! columns are left out everywhere, since the log does not carry them, and so are those that are kept
//! from us.

use std::collections::BTreeMap;

use cartridge_warp_sdk::naming::column_name;
use cartridge_warp_sdk::{Column, ColumnIdentity, Failure, Table};
use postgresql_client::names;
use postgresql_client::tokio_postgres::SimpleQueryRow;

use super::columns::{self, TypeFacts};
use super::entries::{self, Entries};
use super::keys::{self, DeferrableKey, Keys, PARTITIONS, Partitions};
use super::server::VERSION_VIA_ROOT;
use super::types::Types;
use super::withheld::{WithheldColumn, Withholding};
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
    /// Its primary key, where that is none to the log.
    pub deferrable_key: Option<DeferrableKey>,
    /// Generated columns, which do not travel.
    pub hidden: Vec<HiddenColumn>,
    /// It or a partition logs generated columns of the row before.
    pub logs_hidden: bool,
    /// Columns that are only described.
    pub withheld: Vec<WithheldColumn>,
    /// Why its rows cannot be followed, as words behind its name.
    pub obstacle: Option<String>,
    /// Since when the catalog has said this of its columns.
    pub entries: Entries,
    /// As its rows travel.
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

    /// What copies this table anew and leaves the others alone, as a word of a shell.
    pub fn resync_flag(&self) -> String {
        let name = format!("{}.{}", self.schema, self.shape.name);
        let is_plain = |letter: char| letter.is_alphanumeric() || "_-.".contains(letter);
        match name.chars().all(is_plain) {
            true => format!("--full-resync={name}"),
            false => format!("--full-resync-table='{}'", name.replace('\'', r"'\''")),
        }
    }

    /// As the host is told what there is.
    pub fn described(&self) -> Table {
        let withheld = self.withheld.iter().map(|withheld| withheld.column.clone());
        withheld.fold(self.shape.clone(), Table::with)
    }

    /// The server's names of the key columns.
    pub fn key_names(&self) -> Vec<&str> {
        self.key_indices().into_iter().map(|at| self.columns[at].name.as_str()).collect()
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
    let schemas = rows.iter().map(|row| text(row, 1)).collect::<Result<Vec<_>, _>>()?;
    let mut found = Found {
        // All tables of one reading are of one schema.
        entries: match schemas.first() {
            Some(schema) => {
                let database = session.value("SELECT current_database()")?;
                entries::read(session, &condition, &options.slot(&database, schema))?
            }
            None => BTreeMap::new(),
        },
        withholding: Withholding::read(session, version, schemas.into_iter(), options)?,
        columns: columns_by_table(session, &condition, &types, options)?,
        keys: keys::read(session, &condition)?,
        partitions: keys::partitions(session, version, &condition)?,
    };
    rows.iter().map(|row| table(row, &mut found)).collect()
}

/// What was read of several tables, by object id.
struct Found {
    entries: BTreeMap<u32, Entries>,
    withholding: Withholding,
    columns: BTreeMap<u32, Columns>,
    keys: BTreeMap<u32, Keys>,
    partitions: BTreeMap<u32, Vec<Partitions>>,
}

#[derive(Default)]
struct Columns {
    shown: Vec<Shown>,
    hidden: Vec<HiddenColumn>,
}

/// A column that travels unless it is kept from us.
struct Shown {
    column: SourceColumn,
    /// It demands a value.
    required: bool,
    /// The role may read it.
    granted: bool,
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
    // A domain's own modifier counts where it has one, and a domain may stand on a domain. Rights are
    // those of now and not of the snapshot: of a column that was dropped since there is none to tell.
    // What rows of before have in a column that was added with a default, only their partitions know.
    let rows = session.rows(&format!(
        "WITH had AS (SELECT c.oid, l.attname FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL {PARTITIONS} p \
             JOIN pg_attribute l ON l.attrelid = p.relid AND l.atthasmissing \
             WHERE {condition} AND c.relkind = 'p') \
         SELECT c.oid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, \
             a.attstorage <> 'p', format_type(a.atttypid, a.atttypmod), \
             base.oid, base.modifier, \
             a.atthasmissing OR a.atthasdef OR a.attidentity <> '' OR a.attnotnull \
                 OR (c.oid, a.attname) IN (SELECT * FROM had), \
             a.xmin, a.attgenerated <> '', \
             coalesce(has_column_privilege(c.oid, a.attnum, 'SELECT'), true) \
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
        let (column, codec) = columns::column(&column_name(name), &facts, required, options);
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
        of_table.shown.push(Shown { column, required, granted: flag(row, 13)? });
    }
    Ok(columns)
}

/// No other column of the database ever gets it.
fn identity(table: u32, column: i16) -> String {
    format!("{table}.{column}")
}

fn table(row: &SimpleQueryRow, found: &mut Found) -> Result<SourceTable, Failure> {
    let oid: u32 = number(row, 0)?;
    let (schema, name) = (text(row, 1)?, text(row, 2)?);
    let Columns { shown, hidden } = found.columns.remove(&oid).unwrap_or_default();
    let file = text(row, 6)?;
    let (shown, withheld) = found.part((oid, schema, name), with_file(shown, file));
    let replica_identity = text(row, 4)?.chars().next().unwrap_or('d');
    let key = found.keys.get(&oid).map_or(&[][..], |keys| keys.key(replica_identity));
    let of_key = |number: &i16| {
        shown.iter().map(|shown| &shown.column).find(|column| column.number == *number)
    };
    let is_hidden = |number: &i16| hidden.iter().any(|column| column.number == *number);
    let is_key_generated = key.iter().any(is_hidden);
    let key_withheld = withheld.iter().find(|withheld| key.contains(&withheld.number));
    // A key that has a column which does not travel cannot be sent, so the table has none.
    let key: Vec<&SourceColumn> = key.iter().map(of_key).collect::<Option<_>>().unwrap_or_default();
    let key_names: Vec<String> = key.iter().map(|column| column.name.clone()).collect();
    let key = key.iter().map(|column| column.column.name.clone()).collect::<Vec<_>>();
    let mut shape = Table::new(name).key(key).estimated_rows(number(row, 5)?);
    shape = shape.hidden(hidden.iter().map(|column| identity(oid, column.number)));
    let mut columns = Vec::with_capacity(shown.len());
    for Shown { mut column, required, .. } in shown {
        // Keys always come whole.
        if required && shape.key.contains(&column.column.name) {
            column.column = column.column.required();
        }
        shape = shape.with(column.column.clone());
        columns.push(column);
    }
    let partitions = || found.partitions.get(&oid).into_iter().flatten();
    let hidden_names = || hidden.iter().map(|column| column.name.clone());
    let is_whole = replica_identity == 'f' && !hidden.is_empty();
    let obstacle = key_withheld.map(WithheldColumn::obstacle);
    Ok(SourceTable {
        logs_hidden: is_whole || partitions().any(|partitions| partitions.log(hidden_names())),
        obstacle: obstacle
            .or_else(|| partitions().find_map(|partitions| partitions.obstacle(&key_names))),
        oid,
        schema: schema.to_owned(),
        partitioned: flag(row, 3)?,
        replica_identity,
        columns,
        is_key_generated,
        deferrable_key: found.keys.get(&oid).and_then(|keys| keys.deferrable.clone()),
        hidden,
        withheld,
        entries: found.entries.remove(&oid).unwrap_or_default(),
        shape,
    })
}

/// What a column's identity lacks: which file has its values.
fn with_file(mut columns: Vec<Shown>, file: &str) -> Vec<Shown> {
    let identities = columns.iter_mut().filter_map(|shown| shown.column.column.identity.as_mut());
    identities.filter_map(|identity| identity.stored.as_mut()).for_each(|it| it.push_str(file));
    columns
}

impl Found {
    /// Parts a table's columns into those that travel and those that are only described. Where the role
    /// may read none at all, that is told of the table.
    fn part(
        &self,
        table: (u32, &str, &str),
        columns: Vec<Shown>,
    ) -> (Vec<Shown>, Vec<WithheldColumn>) {
        let reads_none = columns.iter().all(|shown| !shown.granted);
        let (mut shown, mut withheld) = (Vec::new(), Vec::new());
        for column in columns {
            let SourceColumn { number, name, .. } = &column.column;
            match self.withholding.mended_by(table, (*number, name, column.granted || reads_none)) {
                Some(mended_by) => {
                    let described = &column.column.column;
                    withheld.push(WithheldColumn::new(*number, name, described, &mended_by));
                }
                None => shown.push(column),
            }
        }
        (shown, withheld)
    }
}
