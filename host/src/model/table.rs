//! Tables: what a source says they are, and how a destination is to keep them.

use std::fmt;

use arrow_schema::SchemaRef;
use serde::{Deserialize, Serialize};

use super::Held;

/// A table as its source describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct TableShape {
    pub name: String,
    /// Data columns only, in the source's order.
    pub schema: SchemaRef,
    /// Key columns in order; empty when the table has none.
    pub key: Vec<String>,
    pub estimated_rows: Option<u64>,
}

impl TableShape {
    /// Memory it takes.
    pub fn byte_count(&self) -> usize {
        let key: usize = self.key.iter().map(String::len).sum();
        let metadata = self.schema.metadata().iter().map(|(key, value)| key.len() + value.len());
        self.name.len() + key + self.schema.fields().size() + metadata.sum::<usize>()
    }
}

/// What an operation does to a row of the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriteMode {
    /// One row per key; the last operation wins.
    Upsert,
    /// Every operation is a new row.
    Append,
}

/// What a delete does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Deletion {
    Hard,
    /// Marks the row in this column instead of removing it, and says in the other one when.
    Soft {
        column: String,
        deleted_at: String,
    },
}

/// Where a table is kept at the destination, in the operator's words.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TablePlace {
    pub schema: String,
    pub table: String,
}

impl fmt::Display for TablePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

/// What a destination knows of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Places with the same text are one table.
    pub identity: String,
    /// Whether a table is there.
    pub exists: bool,
    /// The source's table that it is kept for.
    pub owner: Option<TablePlace>,
}

/// How a destination is to keep a table.
#[derive(Clone, Debug, PartialEq)]
pub struct TablePlan {
    pub name: String,
    /// None: under its own name, in the schema of its own name.
    pub place: Option<TablePlace>,
    pub schema: SchemaRef,
    pub key: Vec<String>,
    pub write_mode: WriteMode,
    pub deletion: Deletion,
}

/// A row that cannot travel as data, kept for a person to decide about (I5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub table: String,
    pub operation: String,
    /// The row as JSON where it can be, else its raw text.
    pub payload: String,
    pub code: String,
    pub message: String,
    /// Where it was found, e.g. `orders.ndjson:17`.
    pub origin: String,
    /// What the row can be looked up by: a JSON object of its key's values as text.
    pub key: Option<String>,
    /// Keeps the row accounted for as long as it waits.
    pub held: Held,
}

impl DeadLetter {
    /// Bytes of all its texts.
    pub fn byte_count(&self) -> usize {
        let Self { table, operation, payload, code, message, origin, key, held: _ } = self;
        let texts = [table, operation, payload, code, message, origin].map(String::len);
        texts.iter().sum::<usize>() + key.as_ref().map_or(0, String::len)
    }
}
