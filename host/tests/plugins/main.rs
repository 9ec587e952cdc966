//! The host against a component that misbehaves (`tests/evil`): what it survives, and what it says.

mod bench;
mod evil;
mod loading;
mod setup;
