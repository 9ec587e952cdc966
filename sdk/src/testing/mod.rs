//! What authors test their connectors with, natively and without a host.
//!
//! [`Driver`] runs a source, and [`Replica`] holds what a destination would hold of its answers. [`Claimed`] runs a
//! destination. [`set_secret`] and [`logged`] stand in for the host. [`sql`] has the questions that every destination on an
//! SQL database has to answer.

// Tests fail loudly, which the lint cannot see.
#![allow(clippy::panic, clippy::unwrap_used)]

mod claimed;
mod driver;
mod failure;
mod replica;
pub mod sql;

pub use claimed::Claimed;
pub use driver::{Collected, Driver};
pub use failure::assert_failure;
pub use replica::Replica;

#[cfg(not(target_family = "wasm"))]
pub use crate::native::{LogLine, logged, set_secret};
