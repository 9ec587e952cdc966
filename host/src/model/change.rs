//! Changes of shape, in the order of the stream.

use super::TableShape;

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    AddColumn { column: String },
    DropColumn { column: String },
    ModifyColumn { column: String },
    RenameColumn { column: String, new_name: String },
    AddTable,
    DropTable,
}

impl ChangeKind {
    /// The word of the contract and of the metrics label `change_type`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::AddColumn { .. } => "add_column",
            Self::DropColumn { .. } => "drop_column",
            Self::ModifyColumn { .. } => "modify_column",
            Self::RenameColumn { .. } => "rename_column",
            Self::AddTable => "add_table",
            Self::DropTable => "drop_table",
        }
    }
}

/// One change of one table.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaChange {
    pub table: String,
    pub kind: ChangeKind,
    /// The table afterwards; none for [`ChangeKind::DropTable`].
    pub after: Option<TableShape>,
}

impl SchemaChange {
    /// Memory it takes.
    pub fn byte_count(&self) -> usize {
        size_of::<Self>() + self.table.len() + self.after.as_ref().map_or(0, TableShape::byte_count)
    }
}
