//! The one step that turns bytes into running code.

use wasmtime::component::Component;

/// Makes a component of an image that our compiler just made, or that [`super::Cache`] has checked.
///
/// From memory and not from a file, so that nobody can change the bytes after the check: wasmtime
/// copies them into memory of its own, and keeps the data of guests' memories in anonymous files.
#[allow(
    unsafe_code,
    reason = "wasmtime can't verify native code; the caller's checks stand for it"
)]
pub(in crate::plugin) fn deserialize(
    engine: &wasmtime::Engine,
    image: &[u8],
) -> wasmtime::Result<Component> {
    // SAFETY: the bytes came from `Engine::precompile_component` of this program: straight from the
    // compiler's process, or from an entry whose seal only this program can make. wasmtime itself
    // refuses other versions and settings.
    unsafe { Component::deserialize(engine, image) }
}
