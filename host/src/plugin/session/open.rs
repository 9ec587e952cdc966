//! From settings to a connected instance.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use tokio::time::timeout;

use super::{Instance, Protocol, observe};
use crate::plugin::{
    Cause, ConnectSettings, Plugin,
    bindings::source::cartridge::warp::types::ConnectConfig,
    imports::log::GuestLog,
    network::Network,
    state::{Identity, new_store},
    wasi,
};

pub(super) async fn open<P: Protocol>(
    plugin: &Plugin,
    settings: ConnectSettings,
) -> Result<Instance<P>, Cause> {
    let ConnectSettings { connection_string, options, mut settings, grants, limits, label } =
        settings;
    let identity = Identity {
        plugin: Arc::from(plugin.info.name.as_str()),
        role: P::ROLE,
        label: label.into(),
        instance: next_instance(),
        observer: Arc::clone(plugin.engine().observer()),
    };
    let log = GuestLog::new(identity.clone(), limits.log_lines_per_second);
    let sandbox = wasi::granted(&log, &grants).map_err(|f| Cause::Failure(Box::new(f)))?;
    let wasi::Sandbox { context, paths, holds } = sandbox;
    let since = holds.iter().map(|hold| hold.since_ms()).max();
    settings.extend(since.map(|since| ("exclusive_since_ms".to_owned(), since.to_string())));
    let config = ConnectConfig { connection_string, options: options.to_string(), settings, paths };
    let engine = plugin.engine();
    let network = Network::new(&identity, grants.hosts, Arc::clone(engine.resolver()));
    let mut store = new_store(engine, identity, &limits, log, context, network, grants.secrets);
    store.data_mut().holds = holds;
    let started = Instant::now();
    let connected = P::connect(&mut store, plugin.program(), config);
    let connected = timeout(limits.call_deadline, connected).await;
    let connected = connected.unwrap_or(Err(Cause::Deadline(limits.call_deadline)));
    observe(store.data(), "connect", started, connected.as_ref().err());
    match connected {
        Ok(guest) => Ok(Instance { store, guest }),
        Err(cause) => {
            let identity = &store.data().identity;
            if cause.is_fatal() {
                identity.observer.instance_lost(identity.origin(), cause.kind());
            }
            identity.observer.memory_bytes(identity.origin(), identity.instance, 0);
            Err(cause)
        }
    }
}

/// Tells instances apart in the observer's eyes.
fn next_instance() -> u64 {
    static INSTANCES: AtomicU64 = AtomicU64::new(1);
    INSTANCES.fetch_add(1, Ordering::Relaxed)
}
