//! The WebAssembly engine: one configuration for compiling and running, one ticker.
//!
//! The ticker moves the epoch, so that a guest that never returns yields to the deadline of its
//! call. It ends with the engine.

use std::{
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use wasmtime::component::Linker;

use super::{
    Bounds, CompileLimits, CompileNotice, Ledger, LoadError, LogRate, Observer, Resolver, Role,
    cache::Cache,
    compile::Compiler,
    configuration::configuration,
    cpu::Shares,
    imports,
    log_rate::LogRates,
    network::{self, Outside},
    observer::Unwatched,
    state::State,
    threads::Threads,
};

/// How often a busy guest yields.
const TICK: Duration = Duration::from_millis(10);

/// What an engine is built with.
#[derive(Clone, Default)]
pub struct EngineSettings {
    /// Where compiled components are kept; none compiles anew each time. The key that proves them
    /// ours lies beside it, as `NAME.key`: no plugin may be granted either.
    pub cache_dir: Option<PathBuf>,
    /// The program that compiles components within `compile_limits`: one whose `main` begins with
    /// [`compiler_process`](super::compiler_process). Without one this process compiles, and nothing
    /// bounds what a component makes it use.
    pub compiler: Option<PathBuf>,
    pub compile_limits: CompileLimits,
    /// Hears when something is compiled.
    pub compile_notice: Option<Arc<dyn CompileNotice>>,
    pub observer: Option<Arc<dyn Observer>>,
    /// How granted names become addresses; none is the system's way.
    pub resolver: Option<Arc<dyn Resolver>>,
    /// What all plugins of the process together may make it hold.
    pub bounds: Bounds,
}

/// Compiles and runs components. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    wasmtime: wasmtime::Engine,
    linker: Linker<State>,
    /// For components that are asked what they are.
    still_linker: Linker<State>,
    compiler: Compiler,
    cache: Option<Cache>,
    observer: Arc<dyn Observer>,
    outside: Arc<Outside>,
    ledger: Ledger,
    log_rates: LogRates,
    shares: Shares,
    /// Of sources and of destinations, so that who looks at the process can tell them apart.
    threads: [Threads; 2],
    /// Dropped with the engine, which ends the ticker.
    _ticker: mpsc::Sender<()>,
}

impl Engine {
    pub fn new(settings: EngineSettings) -> Result<Self, LoadError> {
        let wasmtime = wasmtime::Engine::new(&configuration()).map_err(no_engine)?;
        let linker = imports::linker(&wasmtime).map_err(no_engine)?;
        let still_linker = imports::still::linker(&linker).map_err(no_engine)?;
        let ticker = start_ticker(&wasmtime)
            .map_err(|error| LoadError::Engine { reason: error.to_string() })?;
        let cache = settings.cache_dir.map(|directory| Cache::new(directory, &wasmtime));
        let observer = settings.observer.unwrap_or_else(|| Arc::new(Unwatched));
        let resolver = settings.resolver.unwrap_or_else(|| Arc::new(network::System::default()));
        let outside = Arc::new(Outside::new(resolver));
        let compiler = Compiler {
            program: settings.compiler,
            limits: settings.compile_limits,
            notice: settings.compile_notice,
        };
        let ledger = Ledger::new(settings.bounds);
        let shares = Shares::new(thread::available_parallelism().map_or(1, usize::from));
        let log_rates = LogRates::default();
        Ok(Self {
            inner: Arc::new(Inner {
                wasmtime,
                linker,
                still_linker,
                compiler,
                cache,
                observer,
                outside,
                ledger,
                log_rates,
                shares,
                threads: [Role::Source, Role::Destination]
                    .map(|role| Threads::new(format!("{}-guests", role.word()))),
                _ticker: ticker,
            }),
        })
    }

    pub(super) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner.wasmtime
    }

    pub(super) fn linker(&self) -> &Linker<State> {
        &self.inner.linker
    }

    pub(super) fn still_linker(&self) -> &Linker<State> {
        &self.inner.still_linker
    }

    pub(super) fn compiler(&self) -> &Compiler {
        &self.inner.compiler
    }

    pub(super) fn cache(&self) -> Option<&Cache> {
        self.inner.cache.as_ref()
    }

    pub(super) fn outside(&self) -> &Arc<Outside> {
        &self.inner.outside
    }

    pub(super) fn observer(&self) -> &Arc<dyn Observer> {
        &self.inner.observer
    }

    /// The rate of what a plugin makes the host log; it holds for all its instances.
    pub(super) fn log_rate(&self, role: Role, plugin: &str, lines_per_second: u32) -> LogRate {
        self.inner.log_rates.of(role, plugin, lines_per_second, &self.inner.observer)
    }

    /// Tells of lines that were counted instead of printed: the last thing that a command does.
    pub fn tell_of_suppressed_lines(&self) {
        self.inner.log_rates.tell();
    }

    pub(super) fn shares(&self) -> &Shares {
        &self.inner.shares
    }

    /// What the connections of a role run on.
    pub(super) fn threads(&self, role: Role) -> &Threads {
        let [of_sources, of_destinations] = &self.inner.threads;
        match role {
            Role::Source => of_sources,
            Role::Destination => of_destinations,
        }
    }

    /// What plugins make this process hold.
    pub fn ledger(&self) -> &Ledger {
        &self.inner.ledger
    }
}

fn no_engine(error: wasmtime::Error) -> LoadError {
    LoadError::Engine { reason: format!("{error:#}") }
}

fn start_ticker(engine: &wasmtime::Engine) -> std::io::Result<mpsc::Sender<()>> {
    let (alive, stop) = mpsc::channel();
    let engine = engine.weak();
    thread::Builder::new().name("plugin-epochs".to_owned()).spawn(move || {
        while stop.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
        }
    })?;
    Ok(alive)
}
