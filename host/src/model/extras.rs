//! What a table has beside its columns and key.

use serde::{Deserialize, Serialize};

/// A kind of such things, as the operator names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExtraKind {
    Indexes,
    Comments,
}

impl ExtraKind {
    pub const ALL: [Self; 2] = [Self::Indexes, Self::Comments];

    pub fn word(self) -> &'static str {
        match self {
            Self::Indexes => "indexes",
            Self::Comments => "comments",
        }
    }

    /// The capability by which a source tells them and a destination makes them.
    pub fn capability(self) -> &'static str {
        match self {
            Self::Indexes => "create:indexes",
            Self::Comments => "create:comments",
        }
    }
}

/// An index of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableIndex {
    pub name: String,
    /// In order; at least one.
    pub columns: Vec<IndexColumn>,
    pub unique: bool,
}

/// A column of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexColumn {
    pub name: String,
    pub descending: bool,
    pub nulls_first: bool,
}

/// What a table has at its source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableExtras {
    pub indexes: Vec<TableIndex>,
    pub comment: Option<String>,
    /// Each with its column.
    pub column_comments: Vec<(String, String)>,
    /// What it has and cannot be told, in words.
    pub untold: Vec<String>,
}

/// One thing that a table is to have at the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extra {
    Index(TableIndex),
    Comment(String),
    ColumnComment { column: String, text: String },
}

impl Extra {
    /// What it is, for people.
    pub fn words(&self) -> String {
        match self {
            Self::Index(index) => format!("index {}", index.name),
            Self::Comment(_) => "the table's comment".to_owned(),
            Self::ColumnComment { column, .. } => format!("the comment of column {column}"),
        }
    }
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtraOutcome {
    Made,
    /// It was there already.
    Unchanged,
    /// The same is to be asked again.
    UnderWay,
    /// Why it will not be there.
    Refused(String),
}
