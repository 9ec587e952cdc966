//! What belongs to one Store: its sandbox, its limits and the host's side of its imports.

use std::{collections::BTreeMap, sync::Arc};

use wasmtime::{Store, component::ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::{
    Engine, Limits, Observer, Origin, Role,
    files::{Files, FilesView},
    imports::{log::GuestLog, metrics::OwnMetrics},
    ledger::Account,
    limiter::MemoryLimiter,
    limits::HANDLES_MAX,
    network::{HasVirtualNetwork, Network, NetworkView},
};

/// Who a Store belongs to, for logs and metrics.
#[derive(Clone)]
pub(super) struct Identity {
    pub plugin: Arc<str>,
    pub role: Role,
    pub label: Arc<str>,
    pub instance: u64,
    pub observer: Arc<dyn Observer>,
}

impl Identity {
    pub(super) fn origin(&self) -> Origin<'_> {
        Origin { plugin: &self.plugin, role: self.role, label: &self.label }
    }
}

pub(super) struct State {
    pub(super) identity: Identity,
    pub(super) limiter: MemoryLimiter,
    /// Where everything is charged that the guest makes the host hold.
    pub(super) account: Account,
    pub(super) log: GuestLog,
    pub(super) metrics: OwnMetrics,
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) files: Files,
    pub(super) network: Network,
    wasi: WasiCtx,
    table: ResourceTable,
}

impl State {
    /// Forgets what an earlier call left behind, so that no error is explained by it.
    pub(super) fn begin_call(&mut self) {
        self.limiter.take_refusal();
        self.log.take_last_words();
        self.network.take_last_reason();
        self.files.take_last_reason();
    }

    pub(super) fn files(&mut self) -> FilesView<'_> {
        FilesView { files: &mut self.files, table: &mut self.table }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl HasVirtualNetwork for State {
    fn network(&mut self) -> NetworkView<'_> {
        NetworkView { network: &mut self.network, table: &mut self.table }
    }
}

/// A Store that yields with the epoch and is bound by `limits`.
pub(super) fn new_store(
    engine: &Engine,
    identity: Identity,
    limits: &Limits,
    log: GuestLog,
    wasi: WasiCtx,
    network: Network,
    secrets: BTreeMap<String, String>,
) -> Store<State> {
    let mut table = ResourceTable::new();
    table.set_max_capacity(HANDLES_MAX);
    let account = engine.ledger().account(identity.role, &identity.plugin, limits.bounds);
    let files = Files::new(account.clone(), log.clone());
    let state = State {
        account,
        limiter: MemoryLimiter::new(limits.memory_max_bytes),
        metrics: OwnMetrics::new(identity.clone(), log.clone()),
        identity,
        log,
        secrets,
        files,
        network,
        wasi,
        table,
    };
    let mut store = Store::new(engine.wasmtime(), state);
    store.limiter(|state| &mut state.limiter);
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
    store.set_max_component_handles(HANDLES_MAX);
    let fuel = limits.message_bytes_max.saturating_mul(2).max(super::limits::HOSTCALL_BYTES_MIN);
    store.set_hostcall_fuel(usize::try_from(fuel).unwrap_or(usize::MAX));
    store
}
