//! What may be known of a row: SQL's three values, and that the source did not send what it takes.

/// Whether a condition is true of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    No,
    /// A NULL is in the way, as in SQL.
    Unknown,
    /// It depends on a value that the source did not send.
    Unsent,
    Yes,
}

impl Truth {
    pub fn of(is_true: bool) -> Self {
        if is_true { Self::Yes } else { Self::No }
    }

    /// A value that was not sent may make NULL of the whole, or not; so it is the stronger of the two.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unsent, _) | (_, Self::Unsent) => Self::Unsent,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }

    pub fn or(self, other: Self) -> Self {
        self.negated().and(other.negated()).negated()
    }

    pub fn negated(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Yes => Self::No,
            open => open,
        }
    }
}
