//! The author's program: it writes to a source, or reads a destination, past the connector.
//!
//! It hears one line of JSON for each request on its standard input and answers with one on its standard
//! output; what it writes to its standard error is the person's to see. It may lie, hang or die: each
//! answer has a time and a size, and every error says that it is the driver's.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::unix::pipe::{Receiver, Sender},
    time::{sleep, timeout},
};

use crate::{
    config::KitCase,
    model::text::{fitting, one_line},
};

/// How long an answer may take.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(60);
/// The longest answer, in bytes.
pub const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// How long after its pipes closed a program may take to end.
const ENDING: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
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
    child: Child,
    requests: Sender,
    answers: BufReader<Receiver>,
    schema: String,
    tables: Value,
}

impl Driver {
    /// Starts the program of a case in the directory of the case.
    ///
    /// # Errors
    /// Where the program cannot be started.
    pub fn start(case: &KitCase, directory: &Path) -> Result<Self, DriverError> {
        let failed = |error: io::Error| DriverError {
            request: "start".to_owned(),
            what: format!("can't be started: {error}"),
        };
        let (program, arguments) =
            case.driver.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
        let mut command = Command::new(located(program, directory));
        command.args(arguments).current_dir(directory).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
        let pipes = pipes(&mut child).inspect_err(|_| end(&mut child));
        let (requests, answers) = pipes.map_err(failed)?;
        let tables = serde_json::to_value(&case.tables).unwrap_or_default();
        let answers = BufReader::new(answers);
        Ok(Self { child, requests, answers, schema: case.schema.clone(), tables })
    }

    /// Makes everything as if nobody had been there: the tables are there and empty, and what the
    /// connector keeps at the far side is gone.
    pub async fn reset(&mut self) -> Result<(), DriverError> {
        let tables = self.tables.clone();
        self.ask("reset", &[("tables", tables)], |answer| is_ok(answer).then_some(())).await
    }

    /// Writes rows to a source, in this order.
    pub async fn write(&mut self, operations: Vec<Value>) -> Result<(), DriverError> {
        let operations = Value::Array(operations);
        self.ask("write", &[("ops", operations)], |answer| is_ok(answer).then_some(())).await
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
        let answered = timeout(ANSWER_DEADLINE, self.exchange(format!("{request}\n"))).await;
        let answered = answered.unwrap_or_else(|_| {
            Err(format!("gave no answer within {} seconds", ANSWER_DEADLINE.as_secs()))
        });
        let answer = answered.and_then(|line| understood(&line, read));
        answer.map_err(|what| DriverError { request: call.to_owned(), what })
    }

    async fn exchange(&mut self, request: String) -> Result<String, String> {
        if let Err(error) = self.requests.write_all(request.as_bytes()).await {
            return Err(format!("listens no more: {error}{}", self.ended().await));
        }
        let mut line = Vec::new();
        let mut bounded = (&mut self.answers).take(ANSWER_BYTES_MAX + 1);
        let read = bounded.read_until(b'\n', &mut line).await;
        read.map_err(|error| format!("can't be listened to: {error}"))?;
        if line.last() != Some(&b'\n') {
            return Err(match line.len() as u64 > ANSWER_BYTES_MAX {
                true => format!("answered with more than {ANSWER_BYTES_MAX} bytes"),
                false => format!("ended without an answer{}", self.ended().await),
            });
        }
        String::from_utf8(line).map_err(|_| "answered with what is no UTF-8".to_owned())
    }

    /// How it ended, if it did: its pipes close a moment before that is known.
    async fn ended(&mut self) -> String {
        let closed = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return format!(" ({status})"),
                Ok(None) if closed.elapsed() < ENDING => sleep(LOOK_AGAIN).await,
                _ => return String::new(),
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // It may have ended long ago.
    let _ = child.kill();
    let _ = child.wait();
}

fn pipes(child: &mut Child) -> io::Result<(Sender, Receiver)> {
    let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
    let requests = child.stdin.take().ok_or_else(closed)?;
    let answers = child.stdout.take().ok_or_else(closed)?;
    Ok((Sender::from_owned_fd(requests.into())?, Receiver::from_owned_fd(answers.into())?))
}

/// A program with a slash in its name is a path; another one is looked for as a shell would.
fn located(program: &str, directory: &Path) -> PathBuf {
    if program.contains('/') { directory.join(program) } else { program.into() }
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

fn is_ok(answer: Value) -> bool {
    answer.get("ok") == Some(&Value::Bool(true))
}

fn rows(mut answer: Value) -> Option<Vec<JsonRow>> {
    let Value::Array(rows) = answer.get_mut("rows")?.take() else { return None };
    let row = |row| match row {
        Value::Object(row) => Some(row),
        _ => None,
    };
    rows.into_iter().map(row).collect()
}
