//! The server's errors as instructions to the runner.
//!
//! Messages never quote rows: what the server puts into double quotes for a value is taken out.

use std::error::Error as _;

use crate::large::{TOO_LARGE, TooLarge};
use cartridge_warp_sdk::Failure;
use tokio_postgres::error::DbError;
use tokio_postgres::{Error, error::SqlState};

/// The code of failures about a table, column, schema or other object that is not there.
pub const UNDEFINED: &str = "undefined";
/// Table, column, schema, other objects.
const UNDEFINED_STATES: [&str; 4] = ["42P01", "42703", "3F000", "42704"];

/// The code for text that has no form in UTF-8.
pub const UNTRANSLATABLE: &str = "untranslatable-text";
/// A character that the other encoding lacks, and bytes that are none.
const UNTRANSLATABLE_STATES: [&str; 2] = ["22P05", "22021"];

/// The code for a value that its type does not have.
pub const NO_SUCH_VALUE: &str = "no-such-value";

/// The code for a statement that needs more temporary space than the server gives.
pub const NO_TEMPORARY_SPACE: &str = "temporary-space";

/// The code for a transaction that another one got in the way of, so that the server rolled it back.
pub const CONFLICT: &str = "conflict";

/// The code for a lock that was not there in time.
pub const LOCKED: &str = "locked";

/// What the runner should do about an error in the middle of work.
pub fn of(error: &Error) -> Failure {
    if let Some(error) = error.as_db_error() {
        return of_server(error);
    }
    let cause = error.source().map(ToString::to_string);
    let refused = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    if let Some(large) = refused.and_then(|refused| refused.get_ref()?.downcast_ref::<TooLarge>()) {
        return Failure::stop(TOO_LARGE, large.to_string());
    }
    let io = error.source().is_some_and(|cause| cause.is::<std::io::Error>());
    if error.is_closed() || io {
        return cut().detail(cause.unwrap_or_else(|| error.to_string()));
    }
    // The driver's words for a value it could not encode may quote it.
    Failure::stop("protocol", "the server answered in a way that the driver does not understand")
        .detail(error.to_string())
}

/// The same for a connection that has ended for this reason: it is always to be opened anew, unless
/// a person has to act.
pub fn ended(error: &Error) -> Failure {
    let mut failure = of(error);
    if failure.action != cartridge_warp_sdk::Action::Config {
        failure.action = cartridge_warp_sdk::Action::Reconnect;
    }
    failure
}

/// The same while a connection is being opened.
pub fn of_connect(error: &Error, host: &str, port: u16) -> Failure {
    let known = error.as_db_error().is_some() || error.is_closed();
    let io = error.source().is_some_and(|cause| cause.is::<std::io::Error>());
    if known || io {
        let mut failure = of(error);
        failure.message = format!("server {host}:{port}: {}", failure.message);
        return failure;
    }
    Failure::config(
        "authentication",
        format!("server {host}:{port} wants another authentication; check user and password"),
    )
    .detail(error.source().map_or_else(|| error.to_string(), ToString::to_string))
}

/// An answer of the server as an instruction, with its SQLSTATE.
pub fn of_server(error: &DbError) -> Failure {
    of_answer(&Answer {
        sqlstate: error.code().clone(),
        message: error.message(),
        hint: error.hint(),
        about: [("column", error.column()), ("constraint", error.constraint())],
    })
}

/// What is used of an error that the server sent.
pub(crate) struct Answer<'a> {
    pub sqlstate: SqlState,
    pub message: &'a str,
    pub hint: Option<&'a str>,
    /// Names of what it is about.
    pub about: [(&'static str, Option<&'a str>); 2],
}

/// As [`of_server`], however the answer was read.
pub(crate) fn of_answer(error: &Answer<'_>) -> Failure {
    let code = error.sqlstate.code();
    let failure = match &error.sqlstate {
        &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => Failure::retry(
            CONFLICT,
            format!("another transaction got in the way (SQLSTATE {code}); the call is repeated"),
        ),
        &SqlState::LOCK_NOT_AVAILABLE => Failure::retry(
            LOCKED,
            format!("somebody else holds a lock (SQLSTATE {code}); the call is repeated"),
        ),
        &SqlState::QUERY_CANCELED => Failure::retry(
            "cancelled",
            format!(
                "the server cancelled a statement (SQLSTATE {code}): somebody asked for it, or \
                     statement_timeout is too short"
            ),
        ),
        &SqlState::READ_ONLY_SQL_TRANSACTION => Failure::reconnect(
            "read-only",
            format!(
                "the server does not accept writes (SQLSTATE {code}); name the primary, or add \
                     target_session_attrs=read-write to connection_string"
            ),
        ),
        &SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN => Failure::reconnect(
            "connection-lost",
            format!("the server does not know what became of a statement (SQLSTATE {code})"),
        ),
        &SqlState::CONFIGURATION_LIMIT_EXCEEDED => Failure::retry(
            NO_TEMPORARY_SPACE,
            format!("a statement took more than the server's temp_file_limit (SQLSTATE {code})"),
        ),
        _ => of_class(code),
    };
    failure.detail(words(error))
}

/// What a code means that has no meaning of its own here: the first two characters are its class.
fn of_class(code: &str) -> Failure {
    match code.get(..2).unwrap_or_default() {
        "53" => Failure::retry(
            "server-resources",
            format!("the server is out of disk, memory or connections (SQLSTATE {code})"),
        ),
        "08" | "57" => Failure::reconnect(
            "connection-lost",
            format!("the server ended the connection (SQLSTATE {code})"),
        ),
        "28" => Failure::config(
            "authentication",
            format!(
                "the server refused the login (SQLSTATE {code}); check user, password and \
                     pg_hba.conf"
            ),
        ),
        "3D" => Failure::config(
            "no-database",
            format!("the database does not exist (SQLSTATE {code}); create it or name another"),
        ),
        "42" if code == SqlState::INSUFFICIENT_PRIVILEGE.code() => Failure::config(
            "permission",
            format!("the user lacks a privilege (SQLSTATE {code}); grant it"),
        ),
        "42" | "3F" if UNDEFINED_STATES.contains(&code) => Failure::config(
            UNDEFINED,
            format!("the server does not know what a statement names (SQLSTATE {code})"),
        ),
        "42" | "3F" => Failure::config(
            "refused-statement",
            format!("the server refused a statement (SQLSTATE {code})"),
        ),
        "22" if UNTRANSLATABLE_STATES.contains(&code) => Failure::stop(
            UNTRANSLATABLE,
            format!(
                "the server cannot convert a text between its encoding and UTF-8 (SQLSTATE {code}); mend it"
            ),
        ),
        "22" => Failure::stop(
            NO_SUCH_VALUE,
            format!("the server does not take a value for one of its type (SQLSTATE {code})"),
        ),
        _ => Failure::stop("postgresql", format!("the server refused the work (SQLSTATE {code})")),
    }
}

/// The server's words: message and hint, without values.
fn words(error: &Answer<'_>) -> String {
    let class = error.sqlstate.code().get(..2).unwrap_or_default();
    let quoting = ["21", "22", "44"].contains(&class);
    let message = match class {
        // Words of a function or trigger: nobody knows what is in them.
        "P0" => {
            "a function or trigger raised an exception; the server's log has its words".to_owned()
        }
        _ if quoting => without_quoted(error.message),
        _ => error.message.to_owned(),
    };
    let about = error.about.iter().filter_map(|(what, name)| Some((what, (*name)?)));
    let about = about.filter(|(_, name)| !message.contains(name));
    let about: Vec<_> = about.map(|(what, name)| format!("{what} {name}")).collect();
    let mut parts = vec![message];
    parts.extend(about);
    if let (Some(hint), false) = (error.hint, quoting || class == "P0") {
        parts.push(hint.to_owned());
    }
    parts.join("; ")
}

/// Takes out what stands in double quotes, which may be a value.
fn without_quoted(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if last > first => {
            format!("{}\"…\"{}", &message[..first], &message[last + 1..])
        }
        (Some(first), _) => format!("{}…", &message[..first]),
        _ => message.to_owned(),
    }
}

/// The connection is gone.
pub(crate) fn cut() -> Failure {
    Failure::reconnect("connection-lost", "the connection to the server was cut")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_out_of_messages() {
        for (message, expect) in [
            (
                "invalid input syntax for type integer: \"a \"b\" c\"",
                "invalid input syntax for type integer: \"…\"",
            ),
            (
                "value \"5\" is out of range for type integer",
                "value \"…\" is out of range for type integer",
            ),
            ("numeric field overflow", "numeric field overflow"),
            ("cut \"off", "cut …"),
        ] {
            assert_eq!(without_quoted(message), expect);
        }
    }
}
