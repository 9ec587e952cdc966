//! Tests of the whole product: the real binary, real components, real files, real signals.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests, too.

mod apart;
mod bad_input;
mod batches;
mod check;
mod crash;
mod document;
mod documents;
mod evolution;
mod examples;
mod files;
mod globs;
mod grants;
mod hostile;
mod journal;
mod keys;
mod lost_position;
mod mongodb;
mod owner;
mod pipeline;
mod places;
mod postgresql;
mod postgresql_edges;
mod postgresql_failover;
mod postgresql_keys;
mod postgresql_log;
mod postgresql_partitions;
mod postgresql_publication;
mod postgresql_resync;
mod postgresql_settings;
mod postgresql_shapes;
mod postgresql_waits;
mod quota;
mod reaction;
mod replace;
mod rules;
mod sandbox;
mod secretless;
mod secrets;
mod selection;
mod transactions;
mod types;
mod words;
