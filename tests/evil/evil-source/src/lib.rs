//! A source that misbehaves as its options tell it: what the host must survive.
//!
//! It speaks the contract's raw bindings, since the SDK would keep it from most of this. Natively it
//! is empty.

#[cfg(target_family = "wasm")]
mod answers;
#[cfg(target_family = "wasm")]
mod costs;
#[cfg(target_family = "wasm")]
mod deeds;
#[cfg(target_family = "wasm")]
mod flood;
#[cfg(target_family = "wasm")]
mod source;
#[cfg(target_family = "wasm")]
mod words;
