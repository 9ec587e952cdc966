//! The open connection, its prepared statements and its transactions.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::pin::pin;
use std::time::Duration;

use cartridge_warp_sdk::Failure;
use futures_util::future::{try_join, try_join_all};
use futures_util::{SinkExt, TryStreamExt};
use postgresql_client::tokio::time::timeout;
use postgresql_client::tokio_postgres::types::ToSql;
use postgresql_client::tokio_postgres::{
    Client, CopyInSink, Error, Row, SimpleQueryMessage, SimpleQueryRow, Statement,
};
use postgresql_client::{Connection, Settings};

use crate::refusal::Refusal;
use crate::stages::Stages;

/// Statements kept prepared: about five per table.
const STATEMENTS_MAX: usize = 512;

/// What texts mean must not depend on the server's or the user's settings.
const SESSION: &str = "SET client_min_messages = warning; SET DateStyle = 'ISO, MDY';
    SET IntervalStyle = postgres; SET TimeZone = 'UTC'; SET extra_float_digits = 1;
    SET xmloption = content; SET standard_conforming_strings = on; SET lc_monetary = 'C';
    SET array_nulls = on; SET quote_all_identifiers = off";

/// A transaction holds locks that a claim waits for, so it ends with its client: by itself where that says nothing
/// any more, or cannot be reached. What the server is set to counts where it is shorter; 0 is never.
const ENDS: &str =
    "SELECT pg_catalog.set_config(name, least(most, nullif(setting::int, 0))::text, false)
    FROM pg_catalog.pg_settings JOIN (VALUES ('idle_in_transaction_session_timeout', 60000),
        ('tcp_keepalives_idle', 10), ('tcp_keepalives_interval', 5), ('tcp_keepalives_count', 3),
        ('tcp_user_timeout', 30000)) AS mosts (name, most) USING (name)";

/// Parameters of one statement.
pub(crate) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// What a transaction begins with.
pub(crate) struct Opening<'a> {
    /// Run first, without parameters.
    pub(crate) first: &'a str,
    /// Has to find one row.
    pub(crate) check: &'a str,
    pub(crate) values: Parameters<'a>,
}

/// One session of the server.
pub(crate) struct Session {
    connection: Connection,
    statements: RefCell<HashMap<String, Statement>>,
    /// Temporary tables of this session.
    pub(crate) stages: RefCell<Stages>,
}

impl Session {
    /// The connection underneath.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn open(settings: &Settings) -> Result<Self, Failure> {
        let connection = Connection::open(settings)?;
        connection.run(|client| client.batch_execute(SESSION))?;
        connection.run(|client| client.batch_execute(ENDS))?;
        Ok(Self { connection, statements: RefCell::default(), stages: RefCell::default() })
    }

    fn client(&self) -> Result<&Client, Refusal> {
        Ok(self.connection.client()?)
    }

    fn wait<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Refusal> {
        let result = self.connection.block_on(future);
        result.map_err(|error| Refusal::of(&self.connection, &error))
    }

    /// Runs statements without parameters.
    pub(crate) fn run(&self, sql: &str) -> Result<(), Refusal> {
        self.wait(self.client()?.batch_execute(sql))
    }

    /// Runs a statement without parameters, and `look` as often as it is not done after so long.
    pub(crate) fn run_watched(
        &self,
        sql: &str,
        every: Duration,
        mut look: impl FnMut(),
    ) -> Result<(), Refusal> {
        let mut running = pin!(self.client()?.batch_execute(sql));
        loop {
            let waited = async { timeout(every, running.as_mut()).await };
            match self.connection.block_on(waited) {
                Ok(done) => return done.map_err(|error| Refusal::of(&self.connection, &error)),
                Err(_) => look(),
            }
        }
    }

    /// Runs a query.
    pub(crate) fn query(&self, sql: &str, values: Parameters<'_>) -> Result<Vec<Row>, Refusal> {
        let statement = self.prepare(sql)?;
        self.wait(self.client()?.query(&statement, values))
    }

    /// Runs statements at once, without waiting for one before sending the next; answers the first
    /// one's refusal.
    pub(crate) fn pipeline(
        &self,
        work: &[(&str, Vec<&(dyn ToSql + Sync)>)],
    ) -> Result<(), Refusal> {
        self.counts(work).map(drop)
    }

    /// The same; how many rows each of them was about.
    pub(crate) fn counts(
        &self,
        work: &[(&str, Vec<&(dyn ToSql + Sync)>)],
    ) -> Result<Vec<u64>, Refusal> {
        let mut prepared = Vec::with_capacity(work.len());
        for (sql, values) in work {
            prepared.push((self.prepare(sql)?, values));
        }
        let client = self.client()?;
        let sent = prepared.iter().map(|(statement, values)| client.execute(statement, values));
        self.wait(try_join_all(sent))
    }

    /// Runs a query whose answer is the server's text, row by row, until `take` has enough. What is left of the
    /// answer then is passed over by the next statement.
    pub(crate) fn texts(
        &self,
        sql: &str,
        mut take: impl FnMut(&SimpleQueryRow) -> Result<ControlFlow<()>, Refusal>,
    ) -> Result<(), Refusal> {
        let client = self.client()?;
        let mut answer = Box::pin(self.wait(client.simple_query_raw(sql))?);
        while let Some(message) = self.wait(answer.try_next())? {
            if let SimpleQueryMessage::Row(row) = message
                && take(&row)?.is_break()
            {
                break;
            }
        }
        Ok(())
    }

    /// Copies encoded rows into a table; `blocks` yields pieces of the stream.
    pub(crate) fn copy(
        &self,
        sql: &str,
        mut blocks: impl Iterator<Item = Vec<u8>>,
    ) -> Result<u64, Refusal> {
        let statement = self.prepare(sql)?;
        let client = self.client()?;
        self.wait(async {
            let sink: CopyInSink<Cursor<Vec<u8>>> = client.copy_in(&statement).await?;
            let mut sink = pin!(sink);
            for block in &mut blocks {
                if let Err(error) = sink.send(Cursor::new(block)).await {
                    // The server has given up on the copy: its reason comes with the end of it.
                    return sink.finish().await.and(Err(error));
                }
            }
            sink.finish().await
        })
    }

    /// Runs `work` in a transaction: all of it, or nothing. `opening` is sent with its beginning; `work` is told
    /// whether it found its row.
    pub(crate) fn transaction<T>(
        &self,
        opening: Option<Opening<'_>>,
        work: impl FnOnce(bool) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let begun = match opening {
            None => self.run("BEGIN").map(|()| 1),
            Some(Opening { first, check, values }) => self.prepare(check).and_then(|statement| {
                let client = self.client()?;
                let begin = format!("BEGIN; {first}");
                let both =
                    try_join(client.batch_execute(&begin), client.execute(&statement, values));
                self.wait(both).map(|((), rows)| rows)
            }),
        };
        let result = begun.and_then(|rows| work(rows == 1)).and_then(|value| {
            self.run("COMMIT")?;
            Ok(value)
        });
        if result.is_err() && !self.connection.is_closed() {
            // Should this fail too, the connection has ended and the server rolls back itself.
            let _ = self.run("ROLLBACK");
        }
        result
    }

    /// Whether a statement is prepared, so that what it names was there.
    pub(crate) fn knows(&self, sql: &str) -> bool {
        self.statements.borrow().contains_key(sql)
    }

    /// Forgets prepared statements: what they name may have another shape now.
    pub(crate) fn forget_statements(&self) {
        self.statements.borrow_mut().clear();
    }

    fn prepare(&self, sql: &str) -> Result<Statement, Refusal> {
        if let Some(statement) = self.statements.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.wait(self.client()?.prepare(sql))?;
        let mut statements = self.statements.borrow_mut();
        if statements.len() == STATEMENTS_MAX {
            statements.clear();
        }
        statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}
