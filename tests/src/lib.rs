//! What the tests, the demo and the benchmarks of the whole product share.
//!
//! Everything here drives the real binary from outside, the way an operator does.

pub mod pipeline;
pub mod product;
pub mod rows;
pub mod shop;

pub use pipeline::Pipeline;
pub use product::{Ended, Product, Running};
pub use shop::Shop;
