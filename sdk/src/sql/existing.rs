//! What a table that is already there looks like.

/// A column as the database describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingColumn {
    /// Its name.
    pub name: String,
    /// Its type in the database's words.
    pub declared: String,
    /// NOT NULL without a default: every insert has to bring it.
    pub demanded: bool,
    /// Computed by the database; cannot be written.
    pub generated: bool,
}

/// A unique index over whole columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique {
    /// The columns that it covers.
    pub columns: Vec<String>,
    /// Whether it tells all values apart and can decide a conflict at once.
    pub exact: bool,
}

/// A table as the database describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    /// Its columns in order.
    pub columns: Vec<ExistingColumn>,
    /// Its unique indexes, the primary key's among them; partial ones are left out.
    pub unique: Vec<Unique>,
}
