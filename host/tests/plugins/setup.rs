//! Builds the component and opens it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use cartridge_warp::plugin::{
    Bounds, ConnectSettings, Direction, Engine, EngineSettings, Grants, Limits, Observer, Origin,
    Patience, Plugin, PluginError, ReadLimits, SourceConnection, limits::CPU_WEIGHT,
};
use serde_json::json;

/// The evil component.
pub fn component() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built("evil-source"))
}

/// A component: where `make test` put it, else built here.
pub fn built(name: &str) -> PathBuf {
    if let Some(directory) = std::env::var_os("CARTRIDGE_WARP_TEST_ONLY_PLUGINS") {
        return Path::new(&directory).join(format!("{name}.wasm"));
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--profile", "plugin", "--target", "wasm32-wasip2"])
        .args(["--package", name])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.unwrap().success(), "building {name} failed");
    // …/release/deps/plugins-… → …
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap();
    target.join(format!("wasm32-wasip2/plugin/{}.wasm", name.replace('-', "_")))
}

/// What an observer saw.
#[derive(Default)]
pub struct Seen {
    pub lost: Mutex<Vec<&'static str>>,
    pub suppressed: Mutex<u64>,
    pub counters: Mutex<Vec<String>>,
    pub memory: Mutex<Vec<(u64, u64)>>,
    /// Endpoint, bytes sent, bytes received.
    pub network: Mutex<BTreeMap<String, (u64, u64)>>,
}

impl Observer for Seen {
    fn instance_lost(&self, _origin: Origin<'_>, cause: &'static str) {
        self.lost.lock().unwrap().push(cause);
    }

    fn memory_bytes(&self, _origin: Origin<'_>, instance: u64, bytes: u64) {
        self.memory.lock().unwrap().push((instance, bytes));
    }

    fn counter_add(&self, _origin: Origin<'_>, name: &str, _value: u64) {
        self.counters.lock().unwrap().push(name.to_owned());
    }

    fn network_bytes(&self, _origin: Origin<'_>, endpoint: &str, direction: Direction, bytes: u64) {
        let mut network = self.network.lock().unwrap();
        let counted = network.entry(endpoint.to_owned()).or_default();
        match direction {
            Direction::Sent => counted.0 += bytes,
            Direction::Received => counted.1 += bytes,
        }
    }

    fn log_suppressed(&self, _origin: Origin<'_>, lines: u64) {
        *self.suppressed.lock().unwrap() += lines;
    }
}

/// Somebody reads the log: lines that nobody wants are not counted either.
pub fn log() {
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO);
    // Another test was first.
    let _ = log.with_writer(std::io::sink).try_init();
}

pub async fn plugin(seen: &Arc<Seen>) -> Arc<Plugin> {
    log();
    let observer: Arc<dyn Observer> = seen.clone();
    let settings = EngineSettings {
        cache_dir: Some(cache()),
        observer: Some(observer),
        ..EngineSettings::default()
    };
    let engine = Engine::new(settings).unwrap();
    Plugin::load(&engine, component(), None).await.unwrap()
}

/// Compiled components, for all tests.
pub fn cache() -> PathBuf {
    component().parent().unwrap().join("test-cache")
}

pub fn settings(deed: &str) -> ConnectSettings {
    ConnectSettings {
        connection_string: String::new(),
        options: json!({"deed": deed}),
        settings: Vec::new(),
        grants: Grants::default(),
        limits: Limits {
            memory_max_bytes: 256 << 20,
            call_deadline: Duration::from_secs(3),
            log_lines_per_second: 5,
            message_bytes_max: 8 << 20,
            bounds: Bounds::UNBOUNDED,
            cpu_weight: CPU_WEIGHT,
        },
        patience: Patience::default(),
        label: "test".to_owned(),
    }
}

pub async fn open(plugin: &Arc<Plugin>, deed: &str) -> Result<SourceConnection, PluginError> {
    SourceConnection::open(plugin, settings(deed)).await
}

pub fn limits() -> ReadLimits {
    ReadLimits { rows_max: 1000, bytes_max: 1 << 20, wait: Duration::ZERO }
}
