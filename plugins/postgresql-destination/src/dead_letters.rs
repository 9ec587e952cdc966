//! Rows that could not be written, kept for a person beside those that could.

use std::borrow::Cow;

use cartridge_warp_sdk::DeadLetter;
use cartridge_warp_sdk::sql::{self, EMPTIED, OPEN_LETTERS};
use postgresql_client::tokio_postgres::types::ToSql;

use crate::names::Names;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::session::Session;

/// Keeps letters; the same one again only raises its count.
pub(crate) fn store(
    session: &Session,
    names: &Names,
    schema: &str,
    letters: &[DeadLetter],
) -> Result<(), Refusal> {
    let table = &names.dead_letters;
    let sql = format!(
        "WITH again AS (
             UPDATE {table} SET count = count + 1, last_seen_at = now()
             WHERE fingerprint = $8 AND status = 'pending' AND schema_name = $1 AND table_name = $2
               AND operation = $3 AND payload = $4 AND error_code = $5 AND error_message = $6
               AND origin = $7
             RETURNING 1)
         INSERT INTO {table} (schema_name, table_name, operation, payload, error_code,
             error_message, origin, fingerprint)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE NOT EXISTS (SELECT 1 FROM again)"
    );
    let kept: Vec<Kept<'_>> = letters.iter().map(|letter| Kept::of(schema, letter)).collect();
    let statements = kept.iter().map(|kept| {
        let mut values: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(kept.texts.len() + 1);
        values.extend(kept.texts.iter().map(|text| text as &(dyn ToSql + Sync)));
        values.push(&kept.fingerprint);
        (sql.as_str(), values)
    });
    session.pipeline(&statements.collect::<Vec<_>>())
}

/// Settles the open letters of a table that is emptied.
pub(crate) fn settle_emptied(scope: Scope<'_>, table: &str) -> Result<(), Refusal> {
    let Scope { session, names, schema } = scope;
    let sql = format!(
        "UPDATE {} SET status = 'resolved', resolution = $3
         WHERE schema_name = $1 AND table_name = $2 AND {OPEN_LETTERS}",
        names.dead_letters
    );
    session.pipeline(&[(&sql, vec![&schema, &table, &EMPTIED])])
}

/// A letter as it is stored.
struct Kept<'a> {
    texts: [Cow<'a, str>; 7],
    fingerprint: i64,
}

impl<'a> Kept<'a> {
    fn of(schema: &'a str, letter: &'a DeadLetter) -> Self {
        let DeadLetter { table, operation, payload, code, message, origin } = letter;
        let texts = [schema, table, operation, payload, code, message, origin].map(storable);
        let fingerprint = sql::fingerprint(texts.iter().map(AsRef::as_ref));
        Self { texts, fingerprint }
    }
}

/// Text of the server holds every character but one.
fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}
