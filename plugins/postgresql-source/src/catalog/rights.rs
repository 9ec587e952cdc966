//! What the role may read of the tables that are copied.

use std::collections::BTreeSet;
use std::rc::Rc;

use cartridge_warp_sdk::Failure;
use postgresql_client::names::quoted;

use super::SourceTable;
use super::server::Server;
use crate::session::{Session, number};

/// The tables of which the role may read nothing, each with what mends it. Single columns that it may not
/// read are withheld already, and rights on a partitioned table are enough for its partitions.
pub fn lacking(
    session: &Session,
    server: &Server,
    tables: &[Rc<SourceTable>],
) -> Result<Vec<Failure>, Failure> {
    let oids = tables.iter().map(|table| table.oid.to_string()).collect::<Vec<_>>().join(",");
    let rows = session.rows(&format!(
        "SELECT oid FROM unnest('{{{oids}}}'::oid[]) AS c(oid) \
         WHERE NOT has_any_column_privilege(oid, 'SELECT')"
    ))?;
    let closed = rows.iter().map(|row| number(row, 0)).collect::<Result<BTreeSet<u32>, _>>()?;
    let told = tables.iter().filter(|table| closed.contains(&table.oid));
    Ok(told.map(|table| refused(server, table)).collect())
}

fn refused(server: &Server, table: &SourceTable) -> Failure {
    let (user, table) = (&server.user, table.qualified());
    let sql = format!("GRANT SELECT ON {table} TO {}", quoted(user));
    Failure::config("permission", format!("role {user} may not read table {table}; run {sql}"))
}
