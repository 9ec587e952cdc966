//! The connector's own tables, and the markers in the transaction of the rows they belong to.

use cartridge_warp_sdk::Marker;
use cartridge_warp_sdk::sql::{LETTER_COLUMNS_ADDED, damaged};
use postgresql_client::names::{literal, quoted};
use postgresql_client::tokio_postgres::types::ToSql;

use crate::names::Names;
use crate::refusal::Refusal;
use crate::session::Session;

/// Keeps two runners from making the same tables at the same time; any number will do.
const MAKING_LOCK: i64 = 0x6361_7274_7769_7270;

/// Makes a schema that is not there. Only then, since that needs a privilege.
pub(crate) fn create_schema(session: &Session, schema: &str) -> Result<(), Refusal> {
    session.run(&format!("SELECT pg_advisory_xact_lock({MAKING_LOCK})"))?;
    let sql = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1";
    if session.query(sql, &[&schema])?.is_empty() {
        session.run(&format!("CREATE SCHEMA {}", quoted(schema)))?;
    }
    Ok(())
}

/// Makes the metadata tables that are not there. `written_at` is what older releases write.
pub(crate) fn create(session: &Session, names: &Names) -> Result<(), Refusal> {
    create_schema(session, &names.metadata)?;
    let Names { epochs, markers, dead_letters, tables, .. } = names;
    if [epochs, markers, dead_letters, tables]
        .into_iter()
        .map(|table| has_table(session, table))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .all(|there| there)
    {
        return add_columns(session, dead_letters);
    }
    session.run(&format!(
        "CREATE TABLE IF NOT EXISTS {epochs} (
             schema_name text PRIMARY KEY, epoch bigint NOT NULL, owner text NOT NULL,
             claimed_at timestamptz NOT NULL DEFAULT now(),
             written_at timestamptz) WITH (fillfactor = 50);
         CREATE TABLE IF NOT EXISTS {markers} (
             schema_name text NOT NULL, stream text NOT NULL, value bytea NOT NULL,
             epoch bigint NOT NULL, updated_at timestamptz NOT NULL DEFAULT now(),
             PRIMARY KEY (schema_name, stream)) WITH (fillfactor = 50);
         CREATE TABLE IF NOT EXISTS {tables} (
             schema_name text NOT NULL, table_name text NOT NULL, definition jsonb NOT NULL,
             updated_at timestamptz NOT NULL DEFAULT now(),
             PRIMARY KEY (schema_name, table_name));
         CREATE INDEX IF NOT EXISTS tables_of ON {tables} ((definition->'of'));
         CREATE TABLE IF NOT EXISTS {dead_letters} (
             id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
             schema_name text NOT NULL, table_name text NOT NULL, operation text NOT NULL,
             payload text NOT NULL, error_code text NOT NULL, error_message text NOT NULL,
             origin text NOT NULL, count bigint NOT NULL DEFAULT 1,
             status text NOT NULL DEFAULT 'pending'
                 CHECK (status IN ('pending', 'processing', 'resolved', 'discarded')),
             resolution text, row_key text, fingerprint bigint NOT NULL,
             created_at timestamptz NOT NULL DEFAULT now(),
             last_seen_at timestamptz NOT NULL DEFAULT now());
         CREATE INDEX IF NOT EXISTS dead_letter_queue_fingerprint ON {dead_letters} (fingerprint)"
    ))
}

/// The columns that a table of dead letters from an older release lacks.
pub(crate) fn lacking(session: &Session, letters: &str) -> Result<Vec<&'static str>, Refusal> {
    let sql = format!(
        "SELECT attname::text FROM pg_catalog.pg_attribute \
         WHERE attrelid = to_regclass({}) AND attnum > 0 AND NOT attisdropped",
        literal(letters)
    );
    let rows = session.query(&sql, &[])?;
    let has = |column: &str| rows.iter().any(|row| row.try_get(0).ok() == Some(column));
    Ok(LETTER_COLUMNS_ADDED.into_iter().filter(|column| !has(column)).collect())
}

fn add_columns(session: &Session, letters: &str) -> Result<(), Refusal> {
    lacking(session, letters)?.into_iter().try_for_each(|column| {
        session.run(&format!("ALTER TABLE {letters} ADD COLUMN IF NOT EXISTS {column} text"))
    })
}

/// The value of a marker; none also where no metadata exists.
pub(crate) fn marker(
    session: &Session,
    names: &Names,
    schema: &str,
    stream: &str,
) -> Result<Option<Vec<u8>>, Refusal> {
    let sql = format!("SELECT value FROM {} WHERE schema_name = $1 AND stream = $2", names.markers);
    if !session.knows(&sql) && !has_table(session, &names.markers)? {
        return Ok(None);
    }
    let rows = session.query(&sql, &[&schema, &stream])?;
    Ok(rows.first().and_then(|row| row.try_get(0).ok()))
}

/// Stores or deletes markers.
pub(crate) fn store_markers(
    session: &Session,
    names: &Names,
    schema: &str,
    markers: &[Marker],
    epoch: u64,
) -> Result<(), Refusal> {
    let table = &names.markers;
    let store = format!(
        "INSERT INTO {table} (schema_name, stream, value, epoch) VALUES ($1, $2, $3, $4)
         ON CONFLICT (schema_name, stream) DO UPDATE
         SET value = excluded.value, epoch = excluded.epoch, updated_at = now()"
    );
    let remove = format!("DELETE FROM {table} WHERE schema_name = $1 AND stream = $2");
    let epoch = i64::try_from(epoch).map_err(|_| damaged("an epoch is out of range"))?;
    let schema = &schema;
    let statements = markers.iter().map(|marker| match &marker.value {
        Some(value) => {
            let values: Vec<&(dyn ToSql + Sync)> = vec![schema, &marker.stream, value, &epoch];
            (store.as_str(), values)
        }
        None => (remove.as_str(), vec![schema as &(dyn ToSql + Sync), &marker.stream]),
    });
    session.pipeline(&statements.collect::<Vec<_>>())
}

/// Whether a table is there and its schema can be looked into.
pub(crate) fn has_table(session: &Session, table: &str) -> Result<bool, Refusal> {
    let sql = format!("SELECT 1 WHERE to_regclass({}) IS NOT NULL", literal(table));
    Ok(!session.query(&sql, &[])?.is_empty())
}
