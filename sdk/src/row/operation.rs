//! What a row does.

/// What a row does to its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Operation {
    /// The row is new.
    #[default]
    Insert,
    /// The row changed.
    Update,
    /// The row is gone; it carries its key.
    Delete,
    /// All rows are gone; it carries nothing.
    Truncate,
    /// The row was there when its table was copied, and what changed meanwhile follows once more as
    /// changes. Only destinations see it, in tables that they keep as a log: a source that sends it is
    /// refused.
    Snapshot,
}

impl Operation {
    /// The number in the `_op` column.
    pub fn code(self) -> u8 {
        match self {
            Self::Insert => 0,
            Self::Update => 1,
            Self::Delete => 2,
            Self::Truncate => 3,
            Self::Snapshot => 4,
        }
    }

    /// Reads the number of the `_op` column.
    pub fn from_code(code: u8) -> Option<Self> {
        const ALL: [Operation; 5] = [
            Operation::Insert,
            Operation::Update,
            Operation::Delete,
            Operation::Truncate,
            Operation::Snapshot,
        ];
        ALL.get(usize::from(code)).copied()
    }

    /// The word for people and dead letters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Truncate => "truncate",
            Self::Snapshot => "snapshot",
        }
    }
}
