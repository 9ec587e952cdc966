//! The host against a component that misbehaves (`tests/evil`): what it survives, and what it says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may fail loudly")]

mod bench;
mod caching;
mod compiling;
mod cpu;
mod describing;
mod evil;
mod ledger;
mod loading;
mod network;
mod setup;
mod smuggled;
mod words;
