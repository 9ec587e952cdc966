//! Rows that could not be written, kept for a person beside those that could.

use std::borrow::Cow;

use cartridge_warp_sdk::sql::{self, EMPTIED, LetterSql, OPEN_LETTERS};
use cartridge_warp_sdk::{DeadLetter, Settlement};
use postgresql_client::tokio_postgres::types::ToSql;

use crate::letters::words;
use crate::names::Names;
use crate::refusal::Refusal;
use crate::scope::Scope;

/// Keeps letters; the same one again only raises its count. Those that are tried again are settled, but for the
/// ones whose rows are refused again.
pub(crate) fn store(
    scope: Scope<'_>,
    letters: &[DeadLetter],
    retry: Option<&Settlement>,
) -> Result<(), Refusal> {
    let Scope { session, names, schema } = scope;
    if let Some(retry) = retry {
        let LetterSql { text, values } = words(names).settle(schema, retry);
        session.pipeline(&[(&text, values.iter().map(|value| value as _).collect())])?;
    }
    let sql = keep(names, retry);
    let kept: Vec<Kept<'_>> = letters.iter().map(|letter| Kept::of(schema, letter)).collect();
    let statements = kept.iter().map(|kept| {
        let mut values: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(kept.texts.len() + 3);
        values.extend(kept.texts.iter().map(|text| text as &(dyn ToSql + Sync)));
        values.extend([&kept.fingerprint as &(dyn ToSql + Sync), &kept.key]);
        values.extend(retry.map(|retry| &retry.resolution as &(dyn ToSql + Sync)));
        (sql.as_str(), values)
    });
    session.pipeline(&statements.collect::<Vec<_>>())
}

/// The statement that keeps one.
fn keep(names: &Names, retry: Option<&Settlement>) -> String {
    let table = &names.dead_letters;
    let open_again = retry.map(|retry| {
        let one = words(names).tried_again(&retry.ids, [1, 2, 9, 10]);
        format!(
            "UPDATE {table} SET status = 'pending', resolution = NULL, count = count + 1,
                 operation = $3, payload = $4, error_code = $5, error_message = $6, origin = $7,
                 fingerprint = $8, last_seen_at = now()
             WHERE {one} RETURNING 1"
        )
    });
    let open_again = open_again.unwrap_or_else(|| "SELECT 1 WHERE false".to_owned());
    format!(
        "WITH open_again AS ({open_again}), again AS (
             UPDATE {table} SET count = count + 1, last_seen_at = now()
             WHERE fingerprint = $8 AND status = 'pending' AND schema_name = $1 AND table_name = $2
               AND operation = $3 AND payload = $4 AND error_code = $5 AND error_message = $6
               AND origin = $7 AND row_key IS NOT DISTINCT FROM $9
               AND NOT EXISTS (SELECT 1 FROM open_again)
             RETURNING 1)
         INSERT INTO {table} (schema_name, table_name, operation, payload, error_code,
             error_message, origin, fingerprint, row_key)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
         WHERE NOT EXISTS (SELECT 1 FROM again) AND NOT EXISTS (SELECT 1 FROM open_again)"
    )
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
    key: Option<Cow<'a, str>>,
}

impl<'a> Kept<'a> {
    fn of(schema: &'a str, letter: &'a DeadLetter) -> Self {
        let DeadLetter { table, operation, payload, code, message, origin, key } = letter;
        let texts = [schema, table, operation, payload, code, message, origin].map(storable);
        let fingerprint = sql::fingerprint(texts.iter().map(AsRef::as_ref));
        Self { texts, fingerprint, key: key.as_deref().map(storable) }
    }
}

/// Text of the server holds every character but one.
fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}
