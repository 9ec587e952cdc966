//! Tables and columns in the words of the model, and their Arrow form.
//!
//! The mapping is that of `wit/BATCH-FORMAT.md`; both directions live here so that they cannot
//! drift apart.

mod change;
mod column;
mod column_type;
mod identity;
mod name;
mod table;

pub use change::{ChangeKind, SchemaChange};
pub use column::Column;
pub use column_type::ColumnType;
pub use identity::ColumnIdentity;
pub use name::column_name;
pub use table::Table;

/// The column that says what a row is: insert, update, delete or truncate.
pub const OP_COLUMN: &str = "_op";
/// The column with the source's commit time.
pub const TS_COLUMN: &str = "_ts";
/// The column with the bitmap of values that the source did not send.
pub const UNCHANGED_COLUMN: &str = "_unchanged";

/// Whether a name is one of the three that the batch format keeps for itself.
pub fn is_reserved(name: &str) -> bool {
    matches!(name, OP_COLUMN | TS_COLUMN | UNCHANGED_COLUMN)
}
