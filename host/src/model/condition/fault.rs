//! Why a text is no condition.

/// What is wrong, and at which character.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no condition: at character {at}, {what}")]
pub struct NotCondition {
    /// Counted from 1.
    pub at: usize,
    /// In words, with what was expected.
    pub what: String,
}

impl NotCondition {
    pub(super) fn new(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: what.into() }
    }
}
