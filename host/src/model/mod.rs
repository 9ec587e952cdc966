//! What every layer talks about: positions, failures, tables, batches and changes of shape.
//!
//! Imports nothing of ours. Values here come from hostile guests only after `plugin` has checked
//! their sizes (I7, I8).

pub mod added_value;
pub mod batch;
pub mod change;
pub mod column_type;
pub mod condition;
pub mod endpoint;
pub mod extras;
pub mod failure;
pub mod held;
pub mod letter;
pub mod panics;
pub mod path_form;
pub mod position;
pub mod redaction;
pub mod regular_file;
pub mod table;
pub mod text;
#[cfg(test)]
pub mod written;

pub use added_value::AddedValue;
pub use batch::{Operation, TableBatch, TableSchema};
pub use change::{ChangeKind, SchemaChange};
pub use column_type::ColumnType;
pub use condition::{Comparison, Condition, Expr, Literal, NotCondition, Operand};
pub use endpoint::{HostError, HostPattern, TlsMode, TlsModeError, parse_port};
pub use extras::{Extra, ExtraKind, ExtraOutcome, IndexColumn, TableExtras, TableIndex};
pub use failure::{Action, Failure};
pub use held::Held;
pub use letter::{KeptLetter, LetterFilter, LetterPage, Settlement};
pub use path_form::{NoPath, is_plain_path, path_of};
pub use position::{Chunk, Marker, Position};
pub use regular_file::open_regular;
pub use table::{DeadLetter, Deletion, Location, TablePlace, TablePlan, TableShape, WriteMode};
