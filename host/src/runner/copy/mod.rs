//! Copies tables as they stand.

mod progress;
mod queue;
mod read;

pub use read::{Copied, copy_tables};
