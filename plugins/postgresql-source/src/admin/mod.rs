//! What the server keeps for the pipeline, for people: the slot's log, and the end of slot and publication.

mod backlog;
mod release;

pub use backlog::backlog;
pub use release::release;
