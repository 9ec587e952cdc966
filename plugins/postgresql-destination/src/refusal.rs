//! Why the server did not do something, and whether one row is to blame.

use cartridge_warp_sdk::Failure;
use cartridge_warp_sdk::sql::{MISSING_ROW, MISSING_ROW_WORDS, Rejections};
use postgresql_client::Connection;
use postgresql_client::tokio_postgres::Error;
use postgresql_client::tokio_postgres::error::SqlState;

/// What one row does to another.
const CONFLICTS: [SqlState; 4] = [
    SqlState::UNIQUE_VIOLATION,
    SqlState::EXCLUSION_VIOLATION,
    SqlState::FOREIGN_KEY_VIOLATION,
    SqlState::RESTRICT_VIOLATION,
];

/// A statement that failed.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What the runner should do, if the batch cannot be rescued.
    pub(crate) failure: Box<Failure>,
    /// A word for dead letters, when a row is to blame and the others can be written without it.
    pub(crate) blames_row: Option<&'static str>,
    /// The rows cannot be copied straight into their table: a key was there already, or only the
    /// server can read a value.
    pub(crate) uncopyable: bool,
    /// Another row is in the way, and may be out of it later in the batch.
    pub(crate) conflict: bool,
}

impl Refusal {
    pub(crate) fn of(connection: &Connection, error: &Error) -> Self {
        Self {
            failure: Box::new(connection.failure(error)),
            blames_row: error.code().and_then(blames_row),
            uncopyable: error.code() == Some(&SqlState::UNIQUE_VIOLATION),
            conflict: error.code().is_some_and(|state| CONFLICTS.contains(state)),
        }
    }

    /// A row is not there, and not all of its values were sent.
    pub(crate) fn missing() -> Self {
        let failure = Failure::stop(MISSING_ROW, MISSING_ROW_WORDS);
        Self { blames_row: Some(MISSING_ROW), ..failure.into() }
    }

    /// A text is not in the form that the server writes, so the server has to read it.
    pub(crate) fn unread() -> Self {
        let failure = Failure::stop("internal", "a value was not read, and rows were not staged");
        Self { uncopyable: true, ..failure.into() }
    }

    /// Rejects the row that is to blame.
    pub(crate) fn reject(
        &self,
        batch: usize,
        row: usize,
        rejected: &mut Rejections<'_>,
    ) -> Result<(), Self> {
        let code = self.blames_row.unwrap_or("constraint");
        Ok(rejected.add(batch, row, code, &self.words())?)
    }

    /// The server's words for a rejected row: names, never values.
    pub(crate) fn words(&self) -> String {
        self.failure.detail.clone().unwrap_or_else(|| self.failure.message.clone())
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { failure: Box::new(failure), blames_row: None, uncopyable: false, conflict: false }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        *refusal.failure
    }
}

/// By SQLSTATE's class: data, constraints, limits, and what triggers raise.
fn blames_row(state: &SqlState) -> Option<&'static str> {
    match state.code().get(..2)? {
        "22" => Some("type-conversion"),
        "21" | "23" | "44" | "P0" => Some("constraint"),
        "54" => Some("too-big"),
        _ => None,
    }
}
