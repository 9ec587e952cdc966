//! Tests of the whole product: the real binary, real components, real files, real signals.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests, too.

mod bad_input;
mod batches;
mod crash;
mod evolution;
mod journal;
mod keys;
mod mongodb;
mod pipeline;
mod postgresql;
mod reaction;
mod sandbox;
