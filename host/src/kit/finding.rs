//! What a check says when it does not pass.

use super::driver::DriverError;
use crate::{model::text::one_line, plugin::PluginError};

/// How much of anything is repeated, in bytes: a connector may have said it.
const WORDS_BYTES_MAX: usize = 2 * 1024;

/// What was expected of the connector, what was seen, and what its author can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub expected: String,
    pub seen: String,
    pub advice: String,
}

/// Why a check did not pass.
#[derive(Debug)]
pub enum Broken {
    /// The connector's doing.
    Finding(Finding),
    /// The driver's doing, so nothing is known of the connector.
    Driver(DriverError),
}

impl Broken {
    pub fn new(expected: &str, seen: &str, advice: &str) -> Self {
        let short = |words: &str| one_line(words, WORDS_BYTES_MAX);
        Self::Finding(Finding {
            expected: short(expected),
            seen: short(seen),
            advice: short(advice),
        })
    }
}

impl From<DriverError> for Broken {
    fn from(error: DriverError) -> Self {
        Self::Driver(error)
    }
}

/// A call that a check needs, and that did not do its work.
impl From<PluginError> for Broken {
    fn from(error: PluginError) -> Self {
        let advice = miette::Diagnostic::help(&error).map(|help| help.to_string());
        let expected = format!("the call {} does its work", error.call);
        Self::new(&expected, &error.cause.to_string(), &advice.unwrap_or_default())
    }
}

/// How a check ends.
pub type Checked<T = ()> = Result<T, Broken>;
