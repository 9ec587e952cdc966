//! Rows: written column by column, read row by row where somebody needs rows.

mod buffer;
mod convert;
mod decimal;
mod operation;
mod rows;
mod text;
mod time;
mod value;
mod writer;

pub use operation::Operation;
pub(crate) use rows::Layout;
pub use rows::TableRows;
pub use time::{parse_date, parse_time, parse_timestamp};
pub use value::{Value, ValueError};
pub use writer::{ColumnRef, RowBuilder, TableWriter};
