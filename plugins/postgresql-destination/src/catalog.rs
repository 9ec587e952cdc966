//! How each table is kept, written down beside the other metadata.
//!
//! The server's own catalog knows columns and types; it does not know what they meant to the source,
//! or whether the table was there before the connector. A row is found by where its table is; `of` in the
//! definition says whose that is, where the source calls it otherwise.

use cartridge_warp_sdk::sql::{Stored, Table, damaged};
use cartridge_warp_sdk::{Failure, Location, TablePlace};
use postgresql_client::names::qualified;
use postgresql_client::tokio_postgres::Row;

use crate::metadata::has_table;
use crate::names::Names;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::session::{Parameters, Session};

/// Schema and name of the source's table that the row `t` is of.
const OWNER: &str = "coalesce(t.definition->'of'->>0, t.schema_name), coalesce(t.definition->'of'->>1, t.table_name)";
/// Whether the row `t` is of the source's table `$1.$2`. The index has the second part.
const IS_OF: &str = "(t.schema_name = $1 AND t.table_name = $2 AND t.definition->'of' IS NULL
     OR t.definition->'of' = jsonb_build_array($1::text, $2::text))";

/// What was stored about a table of the database.
pub(crate) fn load(scope: Scope<'_>, physical: &TablePlace) -> Result<Option<Stored>, Refusal> {
    let TablePlace { schema, table } = physical;
    read(scope, "t.schema_name = $1 AND t.table_name = $2", &[schema, table])
}

/// What was stored about a table of the source.
pub(crate) fn find(scope: Scope<'_>, table: &str) -> Result<Option<Stored>, Refusal> {
    read(scope, IS_OF, &[&scope.schema, &table])
}

fn read(scope: Scope<'_>, which: &str, values: Parameters<'_>) -> Result<Option<Stored>, Refusal> {
    let sql = format!(
        "SELECT t.schema_name, t.table_name, t.definition::text, {OWNER} FROM {} t WHERE {which}",
        scope.names.tables
    );
    let rows = scope.session.query(&sql, values)?;
    let Some(row) = rows.first() else { return Ok(None) };
    let text = |at: usize| row.try_get(at).map_err(|_| damaged("a definition is unreadable"));
    let physical = TablePlace { schema: text(0)?, table: text(1)? };
    Ok(Some(Stored { schema: text(3)?, name: text(4)?, physical, definition: text(2)? }))
}

/// Stores a table's definition. Two schemas that share one may have found the same table at once: the
/// second waits here for the first, and is refused.
pub(crate) fn store(scope: Scope<'_>, table: &Table, definition: &str) -> Result<(), Refusal> {
    let sql = format!(
        "INSERT INTO {} AS t (schema_name, table_name, definition)
         VALUES ($1, $2, CASE WHEN ($1, $2) = ($4, $5) THEN $3::text::jsonb
             ELSE $3::text::jsonb || jsonb_build_object('of', jsonb_build_array($4::text, $5::text)) END)
         ON CONFLICT (schema_name, table_name) DO UPDATE
         SET definition = excluded.definition, updated_at = now()
         WHERE t.definition->'of' IS NOT DISTINCT FROM excluded.definition->'of'
         RETURNING 1",
        scope.names.tables
    );
    let TablePlace { schema, table: name } = &table.physical;
    let values: Parameters<'_> = &[schema, name, &definition, &scope.schema, &table.name];
    if scope.session.query(&sql, values)?.is_empty() {
        let what = format!("table {schema}.{name} was just taken by another schema");
        return Err(Failure::config("table-name-taken", what).into());
    }
    Ok(())
}

/// Forgets where else a table of the source was kept.
pub(crate) fn leave(scope: Scope<'_>, table: &Table) -> Result<(), Refusal> {
    let sql = format!(
        "DELETE FROM {} t WHERE {IS_OF} AND (t.schema_name, t.table_name) <> ($3, $4)",
        scope.names.tables
    );
    let TablePlace { schema, table: name } = &table.physical;
    scope.session.query(&sql, &[&scope.schema, &table.name, schema, name]).map(drop)
}

/// Forgets a table that was dropped.
pub(crate) fn remove(scope: Scope<'_>, physical: &TablePlace) -> Result<(), Refusal> {
    let sql =
        format!("DELETE FROM {} WHERE schema_name = $1 AND table_name = $2", scope.names.tables);
    let TablePlace { schema, table } = physical;
    scope.session.query(&sql, &[schema, table]).map(drop)
}

/// What is known of places; there may be no metadata yet.
pub(crate) fn locate(
    session: &Session,
    names: &Names,
    places: &[TablePlace],
) -> Result<Vec<Location>, Refusal> {
    places.iter().try_for_each(|place| names.check_place(place))?;
    let (owner, join) = match has_table(session, &names.tables)? {
        true => {
            let join = "t ON t.schema_name = p.schema AND t.table_name = p.name";
            (OWNER, format!("LEFT JOIN {} {join}", names.tables))
        }
        false => ("NULL::text, NULL::text", String::new()),
    };
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class c
                    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = p.schema AND c.relname = p.name), {owner}
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS p (schema, name, at) {join}
         ORDER BY p.at"
    );
    let schemas: Vec<&str> = places.iter().map(|place| place.schema.as_str()).collect();
    let tables: Vec<&str> = places.iter().map(|place| place.table.as_str()).collect();
    let rows = session.query(&sql, &[&schemas, &tables])?;
    Ok(places.iter().zip(&rows).map(|(place, row)| location(place, row)).collect())
}

fn location(place: &TablePlace, row: &Row) -> Location {
    let text = |at: usize| row.try_get::<_, Option<String>>(at).ok().flatten();
    let owner = text(1).zip(text(2)).map(|(schema, table)| TablePlace { schema, table });
    let exists = row.try_get(0).unwrap_or(false);
    Location { identity: qualified(&place.schema, &place.table), exists, owner }
}
