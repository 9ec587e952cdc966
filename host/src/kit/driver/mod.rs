//! What the author's program is asked: it writes to a source, or reads a destination, past the connector.
//!
//! One line of JSON for each request, and one for its answer. It may lie, hang or die: every error says that it
//! is the driver's. How it runs is `process`'s business.

mod process;

use std::{path::Path, time::Duration};

use serde_json::{Map, Value, json};
use tokio::time::timeout;

use self::process::Process;
use crate::{
    config::{KitAbility, KitCase},
    model::text::{fitting, one_line},
};

/// How long an answer may take.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);
/// How much of what it said an error repeats.
const SHOWN_BYTES_MAX: usize = 512;

/// What is wrong with the driver.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("the driver {what} (request `{request}`)")]
#[diagnostic(
    code("kit-driver"),
    help(
        "mend the program that the case names as `driver`, not the connector; docs/conformance.md has \
         its requests and answers"
    )
)]
pub struct DriverError {
    request: String,
    what: String,
}

impl DriverError {
    /// A request whose answer cannot be right.
    pub fn new(request: &str, what: String) -> Self {
        Self { request: request.to_owned(), what: one_line(&what, SHOWN_BYTES_MAX) }
    }
}

/// A row as the driver has it.
pub type JsonRow = Map<String, Value>;

/// The program, which is killed when this is dropped.
pub struct Driver {
    process: Process,
    schema: String,
    tables: Value,
}

impl Driver {
    /// Starts the program of a case in the directory of the case.
    ///
    /// # Errors
    /// Where the program cannot be started.
    pub fn start(case: &KitCase, directory: &Path) -> Result<Self, DriverError> {
        let process = Process::start(&case.driver, directory)
            .map_err(|error| DriverError::new("start", format!("can't be started: {error}")))?;
        let tables = serde_json::to_value(&case.tables).unwrap_or_default();
        Ok(Self { process, schema: case.schema.clone(), tables })
    }

    /// Makes everything as if nobody had been there: the tables are there and empty, and what the
    /// connector keeps at the far side is gone.
    pub async fn reset(&mut self) -> Result<(), DriverError> {
        let tables = self.tables.clone();
        self.ask("reset", &[("tables", tables)], is_done).await
    }

    /// Writes rows to a source, in this order and in one transaction.
    pub async fn write(&mut self, operations: Vec<Value>) -> Result<(), DriverError> {
        self.ask("write", &[("ops", Value::Array(operations))], is_done).await
    }

    /// Adds a column to a source's table.
    pub async fn alter(&mut self, table: &str, name: &str, kind: &str) -> Result<(), DriverError> {
        let add = json!({ "name": name, "type": kind });
        self.ask("alter", &[("table", json!(table)), ("add", add)], is_done).await
    }

    /// Disturbs the connector; answers when it can work again.
    pub async fn disturb(&mut self, kind: KitAbility) -> Result<(), DriverError> {
        self.ask("disturb", &[("kind", json!(kind))], is_done).await
    }

    /// All rows of a source's table, as they are.
    pub async fn expected(&mut self, table: &str) -> Result<Vec<JsonRow>, DriverError> {
        self.ask("expected", &[("table", json!(table))], rows).await
    }

    /// All rows of a destination's table, as they are.
    pub async fn read_all(&mut self, table: &str) -> Result<Vec<JsonRow>, DriverError> {
        self.ask("read_all", &[("table", json!(table))], rows).await
    }

    async fn ask<T>(
        &mut self,
        call: &str,
        more: &[(&str, Value)],
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<T, DriverError> {
        let mut request = json!({ "call": call, "schema": self.schema });
        for (name, value) in more {
            request[*name] = value.clone();
        }
        let exchanged = self.process.exchange(format!("{request}\n"));
        let answered = timeout(ANSWER_DEADLINE, exchanged).await.unwrap_or_else(|_| {
            Err(format!("gave no answer within {} seconds", ANSWER_DEADLINE.as_secs()))
        });
        let answer = answered.and_then(|line| understood(&line, read));
        answer.map_err(|what| DriverError { request: call.to_owned(), what })
    }
}

fn understood<T>(line: &str, read: impl FnOnce(Value) -> Option<T>) -> Result<T, String> {
    let shown = || one_line(fitting(line.trim_end(), SHOWN_BYTES_MAX), SHOWN_BYTES_MAX);
    let answer: Value = serde_json::from_str(line)
        .map_err(|error| format!("answered with what is no JSON ({error}): {}", shown()))?;
    if let Some(complaint) = answer.get("error") {
        let complaint = complaint.as_str().map_or_else(|| complaint.to_string(), str::to_owned);
        return Err(format!("answered with an error: {}", one_line(&complaint, SHOWN_BYTES_MAX)));
    }
    read(answer).ok_or_else(|| format!("answered with something else than asked for: {}", shown()))
}

fn is_done(answer: Value) -> Option<()> {
    (answer.get("ok") == Some(&Value::Bool(true))).then_some(())
}

fn rows(mut answer: Value) -> Option<Vec<JsonRow>> {
    let Value::Array(rows) = answer.get_mut("rows")?.take() else { return None };
    let row = |row| match row {
        Value::Object(row) => Some(row),
        _ => None,
    };
    rows.into_iter().map(row).collect()
}
