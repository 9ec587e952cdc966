//! What the tests, the demo and the benchmarks of the whole product share.
//!
//! Everything here drives the real binary from outside, the way an operator does.

#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on says so and ends.

pub mod browser;
pub mod databases;
pub mod lake;
pub mod patience;
pub mod pipeline;
pub mod product;
pub mod rows;
pub mod session;
pub mod shop;

pub use browser::{Browser, control};
pub use databases::{Databases, Workload};
pub use lake::lake_rows;
pub use patience::wait_until;
pub use pipeline::Pipeline;
pub use product::{Ended, Product, Running};
pub use session::Session;
pub use shop::Shop;
