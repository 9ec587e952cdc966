//! Dead letters as they are counted: those that are open, those of a commit, and their share of the rows.

mod count;
mod open;

pub use count::{Brought, Letters, by_reason, by_table};
pub use open::OpenLetters;
