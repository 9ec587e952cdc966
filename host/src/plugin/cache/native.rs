//! The one step that turns bytes from disk into running code.

use wasmtime::component::Component;

/// Makes a component of bytes that [`super::Cache`] has checked: written by us, unaltered.
///
/// From memory and not from the file, so that nobody can change the bytes after the check.
#[allow(
    unsafe_code,
    reason = "wasmtime can't verify native code; the caller's checks stand for it"
)]
pub(super) fn deserialize(engine: &wasmtime::Engine, bytes: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes came from `Component::serialize` of this program: they were read from a file
    // and a directory that only this user can write, and have the digest under which they were
    // stored. wasmtime itself refuses other versions and settings.
    unsafe { Component::deserialize(engine, bytes) }
}
