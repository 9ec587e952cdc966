//! Why a call into a connector did not do its work.
//!
//! A connector's own words are a [`Cause::Failure`] and leave the instance alive. Every other cause
//! ended the instance (I9), so the answer to all of them is a new one.

use std::{fmt, time::Duration};

use super::{Exhausted, Place, Role};
use crate::model::{Action, Failure};

/// What helps a run that another one has taken the schema from.
pub const FENCED_HELP: &str = "stop the other runner first; this one wrote nothing after it lost the schema. Two that \
                               are to stand in for each other are both started with `run --standby`: one waits while \
                               the other works";

/// What went wrong, without where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The connector said so itself.
    #[error("{0}")]
    Failure(Box<Failure>),
    #[error("the connector crashed: {reason}")]
    Trap { reason: String, place: Place },
    #[error("no answer within {after:?}")]
    Deadline { after: Duration, place: Place },
    #[error("it wanted more memory than the {limit} bytes it may have")]
    OutOfMemory { limit: u64 },
    /// All instances of the connector, or all connectors, reached what they may make the host hold.
    #[error("{0}")]
    Exhausted(Exhausted),
    /// The answer breaks the contract.
    #[error("its answer breaks the contract: {0}")]
    Malformed(String),
    /// An earlier call ended the instance, or the connection was closed.
    #[error("its instance is gone")]
    Gone,
}

impl Cause {
    /// A stable word for metrics and tests; a failure has its own.
    pub fn code(&self) -> &str {
        match self {
            Self::Failure(failure) => &failure.code,
            other => other.kind(),
        }
    }

    /// The kind of cause, without a connector's own words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Failure(_) => "failure",
            Self::Trap { .. } => "trap",
            Self::Deadline { .. } => "deadline",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::Exhausted(_) => "limit",
            Self::Malformed(_) => "malformed",
            Self::Gone => "gone",
        }
    }

    /// Where the guest was, when that is known.
    fn place(&self) -> Option<&Place> {
        match self {
            Self::Trap { place, .. } | Self::Deadline { place, .. } => {
                Some(place).filter(|place| place.is_known())
            }
            _ => None,
        }
    }

    /// True when the Store must never be entered again (I9).
    pub(super) fn is_fatal(&self) -> bool {
        !matches!(self, Self::Failure(_))
    }
}

/// A call that did not do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginError {
    pub plugin: String,
    pub role: Role,
    pub call: &'static str,
    pub cause: Cause,
}

impl PluginError {
    pub fn action(&self) -> Action {
        match &self.cause {
            Cause::Failure(failure) => failure.action,
            _ => Action::Reconnect,
        }
    }

    /// The pause that the far side asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.cause {
            Cause::Failure(failure) => failure.retry_after,
            _ => None,
        }
    }

    /// The tables that a failure is about, where the others can go on.
    pub fn tables(&self) -> &[String] {
        match &self.cause {
            Cause::Failure(failure) => &failure.tables,
            _ => &[],
        }
    }

    /// The same of a call that was about this table and no other: what a person has to mend is its own
    /// matter then.
    #[must_use]
    pub fn about(mut self, table: &str) -> Self {
        if let Cause::Failure(failure) = &mut self.cause
            && failure.action == Action::Config
            && failure.tables.is_empty()
        {
            failure.tables.push(table.to_owned());
        }
        self
    }

    /// Whether another writer has claimed the schema since.
    pub fn is_fenced(&self) -> bool {
        self.has_code("fenced")
    }

    /// Whether another process has the connector's file open.
    pub fn is_file_in_use(&self) -> bool {
        self.has_code("in-use")
    }

    /// Whether a row was refused that may not become a dead letter.
    pub fn is_refused_row(&self) -> bool {
        self.has_code("row-rejected")
    }

    /// Whether it is a failure of the connector's with this code.
    pub(super) fn has_code(&self, code: &str) -> bool {
        matches!(&self.cause, Cause::Failure(failure) if failure.code == code)
    }

    /// What a person can do about it where it parked a table, beside having that copied again.
    pub fn help_for_table(&self) -> Option<String> {
        match &self.cause {
            Cause::Failure(failure) if failure.action == Action::Resync => Some(
                detail(failure)
                    + "`on_lost_position: resync` for the schema has it copied again each time",
            ),
            _ => self.advice(),
        }
    }

    /// What a person can do about it.
    fn advice(&self) -> Option<String> {
        let plugin = &self.plugin;
        Some(match &self.cause {
            _ if self.is_fenced() => FENCED_HELP.to_owned(),
            Cause::Failure(failure) if failure.action == Action::Resync => {
                let (which, flag) = match failure.tables.is_empty() {
                    true => ("the tables have", "--full-resync"),
                    false => ("what it names has", "--full-resync=SCHEMA.TABLE"),
                };
                detail(failure)
                    + &format!(
                        "{which} to be copied anew: run once with {flag}, or set `on_lost_position: \
                         resync` for the schema to have it done each time"
                    )
            }
            Cause::Failure(failure) => return failure.detail.clone(),
            Cause::Trap { .. } => format!(
                "this is a defect of `{plugin}`; the pipeline goes on with a new instance. Report it \
                 with the lines above, or pin the version that worked"
            ),
            Cause::Deadline { .. } => format!(
                "raise the call deadline if `{plugin}` has to wait for a slow server, else look for \
                 the server that does not answer"
            ),
            Cause::OutOfMemory { .. } => {
                "read fewer rows or bytes per batch, or raise the plugin's memory limit".to_owned()
            }
            Cause::Exhausted(exhausted) => format!(
                "raise `{}` if `{plugin}` may use that much, else run it with fewer schemas or \
                 streams; `cartridge_warp_plugin_*` metrics show what each connector uses",
                exhausted.key
            ),
            Cause::Malformed(_) => {
                format!("this is a defect of `{plugin}`; nothing of this answer was used")
            }
            Cause::Gone => {
                "an earlier error in the log says why; a new connection helps".to_owned()
            }
        })
    }
}

/// What the far side says beside its message, for a line of its own.
fn detail(failure: &Failure) -> String {
    failure.detail.iter().map(|detail| format!("{detail}\n")).collect()
}

impl fmt::Display for PluginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plugin, role, call, cause } = self;
        write!(f, "plugin `{plugin}` ({role}), call {call}: {cause}")
    }
}

impl std::error::Error for PluginError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.place().map(|place| place as _)
    }
}

impl miette::Diagnostic for PluginError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.cause.code()))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.advice().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }
}
