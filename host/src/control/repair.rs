//! `POST /v1/repair`: rows that `verify` found to have drifted are written again.

use std::collections::BTreeMap;

use axum::{http::StatusCode, response::Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::{Told, json};
use crate::runner::{Desk, Repaired};

/// What a request looks like.
pub const EXAMPLE: &str = r#"{"tables": {"orders": ["{\"id\":\"7\"}"]}}"#;
/// Rows of one request: the schema's attempt waits meanwhile (I7).
pub const REPAIRED_ROWS_MAX: usize = 1_000;

/// Which rows are looked up at the source and written as they are there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepairBody {
    /// The schema, which a run of one schema need not be told.
    #[serde(default)]
    pub schema: Option<String>,
    /// Keys of rows by table, each a JSON object of texts, as `verify` shows them; 1,000 at most.
    pub tables: BTreeMap<String, Vec<String>>,
    /// Do it although another run, which may be gone, holds the schema.
    #[serde(default)]
    pub take_over: bool,
}

/// What became of the rows, by table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RepairAnswer {
    pub tables: BTreeMap<String, Repaired>,
}

/// Writes the rows; the answer comes when they are committed.
pub async fn carry_out(desk: &Desk, body: RepairBody) -> Response {
    let RepairBody { schema, tables, take_over } = body;
    let rows: usize = tables.values().map(Vec::len).sum();
    if rows == 0 || rows > REPAIRED_ROWS_MAX {
        let message = format!("the request names {rows} rows");
        let help = format!("name one at least and {REPAIRED_ROWS_MAX} at most: {EXAMPLE}");
        return json(StatusCode::BAD_REQUEST, &Told::bad_request(message, help));
    }
    match desk.repair(schema.as_deref(), tables, take_over).await {
        Ok(tables) => json(StatusCode::OK, &RepairAnswer { tables }),
        Err(error) => json(StatusCode::CONFLICT, &Told::of(&error)),
    }
}
