//! Entries of the journal, and each as one row of its table.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Schema};
use sha2::{Digest, Sha256};

use super::tables::{ERRORS, RUNS, SHAPES, columns};
use crate::{
    model::{TableBatch, TableShape},
    monitor::ErrorType,
    plugin::{encode_batch, hex, table_schema},
    runner::{context::SchemaContext, error::RunError, table::unencodable},
};

/// How long a text may be, in characters; an error repeats what a connector said.
const TEXT_MAX: usize = 4096;

/// Something worth keeping.
#[derive(Debug)]
pub enum Entry<'a> {
    /// This run holds the schema.
    Started,
    /// This run ended, well or not.
    Ended(Ending<'a>),
    /// Another run held the schema and ended without a word.
    Abandoned { run: &'a str },
    /// An attempt failed.
    Failed(&'a Failed),
    /// A table has a new shape.
    Shaped { table: &'a TableShape, version: u32, evolution: &'a str, compatible: bool },
}

/// The status of a run that ended.
#[derive(Clone, Copy, Debug)]
pub enum Ending<'a> {
    Completed,
    Cancelled,
    Failed(&'a RunError),
}

/// A failed attempt, kept until there is a destination to write it to.
#[derive(Debug)]
pub struct Failed {
    at: SystemTime,
    error_type: ErrorType,
    message: String,
}

impl Failed {
    pub fn now(error: &RunError) -> Self {
        Self { at: SystemTime::now(), error_type: error.error_type(), message: error.chain() }
    }
}

/// A value of a column.
enum Value {
    Text(String),
    Number(i64),
    Time(SystemTime),
}

impl Entry<'_> {
    pub fn table(&self) -> &'static str {
        match self {
            Self::Started | Self::Ended(_) | Self::Abandoned { .. } => RUNS,
            Self::Failed(_) => ERRORS,
            Self::Shaped { .. } => SHAPES,
        }
    }

    /// The entry as the destination gets it: only the columns that the entry speaks of: the others keep their values.
    pub fn row(&self, context: &SchemaContext) -> Result<TableBatch, RunError> {
        let table = self.table();
        let all = columns(table);
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (name, value) in self.values(context) {
            let field = all.field_with_name(name).map_err(|cause| unencodable(table, cause))?;
            fields.push(field.clone());
            arrays.push(array(value, field.data_type()));
        }
        let schema = Arc::new(Schema::new(fields));
        let columns = RecordBatch::try_new(Arc::clone(&schema), arrays)
            .map_err(|cause| unencodable(table, cause))?;
        let schema = table_schema(schema).map_err(|cause| unencodable(table, cause))?;
        encode_batch(table, &schema, columns).map_err(|cause| unencodable(table, cause))
    }

    fn values(&self, context: &SchemaContext) -> Vec<(&'static str, Value)> {
        let run = |name: &str| {
            vec![
                ("run", text(name)),
                ("schema_name", text(context.name())),
                ("pipeline", text(&context.pipeline)),
            ]
        };
        let mut values = run(&context.run);
        match self {
            Self::Started => values.extend([
                ("status", text("running")),
                ("started_at", Value::Time(context.started)),
                ("config_sha256", text(&context.config_sha256)),
                ("version", text(env!("CARGO_PKG_VERSION"))),
                ("instance", text(&context.instance)),
            ]),
            Self::Ended(ending) => {
                values.extend(counts(context));
                let (status, error) = match ending {
                    Ending::Completed => ("completed", None),
                    Ending::Cancelled => ("cancelled", None),
                    Ending::Failed(error) => ("failed", Some(error.chain())),
                };
                values.push(("status", text(status)));
                values.push(("ended_at", Value::Time(SystemTime::now())));
                values.extend(error.map(|error| ("error", text(&error))));
            }
            // When it ended nobody knows.
            Self::Abandoned { run: other } => {
                values = run(other);
                values.push(("status", text("failed")));
                values
                    .push(("error", text("it ended without a word: killed, or it lost its host")));
            }
            Self::Failed(failed) => values.extend([
                ("id", text(&uuid::Uuid::new_v4().simple().to_string())),
                ("at", Value::Time(failed.at)),
                ("error_type", text(failed.error_type.word())),
                ("message", text(&failed.message)),
            ]),
            Self::Shaped { table, version, evolution, compatible } => {
                let definition = definition(table);
                values.extend([
                    ("table_name", text(&table.name)),
                    ("version", Value::Number(i64::from(*version))),
                    ("sha256", text(&sha256(definition.as_bytes()))),
                    ("definition", Value::Text(definition)),
                    ("evolution_type", text(evolution)),
                    ("compatibility", text(if *compatible { "compatible" } else { "breaking" })),
                    ("registered_at", Value::Time(SystemTime::now())),
                ]);
            }
        }
        values
    }
}

/// What this process has committed so far.
fn counts(context: &SchemaContext) -> [(&'static str, Value); 3] {
    let rows: u64 = context.tally.rows().values().flatten().sum();
    let number = |count: u64| Value::Number(i64::try_from(count).unwrap_or(i64::MAX));
    [
        ("rows", number(rows)),
        ("bytes", number(context.tally.bytes())),
        ("dead_letters", number(context.tally.dead_letters())),
    ]
}

fn text(text: &str) -> Value {
    Value::Text(text.chars().take(TEXT_MAX).collect())
}

fn array(value: Value, data_type: &DataType) -> ArrayRef {
    match value {
        Value::Text(text) => Arc::new(StringArray::from(vec![text])),
        Value::Number(number) => Arc::new(Int64Array::from(vec![number])),
        Value::Time(time) => {
            let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
            let micros = i64::try_from(since).unwrap_or(i64::MAX);
            let array = TimestampMicrosecondArray::from(vec![micros]);
            Arc::new(array.with_data_type(data_type.clone()))
        }
    }
}

/// A table's columns as JSON: name, type, origin type; and its key.
fn definition(table: &TableShape) -> String {
    let columns: Vec<_> = table
        .schema
        .fields()
        .iter()
        .map(|field| {
            serde_json::json!({
                "name": field.name(),
                "type": field.data_type().to_string(),
                "origin_type": field.metadata().get("warp:type"),
            })
        })
        .collect();
    serde_json::json!({"columns": columns, "key": table.key}).to_string()
}

/// In hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
