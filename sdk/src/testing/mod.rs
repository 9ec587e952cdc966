//! What authors test their connectors with, natively and without a host.
//!
//! [`Driver`] runs a source, and [`Replica`] holds what a destination would hold of its answers. [`sql`] has the questions that every destination on an SQL database has to
//! answer.

// Tests fail loudly, which the lint cannot see.
#![allow(clippy::panic, clippy::unwrap_used)]

mod driver;
mod failure;
mod replica;
pub mod sql;

pub use driver::{Collected, Driver};
pub use failure::assert_failure;
pub use replica::Replica;
