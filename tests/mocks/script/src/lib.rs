//! Which calls of a mock connector fail how, counted over all of its instances.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use cartridge_warp_sdk::{Action, Failure};
use schemars::JsonSchema;
use serde::Deserialize;

/// A call that fails.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The function's name in the protocol, e.g. `get-changes`.
    pub call: String,
    /// The first call that fails, counted from 0 over the life of the state directory.
    pub at: u64,
    /// How many in a row fail.
    #[serde(default = "once")]
    pub times: u64,
    /// `retry`, `reconnect`, `resync`, `config`, `stop`, `trap`, or `hang`.
    pub action: String,
    /// The pause that the failure asks for.
    #[serde(default)]
    pub retry_after_ms: Option<u64>,
    /// The tables that the failure is about.
    #[serde(default)]
    pub tables: Vec<String>,
}

fn once() -> u64 {
    1
}

/// Counts calls in files, so that the count outlives an instance.
#[derive(Clone, Debug)]
pub struct Script {
    /// Where the files are, and how their names begin.
    pub directory: PathBuf,
    pub prefix: String,
    pub faults: Vec<Fault>,
}

impl Script {
    /// Counts a call and fails it if the script says so.
    ///
    /// # Errors
    /// As scripted, or when the directory cannot be written to.
    pub fn call(&self, call: &str) -> Result<(), Failure> {
        let count = count(&self.directory.join(format!("{}{call}", self.prefix)))
            .map_err(|error| unwritable(&error))?;
        let fault = self.faults.iter().find(|fault| {
            fault.call == call && (fault.at..fault.at + fault.times).contains(&count)
        });
        let Some(fault) = fault else { return Ok(()) };
        let action = match fault.action.as_str() {
            "retry" => Action::Retry,
            "reconnect" => Action::Reconnect,
            "resync" => Action::Resync,
            "config" => Action::Config,
            "trap" => std::process::abort(),
            "hang" => loop {
                std::thread::sleep(Duration::from_secs(3600));
            },
            _ => Action::Stop,
        };
        let failure =
            Failure::new(action, "scripted", format!("{call} number {count} fails by script"))
                .about(fault.tables.iter().cloned());
        Err(match fault.retry_after_ms {
            Some(pause) => failure.retry_after(Duration::from_millis(pause)),
            None => failure,
        })
    }
}

/// Counts one more and answers how many there were. The count is the file's length: instances that
/// run beside each other can append, but not add up.
fn count(file: &Path) -> io::Result<u64> {
    let mut file = fs::OpenOptions::new().append(true).create(true).open(file)?;
    file.write_all(b".")?;
    Ok(file.metadata()?.len().saturating_sub(1))
}

fn unwritable(error: &io::Error) -> Failure {
    Failure::config("state", format!("the state directory: {error}"))
}

/// A number that is kept in a file; 0 when it is not there.
pub fn read_number(directory: &Path, name: &str) -> u64 {
    let text = fs::read_to_string(directory.join(name)).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// Keeps a number in a file. The rename makes a kill at any moment leave the old or the new one.
///
/// # Errors
/// When the directory cannot be written to.
pub fn write_number(directory: &Path, name: &str, number: u64) -> Result<(), Failure> {
    let new = directory.join(format!("{name}.new"));
    fs::write(&new, number.to_string())
        .and_then(|()| fs::rename(&new, directory.join(name)))
        .map_err(|error| unwritable(&error))
}
