//! A WASI in which nothing happens: what a component can learn is the same in every run.
//!
//! Time stands still but for a step at each look, so that whoever waits for it to pass comes to an
//! end; sleeping is over at once. Random bytes are always the same ones. There is no environment, no
//! file, and no socket, whose number would tell what other connectors do. Memory ends a component
//! that wants too much instead of telling it (`limiter`). What is left that differs between runs is
//! how long a computation takes, and only the deadline sees that.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use sha2::{Digest, Sha256};
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtx,
    clocks::{WasiClocksCtxView, WasiClocksView},
    p2::{DynPollable, bindings::clocks::monotonic_clock},
    random::Deterministic,
};

use crate::plugin::{limits::DESCRIBE_RANDOM_BYTES_MAX, output::log::GuestLog, state::State, wasi};

/// The first second of 2026: no clock of a build would be later than a test's.
const NOW: Duration = Duration::from_secs(1_767_225_600);
/// How far time goes on when somebody looks.
const STEP_NANOS: u64 = 1_000_000;
/// Random bytes before they begin again.
const RANDOM_BLOCKS: u32 = 256;

/// The host's imports, with time that stands still.
pub(in crate::plugin) fn linker(usual: &Linker<State>) -> wasmtime::Result<Linker<State>> {
    let mut linker = usual.clone();
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<State, HasStillClock>(&mut linker, |state| {
        StillClock(state.clocks())
    })?;
    Ok(linker)
}

/// A context that is the same each time.
pub(in crate::plugin) fn sandbox(log: &GuestLog) -> WasiCtx {
    let mut builder = wasi::builder(log);
    builder
        .wall_clock(Still)
        .monotonic_clock(Steps(AtomicU64::new(0)))
        .secure_random(random(b"secure"))
        .insecure_random(random(b"insecure"))
        .insecure_random_seed(0)
        .max_random_size(DESCRIBE_RANDOM_BYTES_MAX);
    builder.build()
}

/// Bytes without a pattern that a generator or a hash would trip over.
fn random(kind: &[u8]) -> Deterministic {
    let block = |n: u32| Sha256::new().chain_update(kind).chain_update(n.to_le_bytes()).finalize();
    Deterministic::new((0..RANDOM_BLOCKS).flat_map(block).collect())
}

struct Still;

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(STEP_NANOS)
    }

    fn now(&self) -> Duration {
        NOW
    }
}

struct Steps(AtomicU64);

impl HostMonotonicClock for Steps {
    fn resolution(&self) -> u64 {
        STEP_NANOS
    }

    fn now(&self) -> u64 {
        self.0.fetch_add(STEP_NANOS, Ordering::Relaxed)
    }
}

struct HasStillClock;

impl HasData for HasStillClock {
    type Data<'a> = StillClock<'a>;
}

/// Timers that are over at once: real ones would tell how long something took.
struct StillClock<'a>(WasiClocksCtxView<'a>);

impl monotonic_clock::Host for StillClock<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.0.now()
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        self.0.resolution()
    }

    fn subscribe_instant(&mut self, _when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.0.subscribe_duration(0)
    }

    fn subscribe_duration(&mut self, _duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.0.subscribe_duration(0)
    }
}
