//! The log of changes, through the trait.

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used)]

mod bed;
mod commits;
mod merging;
mod partitions;
