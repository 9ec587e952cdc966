//! The checks that every conversion is made of.

use crate::{
    model::{Action, DeadLetter, Failure, Held, Position},
    plugin::{
        Cause,
        bindings::source::cartridge::warp::types as wit,
        limits::{
            DEAD_LETTERS_MAX, DETAIL_BYTES_MAX, IDENTITY_BYTES_MAX, KEY_BYTES_MAX,
            MARKER_BYTES_MAX, MESSAGE_BYTES_MAX, NAME_BYTES_MAX, PAYLOAD_BYTES_MAX,
            POSITION_BYTES_MAX, TABLES_MAX, WORD_BYTES_MAX,
        },
        text,
    },
};

use std::time::Duration;

pub(super) fn malformed(reason: impl Into<String>) -> Cause {
    Cause::Malformed(reason.into())
}

/// Refuses a list that is too long.
pub(super) fn count(what: &str, length: usize, max: usize) -> Result<(), Cause> {
    if length > max {
        return Err(malformed(format!("{length} {what}, {max} are allowed")));
    }
    Ok(())
}

/// A name that destinations, logs and metrics can carry.
pub(super) fn name(what: &str, name: String) -> Result<String, Cause> {
    bounded_name(what, name, NAME_BYTES_MAX)
}

pub(super) fn bounded_name(what: &str, name: String, max: usize) -> Result<String, Cause> {
    if name.is_empty() || name.len() > max || name.chars().any(text::is_unnameable) {
        let shown = text::one_line(&name, 64);
        return Err(malformed(format!(
            "`{shown}` is no {what}: 1 to {max} bytes without control characters are"
        )));
    }
    Ok(name)
}

/// Which tables somebody means.
pub(in crate::plugin) fn identity(identity: Option<String>) -> Result<Option<String>, Cause> {
    identity.map(|text| bounded_name("identity", text, IDENTITY_BYTES_MAX)).transpose()
}

/// Opaque bytes that the host will store.
pub(super) fn opaque(what: &str, bytes: Vec<u8>) -> Result<Vec<u8>, Cause> {
    at_most(POSITION_BYTES_MAX, what, bytes)
}

fn at_most(max: usize, what: &str, bytes: Vec<u8>) -> Result<Vec<u8>, Cause> {
    if bytes.len() > max {
        let length = bytes.len();
        return Err(malformed(format!("a {what} of {length} bytes, {max} are allowed")));
    }
    Ok(bytes)
}

pub(in crate::plugin) fn position(bytes: Vec<u8>) -> Result<Position, Cause> {
    opaque("position", bytes).map(Position)
}

/// A moment of a source's history.
pub(in crate::plugin) fn moment(bytes: Vec<u8>) -> Result<Vec<u8>, Cause> {
    opaque("moment", bytes)
}

pub(in crate::plugin) fn marker(bytes: Vec<u8>) -> Result<Vec<u8>, Cause> {
    at_most(MARKER_BYTES_MAX, "marker", bytes)
}

/// A kebab-case word; one that isn't is shown, not trusted.
pub(super) fn word(word: &str) -> String {
    text::one_line(word, WORD_BYTES_MAX)
}

pub(super) fn message(message: &str) -> String {
    text::lines(message, MESSAGE_BYTES_MAX)
}

pub(in crate::plugin) fn failure(failure: wit::Failure) -> Cause {
    let tables = match tables(failure.tables) {
        Ok(tables) => tables,
        Err(malformed) => return malformed,
    };
    Cause::Failure(Box::new(Failure {
        action: Action::from_word(&failure.action),
        code: word(&failure.code),
        message: message(&failure.message),
        detail: failure.detail.map(|detail| text::lines(&detail, DETAIL_BYTES_MAX)),
        retry_after: failure.retry_after_ms.map(Duration::from_millis),
        tables,
    }))
}

fn tables(names: Vec<String>) -> Result<Vec<String>, Cause> {
    count("tables of a failure", names.len(), TABLES_MAX)?;
    names.into_iter().map(|table| name("table", table)).collect()
}

/// A reader may find that every row it was asked for is broken, and some more.
pub(super) fn dead_letters(
    letters: Vec<wit::DeadLetter>,
    rows_max: u32,
) -> Result<Vec<DeadLetter>, Cause> {
    count("dead letters", letters.len(), DEAD_LETTERS_MAX.max(rows_max as usize))?;
    letters.into_iter().map(dead_letter).collect()
}

fn dead_letter(letter: wit::DeadLetter) -> Result<DeadLetter, Cause> {
    Ok(DeadLetter {
        table: name("table", letter.table)?,
        operation: word(&letter.operation),
        // Kept as it is but for its length: it is a row, not a message.
        payload: text::prefix(&letter.payload, PAYLOAD_BYTES_MAX).to_owned(),
        code: word(&letter.code),
        message: message(&letter.message),
        origin: text::one_line(&letter.origin, NAME_BYTES_MAX),
        key: key(letter.key),
        held: Held::default(),
    })
}

/// What a row could be looked up by. It is read as a key only when it is used; one that is too large is none.
pub(super) fn key(key: Option<String>) -> Option<String> {
    key.filter(|key| key.len() <= KEY_BYTES_MAX)
}

/// The way back: dead letters for a destination.
pub(super) fn dead_letter_out(letter: DeadLetter) -> wit::DeadLetter {
    let DeadLetter { table, operation, payload, code, message, origin, key, held: _ } = letter;
    wit::DeadLetter { table, operation, payload, code, message, origin, key }
}
