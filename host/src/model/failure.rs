//! A failure is an instruction to the runner, as well as words for a person.

use std::{fmt, time::Duration};

/// What the runner does about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Try again after a pause.
    Retry,
    /// Open a new instance and go on from the last committed position.
    Reconnect,
    /// The position is lost: only a new snapshot helps, and only when the operator asks for it.
    Resync,
    /// A person must change the configuration; trying again cannot help.
    Config,
    /// Going on would lose or double rows.
    Stop,
}

impl Action {
    /// Reads a connector's word; one we do not know is treated as the safest, [`Action::Stop`].
    pub fn from_word(word: &str) -> Self {
        match word {
            "retry" => Self::Retry,
            "reconnect" => Self::Reconnect,
            "resync" => Self::Resync,
            "config" => Self::Config,
            _ => Self::Stop,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retry => "retry",
            Self::Reconnect => "reconnect",
            Self::Resync => "resync",
            Self::Config => "config",
            Self::Stop => "stop",
        })
    }
}

/// Why a call did not do its work. Text is already cut to its limits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub action: Action,
    /// Stable kebab-case word, e.g. `malformed-row`.
    pub code: String,
    pub message: String,
    pub detail: Option<String>,
    /// The pause that the far side asked for.
    pub retry_after: Option<Duration>,
    /// Of a source: the tables that it is about, where the others can go on.
    pub tables: Vec<String>,
}
