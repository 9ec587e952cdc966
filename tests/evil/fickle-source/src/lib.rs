//! A source whose answer to `describe` depends on whatever it can find that differs between two runs.
//!
//! `describe` takes no options, so a test chooses what it does by changing [`DEED`] in the file. It
//! speaks the contract's raw bindings; natively it is empty.

#[cfg(target_family = "wasm")]
mod describe;
#[cfg(target_family = "wasm")]
mod source;

/// What `describe` does; a test writes another word of the same length over `fickle  `.
#[cfg(target_family = "wasm")]
pub(crate) static DEED: [u8; 16] = *b"deed: =fickle  =";
