//! How each table is kept, written down beside the other metadata.
//!
//! The server's own catalog knows columns and types; it does not know what they meant to the source,
//! or whether the table was there before the connector.

use cartridge_warp_sdk::sql::{Stored, damaged};

use crate::refusal::Refusal;
use crate::scope::Scope;

/// What was stored about a table.
pub(crate) fn load(scope: Scope<'_>, name: &str) -> Result<Option<Stored>, Refusal> {
    let sql = format!(
        "SELECT definition::text FROM {} WHERE schema_name = $1 AND table_name = $2",
        scope.names.tables
    );
    let rows = scope.session.query(&sql, &[&scope.schema, &name])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let definition = row.try_get(0).map_err(|_| damaged("a definition is unreadable"))?;
    let (schema, name) = (scope.schema.to_owned(), name.to_owned());
    Ok(Some(Stored { schema, physical: name.clone(), name, definition }))
}

/// Stores a table's definition.
pub(crate) fn store(scope: Scope<'_>, name: &str, definition: &str) -> Result<(), Refusal> {
    let sql = format!(
        "INSERT INTO {} (schema_name, table_name, definition) VALUES ($1, $2, $3::text::jsonb)
         ON CONFLICT (schema_name, table_name) DO UPDATE
         SET definition = excluded.definition, updated_at = now()",
        scope.names.tables
    );
    scope.session.query(&sql, &[&scope.schema, &name, &definition]).map(drop)
}

/// Forgets a table that was dropped.
pub(crate) fn remove(scope: Scope<'_>, name: &str) -> Result<(), Refusal> {
    let sql =
        format!("DELETE FROM {} WHERE schema_name = $1 AND table_name = $2", scope.names.tables);
    scope.session.query(&sql, &[&scope.schema, &name]).map(drop)
}
