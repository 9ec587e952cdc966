//! Tests of the whole product: the real binary, real components, real files, real signals.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests, too.

mod bad_input;
mod batches;
mod crash;
mod documents;
mod evolution;
mod examples;
mod grants;
mod journal;
mod keys;
mod lost_position;
mod mongodb;
mod pipeline;
mod postgresql;
mod postgresql_log;
mod postgresql_resync;
mod reaction;
mod replace;
mod sandbox;
mod selection;
mod types;
