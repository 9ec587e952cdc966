//! Foreign keys that refer to a table.

use crate::refusal::Refusal;
use crate::session::Session;

/// Whether there is a foreign key to this table of which the condition, about `pg_constraint`, holds.
pub(crate) fn is_referenced(
    session: &Session,
    table: &str,
    condition: &str,
) -> Result<bool, Refusal> {
    let sql = format!(
        "SELECT FROM pg_catalog.pg_constraint WHERE contype = 'f'
             AND confrelid = pg_catalog.to_regclass($1::text) AND {condition} LIMIT 1"
    );
    Ok(!session.query(&sql, &[&table])?.is_empty())
}
