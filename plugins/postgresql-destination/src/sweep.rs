//! A table that is copied again while its rows stay.

use std::time::{Duration, Instant};

use cartridge_warp_sdk::sql::{KeptColumn, Table, Tables, Vendor, drop_keys, left_over, planned};
use cartridge_warp_sdk::{Failure, SweepRequest, Swept, TablePlace};
use postgresql_client::names::quoted;

use crate::PostgresqlDestination;
use crate::dead_letters;
use crate::emptying;
use crate::epoch::{self, Fence};
use crate::metadata;
use crate::references::is_referenced;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::session::Session;
use crate::statement::mark;

/// What a row is called in the statements.
const ROW: &str = "t";
/// Blocks of the table that are swept by one statement: 32 MiB, a second or two.
const PART_BLOCKS: i64 = 4096;
/// How long one call goes on with more of them.
const CALL: Duration = Duration::from_secs(5);

/// Begins; or why the table has to be emptied instead.
pub(crate) fn begin(
    destination: &mut PostgresqlDestination,
    request: &SweepRequest,
) -> Result<Option<String>, Failure> {
    destination.swept.remove(&which(request));
    let PostgresqlDestination { session, names, schemas, .. } = destination;
    let SweepRequest { schema, markers, epoch, .. } = request;
    let scope = Scope { session, names, schema };
    let none = Tables::new();
    let tables = schemas.of(schema).unwrap_or(&none);
    let (table, keys) = (planned(&request.table, tables)?, planned(&request.keys, tables)?);
    if keys.adopted {
        return Ok(Some(format!("a table {} was there before the connector", keys.physical.table)));
    }
    if let Some(reason) = obstacle(session, table)? {
        return Ok(Some(reason));
    }
    // Tells whether keys can be compared, where the table was there before the connector.
    let probe =
        format!("SELECT 1 FROM {} AS {ROW} WHERE {} LIMIT 0", table.sql, gone(scope, table, keys)?);
    if let Err(refusal) = session.query(&probe, &[]) {
        // What may be otherwise in a moment is no reason to empty a table.
        let words = scope.refusal_words(&refusal).ok_or(*refusal.failure)?;
        return Ok(Some(format!("its key cannot be compared: {words}")));
    }
    epoch::transaction(session, names, (schema, *epoch), Fence::Alone, || {
        session.run(&emptying::clear(session, keys)?)?;
        dead_letters::settle_emptied(scope, &request.table)?;
        metadata::store_markers(session, names, schema, markers, *epoch)
    })?;
    Ok(None)
}

/// Ends what is left over, from where this connection left off.
pub(crate) fn go_on(
    destination: &mut PostgresqlDestination,
    request: &SweepRequest,
) -> Result<Swept, Failure> {
    let SweepRequest { schema, table, keys, markers, epoch } = request;
    let begun = Instant::now();
    let (mut from, mut rows) = (destination.swept.remove(&which(request)).unwrap_or_default(), 0);
    loop {
        let part = destination.reshape(schema, *epoch, |scope, tables| {
            let (kept, by_key) = (planned(table, tables)?, planned(keys, tables)?);
            let ended = end(scope, kept, by_key, from)?;
            if from + PART_BLOCKS < blocks(scope.session, kept)? {
                return Ok(Swept { rows: ended, done: false });
            }
            dead_letters::settle_emptied(scope, keys)?;
            drop_keys(&scope, keys, tables)?;
            metadata::store_markers(scope.session, scope.names, schema, markers, *epoch)?;
            Ok(Swept { rows: ended, done: true })
        })?;
        rows += part.rows;
        if part.done {
            return Ok(Swept { rows, done: true });
        }
        from += PART_BLOCKS;
        if begun.elapsed() >= CALL {
            destination.swept.insert(which(request), from);
            return Ok(Swept { rows, done: false });
        }
    }
}

fn which(request: &SweepRequest) -> TablePlace {
    TablePlace::new(&request.schema, &request.table)
}

/// Ends rows of some blocks of the table.
fn end(scope: Scope<'_>, table: &Table, keys: &Table, from: i64) -> Result<u64, Refusal> {
    if !table.adopted {
        // A key at a time, by the index of the keys: they may be many, and the rows of a part are few.
        scope.run("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")?;
    }
    let to = from + PART_BLOCKS;
    let gone = format!(
        "{ROW}.ctid >= '({from},0)'::tid AND {ROW}.ctid < '({to},0)'::tid AND {}",
        gone(scope, table, keys)?
    );
    let sql = match &table.soft_column {
        Some(soft) if table.soft => {
            let soft = quoted(soft);
            let set = mark(table, &soft, "NULL::timestamp with time zone");
            format!(
                "UPDATE {} AS {ROW} SET {set} WHERE {ROW}.{soft} IS NOT TRUE AND {gone}",
                table.sql
            )
        }
        _ => format!("DELETE FROM {} AS {ROW} WHERE {gone}", table.sql),
    };
    Ok(scope.session.counts(&[(&sql, Vec::new())])?.iter().sum())
}

/// How many blocks the table has by now.
fn blocks(session: &Session, table: &Table) -> Result<i64, Refusal> {
    let sql = "SELECT pg_catalog.pg_relation_size(pg_catalog.to_regclass($1::text))
                   / pg_catalog.current_setting('block_size')::bigint";
    let rows = session.query(sql, &[&table.sql])?;
    Ok(rows.first().and_then(|row| row.try_get(0).ok()).unwrap_or_default())
}

/// The condition of rows that the source no longer has.
fn gone(scope: Scope<'_>, table: &Table, keys: &Table) -> Result<String, Failure> {
    left_over(&scope, table, keys, ROW, |value, kept, key| compared(table, value, kept, key))
}

/// A table of somebody else may have a key of another type or collation. Its collation takes equal bytes for
/// equal, else the table would not have been adopted.
fn compared(table: &Table, value: String, kept: &KeptColumn, key: &KeptColumn) -> String {
    if !table.adopted {
        return value;
    }
    let value =
        if kept.declared == key.declared { value } else { format!("{value}::{}", kept.declared) };
    let is_text = ["text", "character"].iter().any(|word| kept.declared.starts_with(word));
    if is_text { format!("{value} COLLATE \"C\"") } else { value }
}

/// Why rows that are to go cannot stay until new ones have come.
fn obstacle(session: &Session, table: &Table) -> Result<Option<String>, Refusal> {
    let sql = "SELECT i.indexrelid::regclass::text FROM pg_catalog.pg_index i
               CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, at)
               LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
               WHERE i.indrelid = pg_catalog.to_regclass($1::text) AND (i.indisunique OR i.indisexclusion)
                 AND k.at <= i.indnkeyatts
               GROUP BY i.indexrelid, i.indpred IS NULL
               HAVING NOT (i.indpred IS NULL
                   AND array_agg(coalesce(a.attname::text, '') ORDER BY a.attname::text COLLATE \"C\") = $2::text[])
               ORDER BY 1 LIMIT 1";
    let mut key = table.key.clone();
    key.sort();
    let others = session.query(sql, &[&table.sql, &key])?;
    if let Some(row) = others.first() {
        let index: String = row.try_get(0).unwrap_or_default();
        return Ok(Some(format!(
            "rows that are to go may have values of new ones in its index {index}"
        )));
    }
    if is_referenced(session, &table.sql, "true")? {
        return Ok(Some("foreign keys refer to it".to_owned()));
    }
    // Blocks have one number in each of several tables.
    let sql = "SELECT FROM pg_catalog.pg_inherits
               WHERE inhparent = pg_catalog.to_regclass($1::text) LIMIT 1";
    let is_alone = session.query(sql, &[&table.sql])?.is_empty();
    Ok((!is_alone).then(|| "it has partitions or children".to_owned()))
}
