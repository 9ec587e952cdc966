//! Rows of a table out of its files.

mod file;
mod header;
mod lines;
mod operations;
pub mod parquet;
mod record;
mod row;
mod sample;
mod table_reader;
mod unfinished;

pub use lines::LineNumbers;
pub use operations::carry_operations;
pub use sample::sample;
pub use table_reader::{Budget, Stop, TableReader};
pub use unfinished::{Unfinished, why_unfinished};
