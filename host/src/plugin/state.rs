//! What belongs to one Store: its sandbox, its limits and the host's side of its imports.

use std::{sync::Arc, time::Duration};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::{
    Limits, Place, Resource, Secrets,
    cpu::Member,
    files::{Files, FilesView},
    identity::Identity,
    ledger::Account,
    limiter::MemoryLimiter,
    limits::HANDLES_MAX,
    network::{HasVirtualNetwork, Network, NetworkView},
    output::{log::GuestLog, metrics::OwnMetrics},
    place::Whereabouts,
};

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
    pub(super) fn new(
        identity: Identity,
        account: Account,
        limits: &Limits,
        log: GuestLog,
        wasi: WasiCtx,
        network: Network,
        secrets: Secrets,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES_MAX);
        let files = Files::new(account.clone(), log.clone());
        Self {
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
        }
    }

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
