//! The host against a component that misbehaves (`tests/evil`): what it survives, and what it says.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests, too.

mod bench;
mod evil;
mod loading;
mod setup;
