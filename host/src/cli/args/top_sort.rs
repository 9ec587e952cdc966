//! Orders of tables.

use clap::ValueEnum;

/// What comes first: the largest of a number, names by the alphabet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum TopSort {
    Lag,
    Rate,
    Rows,
    DeadLetters,
    State,
    Name,
}

impl TopSort {
    /// The word that the run knows.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lag => "lag",
            Self::Rate => "rate",
            Self::Rows => "rows",
            Self::DeadLetters => "dead_letters",
            Self::State => "state",
            Self::Name => "name",
        }
    }

    /// The one after it; after the last the first.
    pub fn next(self) -> Self {
        let all = Self::value_variants();
        let at = all.iter().position(|it| *it == self).map_or(0, |at| at + 1);
        all.get(at).copied().unwrap_or(Self::Lag)
    }
}
