//! The publication: which tables' changes the log is decoded for.

use std::collections::BTreeSet;
use std::rc::Rc;

use cartridge_warp_sdk::{Failure, log};
use postgresql_client::names::{literal, quoted};

use super::SourceTable;
use super::server::{Server, VERSION_FILTERS, VERSION_GENERATED, VERSION_VIA_ROOT};
use super::waiting;
use crate::session::{CHANGED_MEANWHILE, Session, flag, text};

/// The comment of a publication that this connector made, so that it is told from one that a person made.
pub const MARK: &str = "made by cartridge-warp for its own use";

const OPERATIONS: &str = "insert, update, delete, truncate";

/// A publication as the catalog shows it.
struct Publication {
    all_tables: bool,
    all_operations: bool,
    via_root: bool,
}

/// What a publication needs before it carries every change of some tables.
pub struct Wanted {
    /// What is missing, in words.
    what: String,
    sql: String,
    /// It is not there at all.
    is_new: bool,
    /// Only a person may run it.
    by_hand: bool,
    /// The tables that are added.
    pub tables: Vec<Rc<SourceTable>>,
}

impl Wanted {
    /// The failure where it is not to be run from here, or cannot be.
    pub fn refused(&self, why: &str) -> Failure {
        not_ready(&format!("{}{why}", self.what), &self.sql)
    }

    /// Whether the options let us run it.
    pub fn is_ours(&self, create: bool) -> bool {
        create && !self.by_hand
    }

    /// Whether the publication is to be made.
    pub fn is_new(&self) -> bool {
        self.is_new
    }
}

/// Makes sure that the publication carries every change of the tables, or says which SQL does.
/// Only for tables that are about to be copied: adding another would hide what it missed.
pub fn ensure(
    session: &Session,
    server: &Server,
    name: &str,
    tables: &[Rc<SourceTable>],
    create: bool,
) -> Result<(), Failure> {
    match wanted(session, server, name, tables)? {
        None => Ok(()),
        Some(wanted) if wanted.is_ours(create) => change(session, name, &wanted),
        Some(wanted) => Err(wanted.refused("")),
    }
}

/// What is missing of the publication; nothing where it carries every change of the tables.
pub fn wanted(
    session: &Session,
    server: &Server,
    name: &str,
    tables: &[Rc<SourceTable>],
) -> Result<Option<Wanted>, Failure> {
    let Some(publication) = find(session, server, name)? else {
        harms_nobody(server, tables)?;
        let (sql, tables) = (create_sql(server, name, tables), tables.to_vec());
        let what = format!("there is no publication {name}");
        return Ok(Some(Wanted { what, sql, is_new: true, by_hand: false, tables }));
    };
    let missing = lacking(session, server, name, &publication, tables)?;
    if missing.is_empty() {
        return Ok(None);
    }
    harms_nobody(server, &missing)?;
    let what = format!("publication {name} lacks {}", sql_list(&missing));
    let sql = format!("ALTER PUBLICATION {} ADD TABLE {}", quoted(name), sql_only(&missing));
    let by_hand = publication.all_tables;
    Ok(Some(Wanted { what, sql, is_new: false, by_hand, tables: missing }))
}

/// The tables that the publication does not have.
pub fn missing(
    session: &Session,
    server: &Server,
    name: &str,
    tables: &[Rc<SourceTable>],
) -> Result<Vec<Rc<SourceTable>>, Failure> {
    match find(session, server, name)? {
        Some(publication) => lacking(session, server, name, &publication, tables),
        None => Ok(tables.to_vec()),
    }
}

/// Fails for tables that are followed and not in the publication, if there are any.
pub fn none_left_out(name: &str, tables: &[Rc<SourceTable>]) -> Result<(), Failure> {
    let Some(first) = tables.first() else { return Ok(()) };
    let more = match tables.len() {
        1 => String::new(),
        all => format!(" (and {} more, each likewise)", all - 1),
    };
    let failure = Failure::resync(
        "not-published",
        format!(
            "table {table}{more} is not in publication {name}, or was not for a while, so changes of it \
             are lost to this pipeline; run again with {flag}, which adds it and copies it anew, or leave \
             the table out",
            table = first.qualified(),
            flag = first.resync_flag()
        ),
    );
    Err(failure.about(tables.iter().map(|table| table.shape.name.clone())))
}

fn lacking(
    session: &Session,
    server: &Server,
    name: &str,
    publication: &Publication,
    tables: &[Rc<SourceTable>],
) -> Result<Vec<Rc<SourceTable>>, Failure> {
    if !publication.all_operations {
        let sql = format!("ALTER PUBLICATION {} SET (publish = '{OPERATIONS}')", quoted(name));
        return Err(not_ready(&format!("publication {name} leaves out some operations"), &sql));
    }
    if !publication.via_root && tables.iter().any(|table| table.partitioned) {
        let sql =
            format!("ALTER PUBLICATION {} SET (publish_via_partition_root = true)", quoted(name));
        let what = format!("publication {name} sends changes under the names of partitions");
        return Err(not_ready(&what, &sql));
    }
    let published = published(session, server, name, tables)?;
    let lacks = |table: &&Rc<SourceTable>| {
        !published.contains(&(table.schema.clone(), table.shape.name.clone()))
    };
    let lacking: Vec<_> = tables.iter().filter(lacks).cloned().collect();
    are_there(session, &lacking)?;
    Ok(lacking)
}

/// A table that was dropped or renamed a moment ago is in no publication under its old name.
fn are_there(session: &Session, tables: &[Rc<SourceTable>]) -> Result<(), Failure> {
    let names = tables.iter().map(|table| {
        format!("({}, {}, {})", table.oid, literal(&table.schema), literal(&table.shape.name))
    });
    let names = names.collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        return Ok(());
    }
    let gone = session.rows(&format!(
        "SELECT relation FROM (VALUES {names}) AS known(oid, schema, relation) \
         WHERE NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.oid = known.oid AND c.relname = relation AND n.nspname = known.schema)"
    ))?;
    let Some(row) = gone.first() else { return Ok(()) };
    Err(Failure::reconnect(
        CHANGED_MEANWHILE,
        format!(
            "table {} was dropped or renamed a moment ago; the source is opened anew",
            text(row, 0)?
        ),
    ))
}

fn find(session: &Session, server: &Server, name: &str) -> Result<Option<Publication>, Failure> {
    let via_root = if server.version >= VERSION_VIA_ROOT { "pubviaroot" } else { "false" };
    let rows = session.rows(&format!(
        "SELECT puballtables, pubinsert AND pubupdate AND pubdelete AND pubtruncate, {via_root} \
         FROM pg_publication WHERE pubname = {}",
        literal(name)
    ))?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Publication {
        all_tables: flag(row, 0)?,
        all_operations: flag(row, 1)?,
        via_root: flag(row, 2)?,
    }))
}

fn published(
    session: &Session,
    server: &Server,
    name: &str,
    tables: &[Rc<SourceTable>],
) -> Result<BTreeSet<(String, String)>, Failure> {
    let filters = if server.version >= VERSION_FILTERS { "rowfilter IS NOT NULL" } else { "false" };
    let rows = session.rows(&format!(
        "SELECT schemaname, tablename, {filters} FROM pg_publication_tables WHERE pubname = {}",
        literal(name)
    ))?;
    let mut published = BTreeSet::new();
    for row in &rows {
        let (schema, table) = (text(row, 0)?, text(row, 1)?);
        let known = tables.iter().find(|known| known.schema == schema && known.shape.name == table);
        // A filter that the snapshot does not know would make the two disagree.
        if known.is_some() && flag(row, 2)? {
            let sql = format!(
                "ALTER PUBLICATION {name} DROP TABLE {table}; ALTER PUBLICATION {name} ADD TABLE \
                 {table}",
                name = quoted(name),
                table = postgresql_client::names::qualified(schema, table)
            );
            let what = format!(
                "publication {name} sends only some rows of table {table}, which this connector does \
                 not follow (choose rows in the pipeline's configuration)"
            );
            return Err(not_ready(&what, &sql));
        }
        published.insert((schema.to_owned(), table.to_owned()));
    }
    Ok(published)
}

fn sql_list(tables: &[Rc<SourceTable>]) -> String {
    tables.iter().map(|table| table.qualified()).collect::<Vec<_>>().join(", ")
}

/// Of tables that others inherit from, only themselves: the others are tables of their own.
fn sql_only(tables: &[Rc<SourceTable>]) -> String {
    let only = tables.iter().map(|table| format!("ONLY {}", table.qualified()));
    only.collect::<Vec<_>>().join(", ")
}

/// A publication that would make the server refuse a writer's updates and deletes is not made.
fn harms_nobody(server: &Server, tables: &[Rc<SourceTable>]) -> Result<(), Failure> {
    let refuses_generated = server.version >= VERSION_GENERATED;
    let is_harmed = |table: &&Rc<SourceTable>| refuses_generated && table.logs_hidden;
    let Some(table) = tables.iter().find(is_harmed) else { return Ok(()) };
    let table = table.qualified();
    Err(Failure::config(
        "harms-writers",
        format!(
            "table {table} or a partition of it has generated columns in its replica identity (REPLICA \
             IDENTITY FULL has all columns), so once it is published the server refuses to update and \
             delete its rows; run ALTER TABLE … REPLICA IDENTITY DEFAULT, or leave the table out"
        ),
    ))
}

fn create_sql(server: &Server, name: &str, tables: &[Rc<SourceTable>]) -> String {
    let list = match sql_only(tables) {
        empty if empty.is_empty() => empty,
        list => format!(" FOR TABLE {list}"),
    };
    let root = if server.version >= VERSION_VIA_ROOT {
        " WITH (publish_via_partition_root = true)"
    } else {
        ""
    };
    format!("CREATE PUBLICATION {}{list}{root}", quoted(name))
}

/// Runs the SQL. Changes of transactions that began before are decoded as the publication was then, so
/// whoever copies the tables waits for these.
fn change(session: &Session, name: &str, wanted: &Wanted) -> Result<(), Failure> {
    let Wanted { sql, tables, is_new, .. } = wanted;
    log::info("changing the publication", &[("publication", name), ("sql", sql)]);
    let mark = format!("; COMMENT ON PUBLICATION {} IS {}", quoted(name), literal(MARK));
    let changed = session.run(&format!("{sql}{}", if *is_new { &mark } else { "" }));
    changed.map_err(|failure| match failure.code.as_str() {
        "permission" => {
            let what = format!("publication {name} cannot be changed by this role");
            not_ready(&what, sql).detail(failure.detail.unwrap_or_default())
        }
        _ => {
            let tables: Vec<u32> = tables.iter().map(|table| table.oid).collect();
            waiting::or_failed(
                session,
                &format!("a change of publication {name}"),
                &tables,
                failure,
            )
        }
    })
}

fn not_ready(what: &str, sql: &str) -> Failure {
    Failure::config("publication", format!("{what}; as the tables' owner run: {sql}"))
}
