//! The states of schemas and tables, as words for people, probes and listeners.

use serde::Serialize;

/// The state of one schema. As JSON: `{"state": "retrying", "attempt": 2, "error": "…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SchemaState {
    /// Opening connectors and connecting; set when the process begins.
    Starting,
    /// Waiting for another run to end, which holds the schema (`--standby`).
    Standby {
        /// Who holds it, in words.
        held_by: String,
    },
    /// Reading tables whole; set by the runner once both sides are connected.
    Snapshotting,
    /// Following the change stream.
    Streaming,
    /// Waiting to try again, or trying.
    Retrying { attempt: u32, error: String },
    /// A batch run, or `--until-caught-up`, reached its end.
    Completed,
    /// Ended because somebody asked for it.
    Stopped,
    /// Ended by an error that trying again cannot mend.
    Failed { error: String },
}

impl SchemaState {
    /// The state in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Standby { .. } => "standby",
            Self::Snapshotting => "snapshotting",
            Self::Streaming => "streaming",
            Self::Retrying { .. } => "retrying",
            Self::Completed => "completed",
            Self::Stopped => "stopped",
            Self::Failed { .. } => "failed",
        }
    }

    /// Failures in a row where it tries again, and what failed.
    pub fn failure(&self) -> (Option<u32>, Option<String>) {
        match self {
            Self::Retrying { attempt, error } => (Some(*attempt), Some(error.clone())),
            Self::Failed { error } => (None, Some(error.clone())),
            _ => (None, None),
        }
    }
}

/// Where a table is in its life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableStatus {
    /// `pending`, `copying`, `streaming`, `again`, `parked`, `paused`, or `new`.
    pub state: &'static str,
    /// Since when it is left out, as in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Why it is parked: a stable word, and what happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What mends it, and how it comes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}
