//! Where a value came from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::path::KeyPath;

/// Where an effective value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File {
        /// The file's name as it was given.
        name: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// The environment variable of this name.
    Environment(String),
    /// This flag of the command line.
    CommandLine(String),
    /// The program itself, by [`WarpConfig::builder`](super::WarpConfig::builder) or
    /// [`WarpConfig::from_value`](super::WarpConfig::from_value).
    Program,
    /// Another key whose value reaches down to this one.
    Inherited {
        /// The other key.
        key: String,
        /// Where the other key's value came from.
        from: Box<Origin>,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Environment(variable) => write!(f, "env {variable}"),
            Self::CommandLine(flag) => write!(f, "command line {flag}"),
            Self::Program => f.write_str("set by the program"),
            Self::Inherited { key, from } => write!(f, "{key} at {from}"),
        }
    }
}

/// The origin of each value somebody set.
#[derive(Clone, Debug, Default)]
pub(super) struct Provenance {
    /// Values that were written out, by path; a value inside a list has the list's entry.
    pub(super) set: BTreeMap<KeyPath, Origin>,
    /// Values of the file that took something from the environment by `${NAME}`.
    pub(super) expanded: BTreeSet<KeyPath>,
}

impl Provenance {
    /// Notes the origin of every value of the tree; an empty map or list is a value too.
    pub(super) fn record(
        &mut self,
        value: &Value,
        path: &KeyPath,
        origin: &mut dyn FnMut(&KeyPath) -> Origin,
    ) {
        match value {
            Value::Object(entries) if !entries.is_empty() => {
                for (name, value) in entries {
                    self.record(value, &path.key(name), origin);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for (position, value) in items.iter().enumerate() {
                    self.record(value, &path.index(position), origin);
                }
            }
            Value::Null => {}
            _ => drop(self.set.insert(path.clone(), origin(path))),
        }
    }

    /// Forgets what was at, below and around a path: something else is there now.
    pub(super) fn forget(&mut self, path: &KeyPath) {
        let touched = |other: &KeyPath| other.starts_with(path) || path.starts_with(other);
        self.set.retain(|other, _| !touched(other));
        self.expanded.retain(|other| !touched(other));
    }

    /// The origin of a value: its own, or that of the nearest parent that was set as a whole.
    pub(super) fn of(&self, path: &KeyPath) -> Origin {
        let found = path.upwards().find_map(|level| self.set.get(&level));
        found.cloned().unwrap_or(Origin::Default)
    }
}
