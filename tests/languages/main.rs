//! Connectors in other languages than Rust: what they are tested against, and the examples.

#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests are tests, too.

mod batches;
