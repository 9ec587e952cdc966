//! What a table is given beside its columns and key: comments here, indexes in [`crate::indexes`].

use cartridge_warp_sdk::sql::{Table, Vendor, kept};
use cartridge_warp_sdk::{Extra, ExtraOutcome, ExtraRequest, Failure};
use postgresql_client::names::{literal, quoted};

use crate::PostgresqlDestination;
use crate::epoch::{self, Fence};
use crate::indexes;
use crate::refusal::Refusal;
use crate::scope::Scope;

/// Whoever waits for a table's lock keeps all others waiting behind it.
const PATIENCE: &str = "SET LOCAL lock_timeout = '3s'";

/// Makes what is asked for.
pub(crate) fn make(
    destination: &mut PostgresqlDestination,
    request: &ExtraRequest,
) -> Result<ExtraOutcome, Failure> {
    let PostgresqlDestination { session, names, settings, building, .. } = destination;
    let ExtraRequest { schema, table, extra, epoch } = request;
    let scope = Scope { session, names, schema };
    let mine = (schema.as_str(), *epoch);
    // Beside whoever writes its rows: none of it touches one.
    let fenced = |work: &dyn Fn(&Table) -> Result<ExtraOutcome, Refusal>| {
        epoch::transaction(session, names, mine, Fence::Shared, || work(&kept(&scope, table)?))
    };
    match extra {
        Extra::Index(index) => {
            // It is built outside of any transaction. One that was asked for under an old epoch harms nobody.
            let table =
                epoch::transaction(session, names, mine, Fence::Shared, || kept(&scope, table))?;
            indexes::make(scope, settings, building, &table, index)
        }
        Extra::Comment(text) => Ok(fenced(&|table| comment(scope, table, None, text))?),
        Extra::ColumnComment { column, text } => {
            Ok(fenced(&|table| comment(scope, table, Some(column), text))?)
        }
    }
}

/// Says something of a table, or of one of its columns.
fn comment(
    scope: Scope<'_>,
    table: &Table,
    column: Option<&str>,
    text: &str,
) -> Result<ExtraOutcome, Refusal> {
    if let Some(lacking) = column.filter(|column| table.column(column).is_none()) {
        return Ok(ExtraOutcome::Refused(format!("the table has no column {lacking}")));
    }
    let sql = "SELECT CASE WHEN $2::text IS NULL
                   THEN pg_catalog.obj_description(pg_catalog.to_regclass($1::text), 'pg_class')
                   ELSE (SELECT pg_catalog.col_description(a.attrelid, a.attnum)
                         FROM pg_catalog.pg_attribute a
                         WHERE a.attrelid = pg_catalog.to_regclass($1::text) AND a.attname = $2)
               END";
    let rows = scope.session.query(sql, &[&table.sql, &column])?;
    let there: Option<String> = rows.first().and_then(|row| row.try_get(0).ok().flatten());
    // Of a table that was there before, the text is its owner's.
    if there.is_some_and(|there| there == text || table.adopted) {
        return Ok(ExtraOutcome::Unchanged);
    }
    let what = match column {
        None => format!("TABLE {}", table.sql),
        Some(column) => format!("COLUMN {}.{}", table.sql, quoted(column)),
    };
    let said = format!("{PATIENCE}; COMMENT ON {what} IS {}", literal(text));
    scope.run("SAVEPOINT comment")?;
    match scope.run(&said) {
        Ok(()) => Ok(ExtraOutcome::Made),
        Err(refusal) => {
            let words = scope.refusal_words(&refusal).ok_or(refusal)?;
            scope.run("ROLLBACK TO comment")?;
            Ok(ExtraOutcome::Refused(words))
        }
    }
}
