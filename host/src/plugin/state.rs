//! What belongs to one Store: its sandbox, its limits and the host's side of its imports.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use wasmtime::{Store, StoreContextMut, UpdateDeadline, WasmBacktrace, component::ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::{
    Engine, Limits, Observer, Origin, Place, Resource, Role, Secrets,
    cpu::Member,
    files::{Files, FilesView},
    imports::{log::GuestLog, metrics::OwnMetrics},
    ledger::Account,
    limiter::MemoryLimiter,
    limits::HANDLES_MAX,
    network::{HasVirtualNetwork, Network, NetworkView},
    place::Whereabouts,
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
    pub(super) secrets: Secrets,
    pub(super) files: Files,
    pub(super) network: Network,
    pub(super) whereabouts: Arc<Whereabouts>,
    /// Its share of the CPU, and its thread's clock; none while it only describes itself.
    pub(super) share: Option<Arc<Member>>,
    wasi: WasiCtx,
    table: ResourceTable,
}

impl State {
    /// Forgets what an earlier call left behind, so that no error is explained by it.
    pub(super) fn begin_call(&mut self, deadline: Duration) {
        self.whereabouts.begin_call(deadline);
        self.limiter.take_refusal();
        self.log.take_last_words();
        self.network.take_last_reason();
        self.files.take_last_reason();
    }

    pub(super) fn files(&mut self) -> FilesView<'_> {
        FilesView { files: &mut self.files, table: &mut self.table }
    }

    /// Remembers which import is called.
    pub(super) fn entering(&mut self, import: &'static str) -> &mut Self {
        self.whereabouts.entered(import);
        self
    }

    /// Where the guest is, or was last.
    pub(super) fn place(&self) -> Place {
        Place::new([self.whereabouts.place(), self.log.last_lines()])
    }

    /// Tells what the guest used of the CPU since the last call of this.
    pub(super) fn count_cpu(&self) {
        if let Some(share) = &self.share {
            self.identity.observer.cpu(self.identity.origin(), share.count());
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl HasVirtualNetwork for State {
    fn network(&mut self) -> NetworkView<'_> {
        self.entering("wasi:sockets");
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
    secrets: Secrets,
) -> Store<State> {
    let mut table = ResourceTable::new();
    table.set_max_capacity(HANDLES_MAX);
    let account = engine.ledger().account(identity.role, &identity.plugin, limits.bounds);
    let files = Files::new(account.clone(), log.clone());
    let state = State {
        limiter: MemoryLimiter::new(limits.memory_max_bytes, account.nothing(Resource::Memory)),
        account,
        metrics: OwnMetrics::new(identity.clone(), log.clone()),
        identity,
        log,
        secrets,
        files,
        network,
        whereabouts: Arc::default(),
        share: None,
        wasi,
        table,
    };
    let mut store = Store::new(engine.wasmtime(), state);
    store.limiter(|state| &mut state.limiter);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|context| Ok(at_tick(context)));
    store.set_max_component_handles(HANDLES_MAX);
    let fuel = limits.message_bytes_max.saturating_mul(2).max(super::limits::HOSTCALL_BYTES_MIN);
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
        Some(share) if !share.may_run() => {
            UpdateDeadline::YieldCustom(1, Box::pin(Arc::clone(share).turn()))
        }
        _ => UpdateDeadline::Yield(1),
    }
}
