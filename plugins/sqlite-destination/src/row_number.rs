//! The numbers that SQLite gives rows, in whose order it keeps them.

use std::collections::BTreeSet;

use cartridge_warp_sdk::sql::Table;
use rusqlite::{Connection, OptionalExtension};

/// What the number of a row is called, which a column may be called as well; none where rows have none.
pub(crate) fn row_number(
    connection: &Connection,
    table: &Table,
) -> rusqlite::Result<Option<&'static str>> {
    let sql = "SELECT lower(name) FROM pragma_table_xinfo(?1)";
    let mut columns = connection.prepare(sql)?;
    let columns = columns.query_map([&table.physical.table], |row| row.get(0))?;
    let columns: BTreeSet<String> = columns.collect::<rusqlite::Result<_>>()?;
    let free = ["rowid", "_rowid_", "oid"].into_iter().find(|name| !columns.contains(*name));
    let is_there = |name: &&str| {
        let sql = format!("SELECT {name} FROM {} LIMIT 1", table.sql);
        connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).optional().is_ok()
    };
    Ok(free.filter(is_there))
}
