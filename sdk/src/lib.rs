//! Write sources and destinations for cartridge-warp.
//!
//! A connector is a WebAssembly component with a few functions. You implement [`Source`] or
//! [`Destination`], call a macro, and build for `wasm32-wasip2`; the SDK does the rest: options,
//! failures, rows, and the bytes on the way to the host.
//!
//! # A source in five steps
//!
//! **1. Say what can be configured.** A type with [`serde`] and [`schemars`] becomes the JSON Schema
//! against which the operator's `options` are checked.
//!
//! **2. Say what the connector is**, with [`Description`]: its name is what `source.type` says.
//!
//! **3. Say what there is to read**, with [`Table`] and [`ColumnType`].
//!
//! **4. Read.** A snapshot first, then changes after a [`Position`], which is yours to encode and
//! the host's to keep: after a crash you get the last one that was committed. Rows go into a
//! [`TableWriter`].
//!
//! **5. Export it.**
//!
//! ```
//! use cartridge_warp_sdk::*;
//!
//! /// Numbers that count up, `step` at a time.
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Options {
//!     /// Numbers per call.
//!     step: u64,
//! }
//!
//! struct Numbers { table: Table, step: u64 }
//!
//! impl Numbers {
//!     fn rows(&self, from: u64, to: u64) -> Result<TableRows, Failure> {
//!         let mut writer = TableWriter::changes(&self.table);
//!         for number in from..to {
//!             let mut row = writer.row(Operation::Insert);
//!             row.set("id", number).map_err(|error| Failure::stop("number", error.to_string()))?;
//!             row.commit();
//!         }
//!         writer.finish()
//!     }
//! }
//!
//! fn number(position: &[u8]) -> Result<u64, Failure> {
//!     let bytes = position.try_into();
//!     bytes.map(u64::from_le_bytes).map_err(|_| Failure::stop("position", "not a number"))
//! }
//!
//! impl Source for Numbers {
//!     type Options = Options;
//!
//!     fn describe() -> Description {
//!         Description::new("numbers", "0.1.0", "Numbers that count up")
//!             .capability("change-detection:log")
//!             .capability("exact-snapshot")
//!     }
//!
//!     fn connect(config: Config<Options>) -> Result<Self, Failure> {
//!         let table = Table::new("numbers").column("id", ColumnType::BigInt).key(["id"]);
//!         Ok(Self { table, step: config.options.step })
//!     }
//!
//!     fn get_schema(&mut self, _schema: &str) -> Result<Vec<Table>, Failure> {
//!         Ok(vec![self.table.clone()])
//!     }
//!
//!     fn current_position(&mut self, _schema: &str) -> Result<Position, Failure> {
//!         Ok(3_u64.to_le_bytes().to_vec())
//!     }
//!
//!     // The default `plan_snapshot` makes one chunk, whose descriptor is the start position.
//!     fn get_full_snapshot(
//!         &mut self, _schema: &str, _table: &str, chunk: &Chunk, _cursor: Option<&[u8]>, _: Limits,
//!     ) -> Result<SnapshotBatch, Failure> {
//!         let rows = self.rows(0, number(&chunk.descriptor)?)?;
//!         Ok(SnapshotBatch { rows: Some(rows), ..SnapshotBatch::default() })
//!     }
//!
//!     fn get_changes(
//!         &mut self, _schema: &str, after: &[u8], limits: Limits,
//!     ) -> Result<ChangeBatch, Failure> {
//!         let from = number(after)?;
//!         let to = from + self.step.min(limits.rows_max as u64);
//!         Ok(ChangeBatch {
//!             tables: vec![self.rows(from, to)?],
//!             position: to.to_le_bytes().to_vec(),
//!             caught_up: true,
//!             ..ChangeBatch::default()
//!         })
//!     }
//! }
//!
//! export_source!(Numbers);
//!
//! // And a unit test, natively: no host, no WebAssembly.
//! # fn main() -> Result<(), Failure> {
//! let options = parse_options(r#"{"step": 2}"#)?;
//! let source = Numbers::connect(Config::new("", options))?;
//! let mut driver = testing::Driver::new(source, "any");
//! let start = driver.position()?;
//! assert_eq!(driver.snapshot("numbers", &start, 1)?.column("numbers", "id"), ["0", "1", "2"]);
//! assert_eq!(driver.changes(&start)?.column("numbers", "id"), ["3", "4"]);
//! # Ok(())
//! # }
//! ```
//!
//! Build it with `cargo build --release --target wasm32-wasip2` as a `cdylib`, put the `.wasm` into
//! the plugin directory as `NAME-source.wasm`, where NAME is what [`Description`] says, or name its path
//! in `source.plugin`, and look at it with `cartridge-warp connectors inspect FILE`.
//!
//! # What to promise
//!
//! * A call blocks at most [`Limits::wait`] and returns at most [`Limits::rows_max`] rows.
//! * Called again with the same position it can return the same rows.
//! * A source that knows transactions says where an answer ends within one
//!   ([`ChangeBatch::within_transaction`]) and promises that by the capability `transactions`.
//! * A row that cannot travel is a [`DeadLetter`] in the same batch; it is never left out. With its
//!   [key](DeadLetter::key) it can be tried again later, if the source answers [`Source::lookup`].
//! * A [`Failure`] says what the host should do: retry, reconnect, resync, or ask a person.
//! * A source whose system keeps a log says how much of it the pipeline needs ([`Source::backlog`],
//!   capability `backlog`). One that makes something there can remove it ([`Source::release`]); where
//!   that holds log until it is confirmed, the capability `retained-log` lets operators bound it.
//! * One whose tables have indexes and comments can tell them ([`Source::extras`], capabilities `create:indexes` and
//!   `create:comments`), so that a destination is given the same.
//! * One that can tell moments of its history ([`Source::moment`]) lets `verify` decide about rows while a pipeline runs.
//! * Nothing panics: a panic ends the instance, and the host starts another.
//!
//! # Destinations
//!
//! A [`Destination`] gets [`WriteRequest`]s whose rows are Arrow arrays already: loop over
//! [`TableRows::array`] where speed counts, or ask for [`TableRows::value`] row by row.
//!
//! ```
//! use cartridge_warp_sdk::*;
//!
//! /// One line of text for each row.
//! fn lines(request: &WriteRequest) -> Vec<String> {
//!     let mut lines = Vec::new();
//!     for rows in &request.tables {
//!         for row in 0..rows.len() {
//!             let values = (0..rows.columns().len()).map(|at| rows.value(row, at).to_string());
//!             let values = values.collect::<Vec<_>>().join(", ");
//!             lines.push(format!("{} {}: {values}", rows.op(row).as_str(), rows.table()));
//!         }
//!     }
//!     lines
//! }
//! ```
//!
//! A destination that keeps tables in an SQL database is mostly written already: [`sql`] has how tables
//! are made, adopted and changed, and asks its author for the database's words.

// Lets the macros name this crate from inside it.
extern crate self as cartridge_warp_sdk;

mod admin;
mod dead_letter;
mod describe;
mod destination;
#[doc(hidden)]
pub mod export;
mod extras;
mod failure;
mod host;
mod letters;
mod limits;
mod lookup;
mod marker;
mod moment;
pub mod naming;
#[cfg(not(target_family = "wasm"))]
mod native;
mod options;
mod read;
mod row;
mod schema;
mod source;
pub mod sql;
mod sweep;
pub mod testing;
mod turns;
pub mod wire;

pub use admin::{Released, RetainedLog};
pub use dead_letter::{DeadLetter, KEY_BYTES_MAX, PAYLOAD_BYTES_MAX, key_text};
pub use describe::{Description, WantedGrant};
pub use destination::{
    ChangeOutcome, Deletion, Destination, Location, RejectedRow, TablePlace, TablePlan, WriteMode,
    WriteOutcome, WriteRequest, fenced,
};
pub use extras::{Extra, ExtraOutcome, ExtraRequest, IndexColumn, TableExtras, TableIndex};
pub use failure::{Action, Failure, WAITING};
pub use host::{log, metrics, secrets};
pub use letters::{KeptLetter, LetterFilter, LetterPage, NO_LETTERS, Settlement};
pub use limits::Limits;
pub use lookup::{LookedUp, NO_LOOKUP};
pub use marker::Marker;
pub use moment::NO_MOMENTS;
pub use options::{Config, GrantedPath, NoOptions, options_schema, parse_options};
pub use read::{NO_READ, ReadBatch, unread};
pub use row::{
    ColumnRef, Operation, RowBuilder, TableRows, TableWriter, Value, ValueError, parse_date,
    parse_time, parse_timestamp,
};
pub use schema::{
    ChangeKind, Column, ColumnIdentity, ColumnType, OP_COLUMN, SchemaChange, TS_COLUMN, Table,
    UNCHANGED_COLUMN, is_reserved,
};
pub use source::{ChangeBatch, Chunk, Position, SnapshotBatch, Source};
pub use sweep::{SweepRequest, Swept};
pub use turns::NO_TURNS;

pub use {arrow_array, arrow_buffer, arrow_schema, schemars, serde, serde_json};
