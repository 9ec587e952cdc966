//! Indexes that a table is given.
//!
//! They are built `CONCURRENTLY`, on a connection of their own: nobody who reads or writes the table waits for one. What
//! is left of a build that was cut off is an index that is not valid, by which the next one knows that it is to be
//! built anew.

use std::time::Duration;

use cartridge_warp_sdk::sql::{Table, Vendor, index_name, lacks};
use cartridge_warp_sdk::{ExtraOutcome, Failure, TableIndex};
use postgresql_client::names::{NAME_BYTES_MAX, qualified, quoted};
use postgresql_client::{Connection, LOCKED, LongStatement, Settings};

use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::session::Session;

/// How long one call waits for a build.
const CALL: Duration = Duration::from_secs(5);
/// A build takes as long as it takes, whatever is set for the role.
const PATIENT: &str =
    "SET client_min_messages = warning; SET statement_timeout = 0; SET lock_timeout = 0;
    SET idle_in_transaction_session_timeout = 0";

/// An index that is being built.
pub(crate) struct Building {
    table: String,
    index: TableIndex,
    name: String,
    statement: LongStatement,
}

/// Makes an index, or goes on with it.
pub(crate) fn make(
    scope: Scope<'_>,
    settings: &Settings,
    building: &mut Option<Building>,
    table: &Table,
    index: &TableIndex,
) -> Result<ExtraOutcome, Failure> {
    if let Some(why) = lacks(table, index) {
        return Ok(ExtraOutcome::Refused(why));
    }
    let is_this = |one: &mut Building| one.table == table.sql && one.index == *index;
    if let Some(under_way) = building.take_if(is_this) {
        return wait(scope, table, under_way, building);
    }
    let there = there(scope.session, table)?;
    if there.iter().any(|one| one.is_valid && one.is_like(index)) {
        return Ok(ExtraOutcome::Unchanged);
    }
    let is_left_over = |name: &str| there.iter().any(|one| !one.is_valid && one.name == name);
    let name = index_name(table, index, NAME_BYTES_MAX, |name| {
        Ok::<_, Refusal>(!is_left_over(name) && is_taken(scope.session, table, name)?)
    })?;
    if !remove_left_over(scope, table, &name)? {
        return Ok(ExtraOutcome::UnderWay);
    }
    let connection = Connection::open(settings)?;
    connection.run(|client| client.batch_execute(PATIENT))?;
    let statement = LongStatement::begin(connection, build(table, &name, index))?;
    let (table_sql, index) = (table.sql.clone(), index.clone());
    wait(scope, table, Building { table: table_sql, index, name, statement }, building)
}

fn wait(
    scope: Scope<'_>,
    table: &Table,
    mut under_way: Building,
    building: &mut Option<Building>,
) -> Result<ExtraOutcome, Failure> {
    match under_way.statement.wait(CALL) {
        None => {
            *building = Some(under_way);
            Ok(ExtraOutcome::UnderWay)
        }
        Some(Ok(())) => Ok(ExtraOutcome::Made),
        Some(Err(error)) => {
            let refusal = Refusal::of(under_way.statement.connection(), &error);
            let words = scope.refusal_words(&refusal).ok_or(*refusal.failure)?;
            // What stays is in nobody's way but the writer's.
            remove_left_over(scope, table, &under_way.name)?;
            Ok(ExtraOutcome::Refused(words))
        }
    }
}

fn build(table: &Table, name: &str, index: &TableIndex) -> String {
    let columns = index.columns.iter().map(|column| {
        let order = if column.descending { "DESC" } else { "ASC" };
        let nulls = if column.nulls_first { "FIRST" } else { "LAST" };
        format!("{} {order} NULLS {nulls}", quoted(&column.name))
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    format!("CREATE INDEX CONCURRENTLY {} ON {} ({columns})", quoted(name), table.sql)
}

/// Removes what a build left over, and no index that is valid; false while somebody is still at it.
fn remove_left_over(scope: Scope<'_>, table: &Table, name: &str) -> Result<bool, Failure> {
    let there = there(scope.session, table)?;
    if !there.iter().any(|one| !one.is_valid && one.name == name) {
        return Ok(true);
    }
    let name = qualified(&table.physical.schema, name);
    scope.run("SET lock_timeout = '2s'")?;
    let removed = scope.run(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"));
    scope.run("RESET lock_timeout")?;
    match removed {
        Err(refusal) if refusal.failure.code == LOCKED => Ok(false),
        removed => Ok(removed.map(|()| true)?),
    }
}

/// An index of the table.
struct There {
    name: String,
    is_valid: bool,
    /// Names, and the server's words for their order.
    columns: Vec<(String, i16)>,
}

impl There {
    fn is_like(&self, index: &TableIndex) -> bool {
        let order = |descending, nulls_first| i16::from(descending) | i16::from(nulls_first) << 1;
        let wanted = index.columns.iter();
        let wanted = wanted.map(|it| (it.name.as_str(), order(it.descending, it.nulls_first)));
        self.columns.iter().map(|(name, order)| (name.as_str(), *order)).eq(wanted)
    }
}

/// Indexes over whole columns and all rows, in the order of their values.
fn there(session: &Session, table: &Table) -> Result<Vec<There>, Refusal> {
    let sql = "SELECT x.relname::text, i.indisvalid, array_agg(a.attname::text ORDER BY k.at),
                      array_agg(i.indoption[k.at - 1] ORDER BY k.at)
               FROM pg_catalog.pg_index i
               JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
               JOIN pg_catalog.pg_am m ON m.oid = x.relam AND m.amname = 'btree'
               CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, at)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
               WHERE i.indrelid = pg_catalog.to_regclass($1::text) AND i.indpred IS NULL
                 AND i.indexprs IS NULL AND k.at <= i.indnkeyatts
               GROUP BY x.oid, x.relname, i.indisvalid";
    let rows = session.query(sql, &[&table.sql])?;
    let there = rows.iter().map(|row| {
        let (names, orders): (Vec<String>, Vec<i16>) = (row.get(2), row.get(3));
        There {
            name: row.get(0),
            is_valid: row.get(1),
            columns: names.into_iter().zip(orders).collect(),
        }
    });
    Ok(there.collect())
}

/// Tables, indexes and the like of a schema share their names.
fn is_taken(session: &Session, table: &Table, name: &str) -> Result<bool, Refusal> {
    let sql = "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n
                   ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2";
    Ok(!session.query(sql, &[&table.physical.schema, &name])?.is_empty())
}
