//! Keeps one schema going: attempts, pauses, schedules.

mod adopt;
mod check;
mod completion;
mod dry_run;
mod reaction;
mod schema_processor;

pub use adopt::{Adopted, adopt};
pub use check::{Checked, check};
pub use completion::Completion;
pub use schema_processor::SchemaProcessor;
