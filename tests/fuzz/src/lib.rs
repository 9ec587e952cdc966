//! What the fuzz targets share.
//!
//! A target gives libFuzzer's bytes to one reader of guests' words and asserts what the host relies
//! on: no panic, no memory out of proportion, and nothing through that is not what it claims to be.

pub mod answers;
pub mod batches;
pub mod memory;
pub mod reading;
pub mod seeds;
pub mod tables;
