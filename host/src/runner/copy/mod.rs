//! Copies tables as they stand.

mod lane;
mod progress;
mod queue;
mod read;
mod sweep;
mod told;
mod turn;

pub use {
    read::{Copied, copy_tables, plan_copies},
    turn::Turn,
};
