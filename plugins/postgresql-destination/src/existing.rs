//! Looks up a table that is already there.

use cartridge_warp_sdk::sql::{Existing, ExistingColumn, Table, Unique};
use cartridge_warp_sdk::{Failure, TablePlace};
use postgresql_client::names::quoted;

use crate::refusal::Refusal;
use crate::scope::Scope;

/// Looks a table up; views and the like are a failure.
pub(crate) fn find(scope: Scope<'_>, physical: &TablePlace) -> Result<Option<Existing>, Refusal> {
    let sql = "SELECT c.oid, c.relkind IN ('r', 'p') FROM pg_catalog.pg_class c
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = $1 AND c.relname = $2";
    let TablePlace { schema, table } = physical;
    let rows = scope.session.query(sql, &[schema, table])?;
    let Some(row) = rows.first() else { return Ok(None) };
    if !row.get::<_, bool>(1) {
        return Err(Failure::config(
            "not-a-table",
            format!("{table} is there already and is no ordinary table; rename one of them"),
        )
        .into());
    }
    let oid: u32 = row.get(0);
    Ok(Some(Existing { columns: columns(scope, oid)?, unique: unique(scope, oid)? }))
}

/// Whether any row has a value in the column.
pub(crate) fn has_values(scope: Scope<'_>, table: &Table, column: &str) -> Result<bool, Refusal> {
    let sql = format!("SELECT 1 FROM {} WHERE {} IS NOT NULL LIMIT 1", table.sql, quoted(column));
    Ok(!scope.session.query(&sql, &[])?.is_empty())
}

fn columns(scope: Scope<'_>, oid: u32) -> Result<Vec<ExistingColumn>, Refusal> {
    let sql = "SELECT attname::text, pg_catalog.format_type(atttypid, atttypmod),
                      attnotnull AND NOT atthasdef AND attidentity = '',
                      attgenerated <> '' OR attidentity = 'a'
               FROM pg_catalog.pg_attribute
               WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
    let rows = scope.session.query(sql, &[&oid])?;
    let column = |row: &postgresql_client::tokio_postgres::Row| ExistingColumn {
        name: row.get(0),
        declared: row.get(1),
        demanded: row.get(2),
        generated: row.get(3),
    };
    Ok(rows.iter().map(column).collect())
}

/// Unique indexes over whole columns. One whose collation or type takes different values for equal
/// would merge rows.
fn unique(scope: Scope<'_>, oid: u32) -> Result<Vec<Unique>, Refusal> {
    let sql = "SELECT array_agg(a.attname::text ORDER BY k.at),
                      i.indimmediate AND bool_and(coalesce(c.collisdeterministic, true)
                          AND pg_catalog.format_type(a.atttypid, NULL) !~ '(^|\\.)citext$')
               FROM pg_catalog.pg_index i
               CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, at)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
               LEFT JOIN pg_catalog.pg_collation c ON c.oid = i.indcollation[k.at - 1]
               WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
                 AND i.indexprs IS NULL AND k.at <= i.indnkeyatts
               GROUP BY i.indexrelid, i.indimmediate";
    let rows = scope.session.query(sql, &[&oid])?;
    Ok(rows.iter().map(|row| Unique { columns: row.get(0), exact: row.get(1) }).collect())
}
