//! The driver's errors as instructions to the runner.

use cartridge_warp_sdk::{Action, Failure};
use mongodb::error::{CommandError, Error, ErrorKind};

use crate::settings::Login;

/// Codes of servers that are not, or no longer, primary, or are going down.
const NOT_PRIMARY: [i32; 8] = [91, 189, 10058, 10107, 11600, 11602, 13435, 13436];
/// The cursor is gone; what it would have said can be asked for again.
const CURSOR_GONE: [i32; 4] = [43, 175, 234, 237];
/// Somebody or some limit interrupted the operation.
const INTERRUPTED: [i32; 5] = [11601, 24, 50, 202, 262];
/// The stream's history is gone, or its token means nothing to this server.
const HISTORY_LOST: [i32; 6] = [136, 222, 260, 280, 286, 40647];
const UNAUTHORIZED: i32 = 13;
const AUTHENTICATION_FAILED: i32 = 18;
const NAMESPACE_NOT_FOUND: i32 = 26;
const UNKNOWN_STAGE: i32 = 40324;
const NO_REPLICA_SET: i32 = 40573;
const TOO_LARGE: i32 = 10334;

/// The code of the server's answer, if it was one.
pub fn code(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(error) => Some(error.code),
        _ => None,
    }
}

/// Whether the same can be asked again of whoever is primary now.
pub fn is_passing(error: &Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Io(_)
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::ServerSelection { .. }
        // A cursor of a connection that was given up for another server.
        | ErrorKind::Shutdown => true,
        ErrorKind::Command(command) => {
            NOT_PRIMARY.contains(&command.code)
                || CURSOR_GONE.contains(&command.code)
                || error.contains_label("ResumableChangeStreamError")
        }
        _ => false,
    }
}

/// Whether the stream's history is gone.
pub fn is_history_lost(error: &Error) -> bool {
    code(error).is_some_and(|code| HISTORY_LOST.contains(&code))
        || error.contains_label("NonResumableChangeStreamError")
}

/// Whether there is no such collection.
pub fn is_missing(error: &Error) -> bool {
    code(error) == Some(NAMESPACE_NOT_FOUND)
}

/// What the runner should do about an error.
pub fn of(error: &Error, server: &str, login: Login) -> Failure {
    let failure = match error.kind.as_ref() {
        ErrorKind::Command(command) if command.code == UNAUTHORIZED && login == Login::Nobody => {
            return no_login(server);
        }
        // The server quotes the command, and with it keys of documents; its beginning is enough.
        ErrorKind::Command(command) if command.code == UNAUTHORIZED => {
            let words = command.message.split(',').next().unwrap_or_default();
            return of_command(command, server, login).detail(words);
        }
        ErrorKind::Command(command) => of_command(command, server, login),
        ErrorKind::Authentication { .. } => authentication(server, login),
        ErrorKind::Io(_)
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::ServerSelection { .. } => Failure::reconnect(
            "connection-lost",
            format!("the connection to server {server} was cut"),
        ),
        ErrorKind::IncompatibleServer { .. } => Failure::config(
            "server-too-old",
            format!("server {server} is too old; MongoDB 5.0 or newer is wanted"),
        ),
        // The driver's words for a document that it could not read may quote it.
        ErrorKind::Bson(_) | ErrorKind::InvalidResponse { .. } => {
            return Failure::stop(
                "protocol",
                format!("server {server} answered in a way that the driver does not understand"),
            );
        }
        _ => Failure::stop("mongodb", format!("the driver refused the work on server {server}")),
    };
    failure.detail(error.to_string())
}

/// A failure that lasts until a person acts, whatever is tried.
pub fn is_final(failure: &Failure) -> bool {
    matches!(failure.action, Action::Config | Action::Stop | Action::Resync)
}

fn of_command(error: &CommandError, server: &str, login: Login) -> Failure {
    let CommandError { code, code_name: name, .. } = error;
    match *code {
        UNAUTHORIZED => Failure::config(
            "permission",
            format!(
                "server {server} refuses the user a right (code {code}); grant the role `read` on \
                 the database: db.grantRolesToUser(USER, [{{ role: \"read\", db: DATABASE }}])"
            ),
        ),
        AUTHENTICATION_FAILED => authentication(server, login),
        NO_REPLICA_SET => standalone(server),
        UNKNOWN_STAGE => Failure::config(
            "server-too-old",
            format!("server {server} does not know a stage that is needed (code {code})"),
        ),
        TOO_LARGE => Failure::stop(
            "document-too-large",
            format!(
                "server {server} cannot send a change that is larger than 16 MB (code {code}); \
                 servers from 6.0.9 on split it"
            ),
        ),
        code if NOT_PRIMARY.contains(&code) => Failure::reconnect(
            "not-primary",
            format!("server {server} is not the primary any more (code {code}, {name})"),
        ),
        code if CURSOR_GONE.contains(&code) => Failure::reconnect(
            "cursor-lost",
            format!("server {server} gave up a cursor (code {code}, {name})"),
        ),
        code if INTERRUPTED.contains(&code) => Failure::retry(
            "interrupted",
            format!("server {server} interrupted an operation (code {code}, {name})"),
        ),
        _ => Failure::stop(
            "mongodb",
            format!("server {server} refused the work (code {code}, {name})"),
        ),
    }
}

fn authentication(server: &str, login: Login) -> Failure {
    let check = match login {
        Login::Certificate => {
            "the certificate; its subject, as `openssl x509 -noout -subject -nameopt RFC2253 -in \
             FILE` shows it, must be a user: db.getSiblingDB(\"$external\").createUser({user: \
             SUBJECT, roles: [{role: \"read\", db: DATABASE}]}), and the server must trust its issuer"
        }
        Login::Password | Login::Nobody => {
            "the login; check user, password, authSource and mechanism"
        }
    };
    Failure::config("authentication", format!("server {server} refused {check}"))
}

/// The failure for a server that wants a login where the connection string has none.
fn no_login(server: &str) -> Failure {
    Failure::config(
        "authentication",
        format!(
            "server {server} wants a login, and `connection_string` has none; write it like \
             mongodb://user:password@host/?authSource=admin, or add authMechanism=MONGODB-X509 where \
             the certificate is the login"
        ),
    )
}

/// The failure for a server without a log.
pub fn standalone(server: &str) -> Failure {
    Failure::config(
        "no-replica-set",
        format!(
            "server {server} is a standalone, which keeps no log of changes; make it a replica set \
             of one member: start mongod with --replSet rs0 and run rs.initiate() once, or set \
             `change_detection_strategy: timestamp`"
        ),
    )
}
