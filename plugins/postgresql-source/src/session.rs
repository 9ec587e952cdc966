//! A connection whose answers are text, and always the same text for the same value.

use std::time::Duration;

use cartridge_warp_sdk::Failure;
use postgresql_client::failure::UNDEFINED;
use postgresql_client::tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};
use postgresql_client::{Connection, Settings};

/// Output of values must not depend on what a database or role is set to: the snapshot, the log and
/// look-ups read the same text. No statement may outlive the host's patience for a call.
pub const SETTINGS: [(&str, &str); 13] = [
    ("datestyle", "ISO, YMD"),
    ("intervalstyle", "postgres"),
    ("timezone", "UTC"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
    ("xmlbinary", "base64"),
    ("lc_monetary", "C"),
    ("search_path", "pg_catalog"),
    ("quote_all_identifiers", "off"),
    ("row_security", "off"),
    ("default_transaction_read_only", "off"),
    ("idle_in_transaction_session_timeout", "0"),
    ("lock_timeout", "10s"),
];

/// What a database without an encoding holds may be anything, and the server refuses to send what is not
/// the client's. So it is sent as it is, and judged value by value.
pub const RAW: (&str, &str) = ("client_encoding", "SQL_ASCII");
const RAW_ENCODING: &str = "SELECT set_config('client_encoding', 'SQL_ASCII', false) \
    WHERE current_setting('server_encoding') = 'SQL_ASCII'";

/// Statements of the control connection end before the host gives up the call.
pub const STATEMENT_SECONDS_MAX: u64 = 40;

/// One connection to the source's database.
pub struct Session {
    connection: Connection,
}

impl Session {
    /// Connects; `statement_limit` none: statements may run on between calls.
    pub fn open(settings: &Settings, statement_limit: Option<Duration>) -> Result<Self, Failure> {
        let session = Self { connection: Connection::open(settings)? };
        let limit = statement_limit.unwrap_or_default().as_millis();
        let set = |(name, value)| format!("SET {name} = '{value}'; ");
        let settings: String = SETTINGS.into_iter().map(set).collect();
        session.run(&format!("{settings} SET statement_timeout = {limit}; {RAW_ENCODING}"))?;
        Ok(session)
    }

    /// The connection underneath.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Runs SQL that answers nothing of interest.
    pub fn run(&self, sql: &str) -> Result<(), Failure> {
        self.connection.run(|client| client.batch_execute(sql)).map_err(meanwhile)
    }

    /// The rows of a query.
    pub fn rows(&self, sql: &str) -> Result<Vec<SimpleQueryRow>, Failure> {
        let messages = self.connection.run(|client| client.simple_query(sql));
        let messages = messages.map_err(meanwhile)?;
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    /// The first row of a query that always has one.
    pub fn row(&self, sql: &str) -> Result<SimpleQueryRow, Failure> {
        let row = self.rows(sql)?.into_iter().next();
        row.ok_or_else(|| unexpected("a query that always has a row had none"))
    }

    /// The SQLSTATE-free text of one value.
    pub fn value(&self, sql: &str) -> Result<String, Failure> {
        text(&self.row(sql)?, 0).map(str::to_owned)
    }
}

/// The code for what is not there any more.
pub const CHANGED_MEANWHILE: &str = "changed-meanwhile";

/// What is not there any more was there when the statement was written: somebody dropped or renamed it
/// in between. Opened anew the source sees what there is.
pub fn meanwhile(failure: Failure) -> Failure {
    if failure.code != UNDEFINED {
        return failure;
    }
    let words = format!(
        "{}: it was dropped or renamed a moment ago; the source is opened anew",
        failure.message
    );
    let detail = failure.detail.unwrap_or_default();
    Failure::reconnect(CHANGED_MEANWHILE, words).detail(detail)
}

/// A column of a row that is never null.
pub fn text(row: &SimpleQueryRow, column: usize) -> Result<&str, Failure> {
    row.try_get(column).ok().flatten().ok_or_else(|| unexpected("a value is missing"))
}

/// A boolean, as the server writes it.
pub fn flag(row: &SimpleQueryRow, column: usize) -> Result<bool, Failure> {
    Ok(text(row, column)? == "t")
}

/// A number.
pub fn number<N: std::str::FromStr>(row: &SimpleQueryRow, column: usize) -> Result<N, Failure> {
    text(row, column)?.parse().map_err(|_| unexpected("a number is none"))
}

/// An answer that no PostgreSQL gives.
pub fn unexpected(what: &str) -> Failure {
    Failure::stop(
        "protocol",
        format!("the server's answer cannot be understood: {what}; is it PostgreSQL 12 or newer?"),
    )
}
