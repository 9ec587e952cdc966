//! What authors test their connectors with, natively and without a host.
//!
//! [`Driver`] runs a source. [`sql`] has the questions that every destination on an SQL database has to
//! answer.

mod driver;
pub mod sql;

pub use driver::{Collected, Driver};
