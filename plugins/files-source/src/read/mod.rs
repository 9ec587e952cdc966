//! Rows of a table out of its files.

mod file;
mod header;
mod lines;
mod operations;
pub mod parquet;
mod record;
mod row;
mod sample;
mod unfinished;

pub use file::{Budget, Stop, TableReader};
pub use lines::LineNumbers;
pub use operations::carry_operations;
pub use sample::sample;
pub use unfinished::why_unfinished;
