//! What an error of a run means for the run, and for those who are told.

use std::{error::Error, time::Duration};

use miette::Diagnostic;

use super::RunError;
use crate::{
    model::{Action, text},
    monitor::ErrorType,
    plugin::{Cause, Role},
    runner::advice::decision,
};

/// What an error may take on one line, with its causes.
const CHAIN_BYTES_MAX: usize = 8 * 1024;

impl RunError {
    /// What the runner does about it.
    pub fn action(&self) -> Action {
        match self {
            // Only a source has a position to lose; to copy anew would mend no destination.
            Self::Plugin(error) if error.role == Role::Destination => match error.action() {
                Action::Resync => Action::Stop,
                action => action,
            },
            Self::Plugin(error) => error.action(),
            Self::SomeCopiedAgain { cause, .. } => cause.action(),
            Self::Grant(_)
            | Self::Protected(_)
            | Self::Unavailable { .. }
            | Self::Unusable { .. }
            | Self::Unfit { .. }
            | Self::Held { .. }
            | Self::PlaceTaken { .. }
            | Self::PlaceFull { .. }
            | Self::OtherPipeline { .. }
            | Self::NewerState { .. }
            | Self::NotReplaced { .. }
            | Self::NoLetters { .. }
            | Self::NewTable { .. }
            | Self::NoLookup { .. }
            | Self::NoTables { .. } => Action::Config,
            // What hands out secrets may be away for a moment.
            Self::Secret { .. } | Self::ConnectionFile { .. } => Action::Retry,
            Self::LogReleased { .. } => Action::Resync,
            Self::NoProgress { .. } | Self::CopyAgain { .. } | Self::ParkedMeanwhile { .. } => {
                Action::Reconnect
            }
            _ => Action::Stop,
        }
    }

    /// Whether the stored states say already which tables are copied again.
    pub fn says_what_is_copied(&self) -> bool {
        matches!(self, Self::SomeCopiedAgain { .. })
    }

    /// The tables whose own matter it is; none where it may be that of all.
    pub fn tables(&self) -> Vec<&str> {
        match self {
            Self::Plugin(error) => error.tables().iter().map(String::as_str).collect(),
            Self::SomeCopiedAgain { cause, .. } => {
                cause.tables().iter().map(String::as_str).collect()
            }
            Self::Unfit { table, .. }
            | Self::ChangeRefused { table, .. }
            | Self::ChangeUnapproved { table, .. }
            | Self::NotReplaced { table, .. }
            | Self::RowRefused { table, .. }
            | Self::DeadLetterLimit { table, .. }
            | Self::Encode { table, .. }
            | Self::Quota { table, key: "columns_max" | "tables_max", .. } => vec![table],
            _ => Vec::new(),
        }
    }

    /// A stable word for this kind of error.
    pub fn word(&self) -> String {
        self.code().map_or_else(|| "error".to_owned(), |code| code.to_string())
    }

    /// What mends it where its table is parked, before that is copied again.
    pub fn help_for_table(&self) -> String {
        match self {
            Self::ChangeRefused { .. } => {
                "look whether the copy may become what the table is now".to_owned()
            }
            Self::ChangeUnapproved { schema, table, .. } => decision(schema, table),
            Self::Quota { key, .. } => {
                format!("look at what the source sends; if it may, raise `schemas[].limits.{key}`")
            }
            Self::Plugin(error) => error.help_for_table().unwrap_or_default(),
            _ => self.help().map(|help| help.to_string()).unwrap_or_default(),
        }
    }

    /// Whether another runner owns the schema.
    pub fn is_fenced(&self) -> bool {
        match self {
            Self::Fenced { .. } => true,
            Self::Plugin(error) => error.is_fenced(),
            _ => false,
        }
    }

    /// Whether another process has the destination's file open.
    pub fn is_file_in_use(&self) -> bool {
        matches!(self, Self::Plugin(error) if error.role == Role::Destination && error.is_file_in_use())
    }

    /// Whether the destination wrote nothing because it refuses a row.
    pub fn is_refused_row(&self) -> bool {
        matches!(self, Self::Plugin(error) if error.is_refused_row())
    }

    /// The pause that the far side asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Plugin(error) => error.retry_after(),
            _ => None,
        }
    }

    /// The metrics label `error_type`.
    pub fn error_type(&self) -> ErrorType {
        match self {
            Self::Plugin(error) => match &error.cause {
                Cause::Deadline { .. } => ErrorType::Timeout,
                Cause::Malformed(_) => ErrorType::Validation,
                Cause::Failure(failure) if failure.action == Action::Config => {
                    ErrorType::Permission
                }
                _ => ErrorType::Connection,
            },
            Self::RowRefused { .. } | Self::DeadLetterLimit { .. } | Self::Encode { .. } => {
                ErrorType::Transformation
            }
            Self::ChangeRefused { .. }
            | Self::ChangeUnapproved { .. }
            | Self::NotReplaced { .. }
            | Self::CopyAgain { .. }
            | Self::SomeCopiedAgain { .. }
            | Self::Unfit { .. }
            | Self::ParkedMeanwhile { .. }
            | Self::UnknownTable { .. }
            | Self::NewTable { .. }
            | Self::NoTables { .. } => ErrorType::Schema,
            Self::Fenced { .. }
            | Self::LogReleased { .. }
            | Self::Held { .. }
            | Self::OtherPipeline { .. }
            | Self::Quota { .. } => ErrorType::Constraint,
            Self::Grant(_)
            | Self::Protected(_)
            | Self::Unavailable { .. }
            | Self::ConnectionFile { .. }
            | Self::Secret { .. } => ErrorType::Permission,
            Self::Unusable { .. }
            | Self::PlaceTaken { .. }
            | Self::PlaceFull { .. }
            | Self::Marker(_)
            | Self::NewerState { .. }
            | Self::NoLetters { .. }
            | Self::NoLookup { .. }
            | Self::NoProgress { .. }
            | Self::Died { .. } => ErrorType::Validation,
        }
    }

    /// The error and its causes on one line, for logs and the journal: without known secrets, escaped, cut.
    pub fn chain(&self) -> String {
        let mut chain = self.to_string();
        let mut source = self.source();
        while let Some(cause) = source {
            chain.push_str(": ");
            chain.push_str(&cause.to_string());
            source = cause.source();
        }
        text::one_line(&chain, CHAIN_BYTES_MAX)
    }
}
