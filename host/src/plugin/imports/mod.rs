//! What a guest may call: WASI 0.2, and `cartridge:warp`'s log, metrics and secrets.
//!
//! `wasi:sockets` is the virtual network's, which reaches what was granted and nothing else (I10).
//! `wasi:filesystem` goes through `files`, which stands in front of wasmtime-wasi's. So interfaces are
//! linked one by one: wasmtime-wasi's sockets are not among them.

mod ours;
pub(super) mod still;

use wasmtime::component::{HasData, HasSelf, Linker, ResourceTable};
use wasmtime_wasi::{
    WasiView,
    cli::{WasiCli, WasiCliView},
    clocks::{WasiClocks, WasiClocksView},
    p2::bindings::{cli, clocks, filesystem, io, random},
    random::WasiRandom,
};

use super::{bindings::source::cartridge::warp as host, files::HasFiles, network, state::State};

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
    add_wasi(&mut linker)?;
    network::add_to_linker(&mut linker)?;
    host::types::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    host::log::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    host::metrics::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    host::secrets::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}

/// What streams and waiting need.
struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// Where a guest may wait, it is told that it is there (see `place`).
fn add_wasi(l: &mut Linker<State>) -> wasmtime::Result<()> {
    type S = State;
    io::error::add_to_linker::<S, HasTable>(l, |state| state.ctx().table)?;
    io::poll::add_to_linker::<S, HasTable>(l, |state| state.entering("wasi:io/poll").ctx().table)?;
    io::streams::add_to_linker::<S, HasTable>(l, |state| {
        state.entering("wasi:io/streams").ctx().table
    })?;
    clocks::wall_clock::add_to_linker::<S, WasiClocks>(l, S::clocks)?;
    clocks::monotonic_clock::add_to_linker::<S, WasiClocks>(l, S::clocks)?;
    random::random::add_to_linker::<S, WasiRandom>(l, |state| state.ctx().ctx.random())?;
    random::insecure::add_to_linker::<S, WasiRandom>(l, |state| state.ctx().ctx.random())?;
    random::insecure_seed::add_to_linker::<S, WasiRandom>(l, |state| state.ctx().ctx.random())?;
    filesystem::types::add_to_linker::<S, HasFiles>(l, |state| {
        state.entering("wasi:filesystem/types").files()
    })?;
    filesystem::preopens::add_to_linker::<S, HasFiles>(l, S::files)?;
    cli::environment::add_to_linker::<S, WasiCli>(l, S::cli)?;
    cli::exit::add_to_linker::<S, WasiCli>(l, S::cli)?;
    cli::stdin::add_to_linker::<S, WasiCli>(l, S::cli)?;
    cli::stdout::add_to_linker::<S, WasiCli>(l, S::cli)?;
    cli::stderr::add_to_linker::<S, WasiCli>(l, S::cli)?;
    cli::terminal_input::add_to_linker::<S, WasiCli>(l, S::cli)?;
    cli::terminal_output::add_to_linker::<S, WasiCli>(l, S::cli)?;
    cli::terminal_stdin::add_to_linker::<S, WasiCli>(l, S::cli)?;
    cli::terminal_stdout::add_to_linker::<S, WasiCli>(l, S::cli)?;
    cli::terminal_stderr::add_to_linker::<S, WasiCli>(l, S::cli)
}
