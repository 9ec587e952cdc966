//! Changes of a table's shape.

use super::Table;

/// What happened to a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// A column appeared.
    AddColumn,
    /// A column went away.
    DropColumn,
    /// A column's type or nullability changed.
    ModifyColumn,
    /// A column has another name.
    RenameColumn,
    /// A table appeared.
    AddTable,
    /// A table went away.
    DropTable,
    /// A kind that this version of the SDK does not know; a destination refuses it.
    Unknown(String),
}

impl ChangeKind {
    /// The word that crosses the boundary.
    pub fn as_str(&self) -> &str {
        match self {
            Self::AddColumn => "add_column",
            Self::DropColumn => "drop_column",
            Self::ModifyColumn => "modify_column",
            Self::RenameColumn => "rename_column",
            Self::AddTable => "add_table",
            Self::DropTable => "drop_table",
            Self::Unknown(word) => word,
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Self {
        match word {
            "add_column" => Self::AddColumn,
            "drop_column" => Self::DropColumn,
            "modify_column" => Self::ModifyColumn,
            "rename_column" => Self::RenameColumn,
            "add_table" => Self::AddTable,
            "drop_table" => Self::DropTable,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

/// A change of shape, in the order of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaChange {
    /// What happened.
    pub kind: ChangeKind,
    /// The table it happened to.
    pub table: String,
    /// The column, for the kinds that concern one.
    pub column: Option<String>,
    /// The column's name from now on, for [`ChangeKind::RenameColumn`].
    pub new_name: Option<String>,
    /// The table after the change; none for [`ChangeKind::DropTable`].
    pub after: Option<Table>,
}

impl SchemaChange {
    fn of(kind: ChangeKind, column: Option<&str>, after: Table) -> Self {
        let table = after.name.clone();
        Self { kind, table, column: column.map(str::to_owned), new_name: None, after: Some(after) }
    }

    /// A table appeared.
    pub fn add_table(after: Table) -> Self {
        Self::of(ChangeKind::AddTable, None, after)
    }

    /// A column appeared; `after` has it.
    pub fn add_column(column: &str, after: Table) -> Self {
        Self::of(ChangeKind::AddColumn, Some(column), after)
    }

    /// A column went away; `after` no longer has it.
    pub fn drop_column(column: &str, after: Table) -> Self {
        Self::of(ChangeKind::DropColumn, Some(column), after)
    }

    /// A column's type changed; `after` has the new one.
    pub fn modify_column(column: &str, after: Table) -> Self {
        Self::of(ChangeKind::ModifyColumn, Some(column), after)
    }

    /// A column has another name.
    pub fn rename_column(column: &str, new_name: &str, after: Table) -> Self {
        let mut change = Self::of(ChangeKind::RenameColumn, Some(column), after);
        change.new_name = Some(new_name.to_owned());
        change
    }

    /// A table went away.
    pub fn drop_table(table: impl Into<String>) -> Self {
        let (kind, table) = (ChangeKind::DropTable, table.into());
        Self { kind, table, column: None, new_name: None, after: None }
    }
}
