//! The options: how long the history is, and which calls fail how.

use std::{
    fs,
    path::{Path, PathBuf},
};

use cartridge_warp_sdk::{Action, Failure};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Number of tables.
    pub tables: u64,
    /// Keys per table.
    pub keys: u64,
    /// Changes that are in the past when the source is first asked; the snapshot shows them.
    pub past: u64,
    /// Changes in all.
    pub changes: u64,
    /// Calls that fail.
    pub faults: Vec<Fault>,
}

impl Default for Options {
    fn default() -> Self {
        Self { tables: 2, keys: 50, past: 100, changes: 1000, faults: Vec::new() }
    }
}

/// A call that fails.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// `connect`, `get-schema`, `plan-snapshot`, `get-full-snapshot`, `get-changes`, `confirm`.
    pub call: String,
    /// The first call that fails, counted from 0 over the life of the state directory.
    pub at: u64,
    /// How many in a row fail.
    #[serde(default = "once")]
    pub times: u64,
    /// `retry`, `reconnect`, `resync`, `config`, `stop`, or `trap`.
    pub action: String,
}

fn once() -> u64 {
    1
}

/// Counts calls in the state directory, so that the count outlives an instance.
#[derive(Clone, Debug)]
pub struct Script {
    pub directory: PathBuf,
    pub options: Options,
}

impl Script {
    /// Counts a call and fails it if the script says so.
    pub fn call(&self, call: &str) -> Result<(), Failure> {
        let count = read_number(&self.directory, call);
        write_number(&self.directory, call, count + 1)?;
        let fault = self.options.faults.iter().find(|fault| {
            fault.call == call && (fault.at..fault.at + fault.times).contains(&count)
        });
        let Some(fault) = fault else { return Ok(()) };
        let action = match fault.action.as_str() {
            "retry" => Action::Retry,
            "reconnect" => Action::Reconnect,
            "resync" => Action::Resync,
            "config" => Action::Config,
            "trap" => std::process::abort(),
            _ => Action::Stop,
        };
        Err(Failure::new(action, "scripted", format!("{call} number {count} fails by script")))
    }
}

/// A number that is kept in a file; 0 when it is not there.
pub fn read_number(directory: &Path, name: &str) -> u64 {
    let text = fs::read_to_string(directory.join(name)).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// Keeps a number in a file. The rename makes a kill at any moment leave the old or the new one.
pub fn write_number(directory: &Path, name: &str, number: u64) -> Result<(), Failure> {
    let new = directory.join(format!("{name}.new"));
    fs::write(&new, number.to_string())
        .and_then(|()| fs::rename(&new, directory.join(name)))
        .map_err(|error| Failure::config("state", format!("the state directory: {error}")))
}
