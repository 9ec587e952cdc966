//! The journal's tables. Their columns are part of what operators rely on: add, never rename.

use std::{collections::HashMap, sync::Arc};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::model::{Deletion, TablePlan, WriteMode};

pub const RUNS: &str = "sync_runs";
pub const ERRORS: &str = "error_log";
pub const SHAPES: &str = "schema_registry";

/// How the destination is to keep each.
pub fn plans() -> [TablePlan; 3] {
    let plan = |name: &str, key: &[&str]| TablePlan {
        name: name.to_owned(),
        place: None,
        schema: columns(name),
        key: key.iter().map(|&column| column.to_owned()).collect(),
        write_mode: WriteMode::Upsert,
        deletion: Deletion::Hard,
    };
    [
        plan(RUNS, &["run", "schema_name"]),
        plan(ERRORS, &["id"]),
        plan(SHAPES, &["schema_name", "table_name", "version"]),
    ]
}

/// All columns of a table.
pub fn columns(table: &str) -> SchemaRef {
    let fields = match table {
        RUNS => vec![
            text("run"),
            text("schema_name"),
            text("pipeline"),
            text("status"),
            time("started_at"),
            time("ended_at"),
            number("rows"),
            number("bytes"),
            number("dead_letters"),
            text("error"),
            text("config_sha256"),
            text("version"),
            text("instance"),
        ],
        ERRORS => vec![
            text("id"),
            text("run"),
            text("schema_name"),
            text("pipeline"),
            time("at"),
            text("error_type"),
            text("message"),
        ],
        _ => vec![
            text("schema_name"),
            text("pipeline"),
            text("table_name"),
            number("version"),
            json("definition"),
            text("sha256"),
            text("evolution_type"),
            text("compatibility"),
            text("run"),
            time("registered_at"),
        ],
    };
    Arc::new(Schema::new(fields))
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn number(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

fn time(name: &str) -> Field {
    Field::new(name, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true)
}

fn json(name: &str) -> Field {
    let extension = [("ARROW:extension:name".to_owned(), "arrow.json".to_owned())];
    text(name).with_metadata(HashMap::from(extension))
}
