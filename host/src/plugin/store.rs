//! A Store with its sandbox and its limits.

use std::{sync::Arc, time::Instant};

use wasmtime::{Store, StoreContextMut, UpdateDeadline, WasmBacktrace};
use wasmtime_wasi::WasiCtx;

use super::{
    Engine, Limits, Role, Secrets,
    identity::Identity,
    limits::{HANDLES_MAX, HOSTCALL_BYTES_MIN},
    network::Network,
    output::log::GuestLog,
    state::State,
};

/// A Store that yields with the epoch and is bound by `limits`.
pub(super) fn new_store(
    engine: &Engine,
    identity: Identity,
    limits: &Limits,
    log: GuestLog,
    wasi: WasiCtx,
    network: Network,
    secrets: Secrets,
) -> Store<State> {
    let account = engine.ledger().account(identity.role, &identity.plugin, limits.bounds);
    let state = State::new(identity, account, limits, log, wasi, network, secrets);
    let mut store = Store::new(engine.wasmtime(), state);
    store.limiter(|state| &mut state.limiter);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|context| Ok(at_tick(context)));
    store.set_max_component_handles(HANDLES_MAX);
    let fuel = limits.message_bytes_max.saturating_mul(2).max(HOSTCALL_BYTES_MIN);
    store.set_hostcall_fuel(usize::try_from(fuel).unwrap_or(usize::MAX));
    store
}

/// What a computing guest does at each tick of the epoch: it yields to its deadline, and waits when it
/// is not its turn.
fn at_tick(context: StoreContextMut<'_, State>) -> UpdateDeadline {
    let state = context.data();
    if state.whereabouts.is_time_to_look(Instant::now()) {
        state.whereabouts.computes(&WasmBacktrace::force_capture(&context));
    }
    state.count_cpu();
    match &state.share {
        // A destination works off what its source brings, and holds locks of what schemas share: its
        // use counts, and the source waits for it.
        Some(share) if state.identity.role == Role::Source && !share.may_run() => {
            UpdateDeadline::YieldCustom(1, Box::pin(Arc::clone(share).turn()))
        }
        _ => UpdateDeadline::Yield(1),
    }
}
