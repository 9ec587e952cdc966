//! Change data capture whose connectors are sandboxed WebAssembly components.
//!
//! The library behind the `cartridge-warp` binary. The way of the data is
//! `config → plugin (source) → runner → plugin (destination)`; see ARCHITECTURE.md for the layers
//! and the numbered invariants that the code cites.

pub mod cli;
pub mod config;
pub mod control;
pub mod kit;
pub mod model;
pub mod monitor;
pub mod plugin;
pub mod runner;
pub mod schema;
pub mod serving;
pub mod telemetry;
