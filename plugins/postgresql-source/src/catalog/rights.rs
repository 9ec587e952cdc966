//! What the role may read of the tables that are copied.
//!
//! Rows are read where they lie, so a partition's own rights count, too.

use std::collections::BTreeMap;
use std::rc::Rc;

use cartridge_warp_sdk::{Failure, serde_json};
use postgresql_client::names::{qualified, quoted, quoted_list};

use super::SourceTable;
use super::keys::PARTITIONS;
use super::server::Server;
use crate::session::{Session, flag, number, text, unexpected};

/// Partitions of one table that are named; one statement mends all of them.
const NAMED_MAX: usize = 20;

/// The tables that the role may not read, each with what mends it.
pub fn lacking(
    session: &Session,
    server: &Server,
    tables: &[Rc<SourceTable>],
) -> Result<Vec<Failure>, Failure> {
    let oids = tables.iter().map(|table| table.oid.to_string()).collect::<Vec<_>>().join(",");
    // Columns that the role may not read of the table itself are withheld already.
    let rows = session.rows(&format!(
        "SELECT c.oid, n.nspname, l.relname, json_agg(r.attname::text \
             ORDER BY r.attnum)::text, NOT has_any_column_privilege(l.oid, 'SELECT') \
         FROM unnest('{{{oids}}}'::oid[]) AS c(oid) CROSS JOIN LATERAL {PARTITIONS} p \
         JOIN pg_class l ON l.oid = p.relid AND l.relkind IN ('r', 'p') \
         JOIN pg_namespace n ON n.oid = l.relnamespace \
         JOIN pg_attribute r ON r.attrelid = c.oid AND r.attnum > 0 AND NOT r.attisdropped \
             AND r.attgenerated = '' AND (has_column_privilege(c.oid, r.attnum, 'SELECT') \
                 OR NOT has_any_column_privilege(c.oid, 'SELECT')) \
         JOIN pg_attribute a ON a.attrelid = l.oid AND a.attname = r.attname \
         WHERE NOT has_column_privilege(l.oid, a.attnum, 'SELECT') GROUP BY 1, 2, 3, 5 ORDER BY 1, 2, 3"
    ))?;
    let mut found = BTreeMap::<u32, Vec<String>>::new();
    for row in &rows {
        let columns: Vec<String> = serde_json::from_str(text(row, 3)?)
            .map_err(|_| unexpected("a list of columns is none"))?;
        let of_table = flag(row, 4)?;
        let list = quoted_list(columns.iter().map(String::as_str));
        let what = if of_table { String::new() } else { format!(" ({list})") };
        let role = quoted(&server.user);
        let table = qualified(text(row, 1)?, text(row, 2)?);
        let sql = format!("GRANT SELECT{what} ON {table} TO {role}");
        found.entry(number(row, 0)?).or_default().push(sql);
    }
    let told = tables.iter().filter_map(|table| Some((table, found.get(&table.oid)?)));
    Ok(told.map(|(table, sql)| refused(server, table, sql)).collect())
}

fn refused(server: &Server, table: &SourceTable, sql: &[String]) -> Failure {
    let shown = sql.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join("; ");
    let more = match sql.len().checked_sub(NAMED_MAX) {
        None | Some(0) => String::new(),
        Some(more) => format!(" and the same for {more} more partitions"),
    };
    let message = format!(
        "role {} may not read table {}, or partitions of it; run {shown}{more}",
        server.user,
        table.qualified()
    );
    Failure::config("permission", message)
}
