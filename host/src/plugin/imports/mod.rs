//! What a guest may call: WASI 0.2 without network, and `cartridge:warp`'s log, metrics and secrets.
//!
//! The interfaces of `wasi:sockets` exist, because standard libraries import them without use, but
//! every address, name and protocol is denied (I10).

pub(super) mod log;
pub(super) mod metrics;
mod secrets;
pub(super) mod stdio;

use wasmtime::component::{HasSelf, Linker};

use super::{bindings::source::cartridge::warp as host, state::State};

/// Interfaces of ours that a component may import.
pub(super) const OURS: [&str; 4] = ["log", "metrics", "secrets", "types"];

/// Interfaces of WASI 0.2 that a component may import.
pub(super) const WASI: [&str; 27] = [
    "cli/environment",
    "cli/exit",
    "cli/stderr",
    "cli/stdin",
    "cli/stdout",
    "cli/terminal-input",
    "cli/terminal-output",
    "cli/terminal-stderr",
    "cli/terminal-stdin",
    "cli/terminal-stdout",
    "clocks/monotonic-clock",
    "clocks/wall-clock",
    "filesystem/preopens",
    "filesystem/types",
    "io/error",
    "io/poll",
    "io/streams",
    "random/insecure",
    "random/insecure-seed",
    "random/random",
    "sockets/instance-network",
    "sockets/ip-name-lookup",
    "sockets/network",
    "sockets/tcp",
    "sockets/tcp-create-socket",
    "sockets/udp",
    "sockets/udp-create-socket",
];

pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    host::types::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    host::log::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    host::metrics::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    host::secrets::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}

impl host::types::Host for State {}
