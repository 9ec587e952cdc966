//! One attempt to run a schema: open both sides, claim, find the start, copy, follow.

mod attempts;
mod beginning;
mod claim;
mod interruptions;
mod layout;
mod named;
mod owner;
mod park;
mod renamed;
mod run;
mod selection;
mod start;
mod tables;
mod turns;

pub use attempts::Attempts;
pub use beginning::remove as remove_beginning;
pub use claim::other_holder;
pub use layout::{check_layout, layout_marker};
pub use named::check_copied;
pub use owner::{Owner, check_owner, owner};
pub use run::run;
pub use selection::before as selected_before;
pub use start::foresee_missed;
pub use tables::{Selection, select_tables};
