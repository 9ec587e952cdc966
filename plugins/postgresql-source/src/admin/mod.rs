//! What the server keeps for the pipeline, for people: the slot's log, and the end of slot and publication; and moments
//! of its log.

mod backlog;
mod moment;
mod release;

pub use backlog::backlog;
pub use moment::{moment, reached};
pub use release::release;
