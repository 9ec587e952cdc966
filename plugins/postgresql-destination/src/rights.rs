//! Whether tables can be made and written to, told without doing so.

use std::collections::HashSet;

use cartridge_warp_sdk::{Failure, TablePlace};
use postgresql_client::names::quoted;

use crate::refusal::Refusal;
use crate::session::Session;

/// Refuses a schema in which this role can have no table: one that it may not make, or may not use, or
/// that has none yet and may get none.
pub(crate) fn check(session: &Session, schema: &str) -> Result<(), Refusal> {
    let sql = "SELECT current_user::text, current_database()::text,
                   has_database_privilege(current_database(), 'CREATE'), n.oid IS NOT NULL,
                   coalesce(has_schema_privilege(n.oid, 'USAGE'), false),
                   coalesce(has_schema_privilege(n.oid, 'CREATE'), false) OR EXISTS (
                       SELECT 1 FROM pg_catalog.pg_class c
                       WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p'))
               FROM (SELECT 1) one LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = $1";
    let rows = session.query(sql, &[&schema])?;
    let Some(row) = rows.first() else { return Ok(()) };
    let name = |at: usize| row.try_get::<_, String>(at).unwrap_or_default();
    let is = |at: usize| row.try_get::<_, bool>(at).unwrap_or(false);
    let (user, database) = (name(0), name(1));
    let (may_make_schemas, is_there, may_use, may_have_tables) = (is(2), is(3), is(4), is(5));
    let (what, grant) = match is_there {
        true if may_use && may_have_tables => return Ok(()),
        true => {
            let grant = format!("GRANT USAGE, CREATE ON SCHEMA {}", quoted(schema));
            (format!("make tables in schema {schema}"), grant)
        }
        false if may_make_schemas => return Ok(()),
        false => {
            let grant = format!("GRANT CREATE ON DATABASE {}", quoted(&database));
            (format!("make schema {schema}"), grant)
        }
    };
    let message = format!("role {user} may not {what}; run {grant} TO {}", quoted(&user));
    Err(Failure::config("permission", message).into())
}

/// Refuses tables that are there and into which this role may write nothing, such as those of another one.
pub(crate) fn check_tables(session: &Session, places: &HashSet<TablePlace>) -> Result<(), Refusal> {
    let sql = "SELECT current_user::text, string_agg(format('%I.%I', p.schema, p.name), ', '
                   ORDER BY p.schema, p.name)
               FROM unnest($1::text[], $2::text[]) AS p (schema, name)
               JOIN pg_catalog.pg_namespace n ON n.nspname = p.schema
               JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = p.name
               WHERE c.relkind IN ('r', 'p') AND NOT has_any_column_privilege(c.oid, 'INSERT')";
    let schemas: Vec<&str> = places.iter().map(|place| place.schema.as_str()).collect();
    let tables: Vec<&str> = places.iter().map(|place| place.table.as_str()).collect();
    let rows = session.query(sql, &[&schemas, &tables])?;
    let Some(row) = rows.first() else { return Ok(()) };
    let text = |at: usize| row.try_get::<_, Option<String>>(at).ok().flatten();
    let (Some(user), Some(closed)) = (text(0), text(1)) else { return Ok(()) };
    let user = quoted(&user);
    let message = format!(
        "permission denied for table {closed} to role {user}; run GRANT SELECT, INSERT, UPDATE, DELETE ON \
         {closed} TO {user}, or make the role its owner, so that it can follow changes of shape"
    );
    Err(Failure::config("permission", message).into())
}
