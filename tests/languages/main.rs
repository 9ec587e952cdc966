//! Connectors in other languages than Rust: what they are tested against, and the examples, which are one connector
//! in each language: `examples/connectors/README.md`.

#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests are tests, too.

mod batches;
mod builds;
mod encoders;
mod feed;
mod pipelines;
