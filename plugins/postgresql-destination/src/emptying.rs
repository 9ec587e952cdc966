//! How a table is emptied.

use cartridge_warp_sdk::sql::Table;

use crate::references::is_referenced;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::statement::mark;
use postgresql_client::names::quoted;

/// The end of all rows of the source; takes the time as its only parameter where it marks them.
pub(crate) fn truncate(session: &Session, table: &Table) -> Result<(String, bool), Refusal> {
    let (Some(soft), true) = (&table.soft_column, table.soft) else {
        return clear(session, table).map(|sql| (sql, false));
    };
    let soft = quoted(soft);
    let set = mark(table, &soft, "$1::timestamp with time zone");
    Ok((format!("UPDATE {} AS t SET {set} WHERE t.{soft} IS NOT TRUE", table.sql), true))
}

/// Everything goes, also what is only marked as deleted. A table that somebody else made may lack the
/// privilege to truncate, and one that others refer to the server does not truncate.
pub(crate) fn clear(session: &Session, table: &Table) -> Result<String, Refusal> {
    let deletes = table.adopted || is_referenced(session, &table.sql, "conrelid <> confrelid")?;
    let verb = if deletes { "DELETE FROM" } else { "TRUNCATE TABLE" };
    Ok(format!("{verb} {}", table.sql))
}
