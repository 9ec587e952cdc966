//! A database to put questions to.

use crate::{Destination, Failure, SchemaChange, TablePlan, TableRows, WriteOutcome, WriteRequest};

use super::marker;

/// How a database spells what the questions look for.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// A column that holds 64-bit keys, for a table that an operator makes.
    pub key: &'static str,
    /// One that holds `decimal(10,2)`.
    pub price: &'static str,
    /// True, as [`Bench::query`] says it.
    pub yes: &'static str,
    /// False.
    pub no: &'static str,
    /// 2024-05-01 12:00 UTC, as it says what the connector's own columns hold.
    pub noon: &'static str,
}

/// A database of its own, with a destination on it. Everything happens in a schema `shop`.
pub trait Bench: Sized {
    /// The destination that is asked.
    type Destination: Destination;

    /// How the database spells things.
    const WORDS: Words;

    /// An empty database and a connection to it, with these options as JSON.
    fn new(options: &str) -> Self;

    /// Another connection to the same database.
    fn connect(&self) -> Self::Destination;

    /// The connection.
    fn destination(&mut self) -> &mut Self::Destination;

    /// Runs SQL as an operator would; the tables of `shop` need no prefix.
    fn run(&self, sql: &str);

    /// Rows of a query as text, columns separated by `|`; nulls are `null`.
    fn query(&self, sql: &str) -> Vec<String>;

    /// A metadata table as SQL, such as `dead_letter_queue`.
    fn metadata(&self, table: &str) -> String;
}

/// A bench whose schema `shop` has been claimed.
#[derive(Debug)]
pub struct Bed<B> {
    /// The database.
    pub bench: B,
    /// The epoch of the claim.
    pub epoch: u64,
}

impl<B: Bench> Bed<B> {
    /// An empty database, with these options as JSON.
    pub fn new(options: &str) -> Self {
        Self::on(B::new(options))
    }

    /// Claims the schema.
    pub fn on(mut bench: B) -> Self {
        let destination = bench.destination();
        destination.create_schema_if_not_exists("shop").unwrap();
        let epoch = destination.claim_schema("shop", "test").unwrap();
        Self { bench, epoch }
    }

    /// Makes a table.
    ///
    /// # Errors
    /// The destination's.
    pub fn plan(&mut self, plan: &TablePlan) -> Result<(), Failure> {
        let epoch = self.epoch;
        self.bench.destination().create_table_if_not_exists("shop", plan, epoch)
    }

    /// Changes tables.
    ///
    /// # Errors
    /// The destination's.
    pub fn change(
        &mut self,
        changes: &[SchemaChange],
    ) -> Result<Vec<crate::ChangeOutcome>, Failure> {
        let epoch = self.epoch;
        self.bench.destination().apply_schema_changes("shop", changes, epoch)
    }

    /// Writes rows, keeping dead letters.
    ///
    /// # Errors
    /// The destination's.
    pub fn write(&mut self, tables: Vec<TableRows>) -> Result<WriteOutcome, Failure> {
        let request = self.request(tables);
        self.send(request)
    }

    /// Writes a request.
    ///
    /// # Errors
    /// The destination's.
    pub fn send(&mut self, request: WriteRequest) -> Result<WriteOutcome, Failure> {
        self.bench.destination().write_batch(request)
    }

    /// A request with a marker, which keeps dead letters.
    pub fn request(&self, tables: Vec<TableRows>) -> WriteRequest {
        let markers = vec![marker("stream", b"p")];
        WriteRequest { tables, markers, ..WriteRequest::new("shop", self.epoch) }
    }

    /// Runs SQL as an operator would.
    pub fn run(&self, sql: &str) {
        self.bench.run(sql);
    }

    /// Rows of a query as text.
    pub fn query(&self, sql: &str) -> Vec<String> {
        self.bench.query(sql)
    }

    /// The dead letters that are kept.
    pub fn letters(&self) -> Vec<String> {
        self.query(&format!(
            "SELECT table_name, operation, payload, error_code, count, status FROM {} ORDER BY id",
            self.bench.metadata(crate::sql::DEAD_LETTERS)
        ))
    }
}
