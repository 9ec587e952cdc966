//! What became of a table's extras: how it is stored, and how it is shown.

use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{config::Create, model::text, monitor::TableStatus};

/// What is kept and told of why things could not be made.
pub const WORDS_BYTES_MAX: usize = 2 * 1024;

/// The marker `extras/T`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// The kinds of which everything was asked for.
    asked: Create,
    /// What could not be made of it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unmade: Option<String>,
}

/// Why a table goes on without something that it was to have.
#[derive(Debug, Error, Diagnostic)]
#[error("it goes on without {what}")]
#[diagnostic(
    code("extra-not-made"),
    help("all rows are there; mend what it says, and the next start of the schema makes it")
)]
struct NotMade {
    what: String,
}

impl Stored {
    /// Of all of these kinds, but for what is named.
    pub fn asked(asked: Create, unmade: &[String]) -> Self {
        let what = text::one_line(&unmade.join("; "), WORDS_BYTES_MAX);
        Self { asked, unmade: (!unmade.is_empty()).then_some(what) }
    }

    /// Whether nothing of these kinds is left to be made.
    pub fn is_done(&self, wanted: &Create) -> bool {
        self.unmade.is_none() && wanted.kinds().is_subset(self.asked.kinds())
    }

    /// What could not be made.
    pub fn unmade(&self) -> Option<&str> {
        self.unmade.as_deref()
    }
}

/// The status of a table that streams, with what it goes on without.
pub fn shown(mut status: TableStatus, stored: &Stored) -> TableStatus {
    if let Some(what) = &stored.unmade {
        let error = NotMade { what: text::one_line(what, WORDS_BYTES_MAX) };
        status.code = error.code().map(|code| code.to_string());
        status.message = Some(error.to_string());
        status.help = error.help().map(|help| help.to_string());
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(words: &str) -> Create {
        serde_json::from_value(words.into()).unwrap()
    }

    #[test]
    fn what_is_new_or_was_not_made_is_asked_for() {
        let (all, some) = (create("indexes,comments"), create("indexes"));
        assert!(Stored::asked(all.clone(), &[]).is_done(&some));
        assert!(!Stored::asked(some.clone(), &[]).is_done(&all), "a kind was added");
        let unmade = Stored::asked(all, &["index a: no".to_owned(), "index b: no".to_owned()]);
        assert!(!unmade.is_done(&some));
        let read: Stored = serde_json::from_slice(&serde_json::to_vec(&unmade).unwrap()).unwrap();
        assert_eq!(read, unmade);
        let status = shown(TableStatus { state: "streaming", ..TableStatus::default() }, &unmade);
        assert_eq!(status.code.as_deref(), Some("extra-not-made"));
        assert_eq!(status.message.as_deref(), Some("it goes on without index a: no; index b: no"));
    }
}
