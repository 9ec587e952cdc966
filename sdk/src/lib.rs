//! Write sources and destinations for cartridge-warp.

// Lets the macros name this crate from inside it.
extern crate self as cartridge_warp_sdk;

mod dead_letter;
mod describe;
mod destination;
#[doc(hidden)]
pub mod export;
mod failure;
mod host;
mod options;
mod row;
mod schema;
mod source;
pub mod testing;
pub mod wire;

pub use dead_letter::{DeadLetter, PAYLOAD_BYTES_MAX};
pub use describe::{Description, WantedGrant};
pub use destination::{
    ChangeOutcome, Deletion, Destination, Marker, RejectedRow, TablePlan, WriteMode, WriteOutcome,
    WriteRequest, fenced,
};
pub use failure::{Action, Failure};
pub use host::{log, metrics, secrets};
pub use options::{Config, GrantedPath, NoOptions, options_schema, parse_options};
pub use row::{
    ColumnRef, Operation, RowBuilder, TableRows, TableWriter, Value, ValueError, parse_date,
    parse_time, parse_timestamp,
};
pub use schema::{
    ChangeKind, Column, ColumnType, OP_COLUMN, SchemaChange, TS_COLUMN, Table, UNCHANGED_COLUMN,
    is_reserved,
};
pub use source::{ChangeBatch, Chunk, Limits, Position, SnapshotBatch, Source};

pub use {arrow_array, arrow_buffer, arrow_schema, schemars, serde, serde_json};
