//! What a connector reaches over the virtual network, and what it does not (I10).

mod authority;
mod costs;
mod dialling;
mod login;
mod peers;
mod refused;
mod srv;
mod tls;

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use cartridge_warp::{
    model::HostPattern,
    plugin::{
        Answers, Bounds, ConnectSettings, Engine, EngineSettings, Grants, HostGrant, Limits,
        Patience, Plugin, PluginError, Resolver, Service, SourceConnection, SrvGrant,
    },
};
use serde_json::json;

use crate::setup::{self, Seen};

/// What the names begin with that no server answers for.
pub const SILENT: &str = "silent";

/// Answers of DNS, to be changed at will. What it does not know does not exist.
#[derive(Clone, Default)]
pub struct Names(Arc<Mutex<BTreeMap<String, Vec<IpAddr>>>>, Arc<Mutex<Records>>);

/// Records other than addresses.
#[derive(Default)]
struct Records {
    services: BTreeMap<String, Vec<Service>>,
    texts: BTreeMap<String, Vec<String>>,
}

impl Names {
    pub fn set(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.0.lock().unwrap().insert(name.to_owned(), addresses);
    }

    /// The SRV records of a name: places in the order of their priority.
    pub fn set_services(&self, name: &str, places: &[&str]) {
        let service = |(priority, place): (usize, &&str)| {
            let (host, port) = place.rsplit_once(':').unwrap();
            let priority = u16::try_from(priority).unwrap();
            Service { priority, weight: 0, host: host.to_owned(), port: port.parse().unwrap() }
        };
        let services = places.iter().enumerate().map(service).collect();
        self.1.lock().unwrap().services.insert(name.to_owned(), services);
    }

    pub fn set_texts(&self, name: &str, texts: &[&str]) {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        self.1.lock().unwrap().texts.insert(name.to_owned(), texts);
    }
}

impl Resolver for Names {
    fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        if name.starts_with(SILENT) {
            std::thread::sleep(Duration::from_secs(600));
        }
        let found = self.0.lock().unwrap().get(name).cloned();
        found.ok_or_else(|| io::Error::other("no such name"))
    }

    fn services<'a>(&'a self, name: &'a str) -> Answers<'a, Service> {
        let found = self.1.lock().unwrap().services.get(name).cloned().unwrap_or_default();
        Box::pin(async move { Ok(found) })
    }

    fn texts<'a>(&'a self, name: &'a str) -> Answers<'a, String> {
        let found = self.1.lock().unwrap().texts.get(name).cloned().unwrap_or_default();
        Box::pin(async move { Ok(found) })
    }
}

fn component() -> &'static Path {
    static BUILT: OnceLock<std::path::PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| setup::built("network-source"))
}

/// The component, its DNS, and what the host counted.
pub struct Guest {
    pub engine: Engine,
    pub plugin: Arc<Plugin>,
    pub names: Names,
    pub seen: Arc<Seen>,
    pub call_deadline: Duration,
    /// What all instances together may make the host hold.
    pub bounds: Bounds,
}

impl Guest {
    pub async fn new() -> Self {
        let (names, seen) = (Names::default(), Arc::new(Seen::default()));
        let settings = EngineSettings {
            cache_dir: Some(setup::cache()),
            observer: Some(seen.clone()),
            resolver: Some(Arc::new(names.clone())),
            ..EngineSettings::default()
        };
        let engine = Engine::new(settings).unwrap();
        let plugin = Plugin::load(&engine, component(), None).await.unwrap();
        let (call_deadline, bounds) = (Duration::from_secs(30), Bounds::UNBOUNDED);
        Self { engine, plugin, names, seen, call_deadline, bounds }
    }

    /// Does a deed in an instance of its own and hears what came of it.
    pub async fn asks(
        &self,
        deed: &str,
        address: &str,
        bytes: usize,
        hosts: &[HostGrant],
    ) -> String {
        let options = json!({"deed": deed, "address": address, "bytes": bytes});
        match self.tries(options, hosts).await {
            Ok(answer) => answer,
            Err(error) => format!("! {error}"),
        }
    }

    pub async fn tries(
        &self,
        options: serde_json::Value,
        hosts: &[HostGrant],
    ) -> Result<String, PluginError> {
        self.tries_srv(options, hosts, &[]).await
    }

    /// The same with hosts that are found by SRV records.
    pub async fn tries_srv(
        &self,
        options: serde_json::Value,
        hosts: &[HostGrant],
        srv: &[SrvGrant],
    ) -> Result<String, PluginError> {
        let settings = ConnectSettings {
            connection_string: String::new(),
            options,
            settings: Vec::new(),
            grants: Grants { hosts: hosts.to_vec(), srv: srv.to_vec(), ..Grants::default() },
            limits: Limits {
                call_deadline: self.call_deadline,
                bounds: self.bounds,
                ..Limits::default()
            },
            patience: Patience::default(),
            label: "test".to_owned(),
        };
        let source = SourceConnection::open(&self.plugin, settings).await?;
        let tables = source.get_schema("x").await?;
        source.close().await;
        Ok(tables[0].name.clone())
    }
}

pub fn grant(text: &str) -> HostGrant {
    let (host, port) = HostPattern::with_port(text).unwrap();
    HostGrant { key: "test".to_owned(), host, port, tls: None, private: false, login: None }
}
