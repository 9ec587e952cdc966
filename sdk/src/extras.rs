//! What tables have beside their columns and keys.

use crate::Failure;

/// An index of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableIndex {
    /// Its name at the source.
    pub name: String,
    /// In order; at least one.
    pub columns: Vec<IndexColumn>,
    /// No two rows have the same values in them.
    pub unique: bool,
}

/// A column of an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexColumn {
    /// Its name.
    pub name: String,
    /// Larger values come first.
    pub descending: bool,
    /// Rows without a value come first.
    pub nulls_first: bool,
}

/// What a table has at its source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableExtras {
    /// Its indexes but for the key's, in an order that stays.
    pub indexes: Vec<TableIndex>,
    /// What is said of the table.
    pub comment: Option<String>,
    /// What is said of columns, each with its column.
    pub column_comments: Vec<(String, String)>,
    /// What it has and cannot be told, each in a few words: kind, name and why.
    pub untold: Vec<String>,
}

/// One thing that a table is to have at a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extra {
    /// An index that finds rows by these columns in this order; not a unique one, whatever the source's is.
    Index(TableIndex),
    /// What is said of the table.
    Comment(String),
    /// What is said of a column.
    ColumnComment {
        /// Which.
        column: String,
        /// What.
        text: String,
    },
}

/// Which table is to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraRequest {
    /// The schema that it belongs to.
    pub schema: String,
    /// Its name at the source. It was made or adopted, whether on this connection or not.
    pub table: String,
    /// What it is to have.
    pub extra: Extra,
    /// The writer's epoch: a smaller one than the schema's is fenced.
    pub epoch: u64,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtraOutcome {
    /// It is there from now on.
    Made,
    /// It was there already.
    Unchanged,
    /// It is being made: the same is asked again.
    UnderWay,
    /// It will not be there unless a person changes something: why.
    Refused(String),
}

/// The answer of a connector that does not promise them.
pub(crate) fn unpromised(table: &str) -> Failure {
    Failure::stop("no-extras", format!("of table {table} only columns and key are known here"))
}
