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
use crate::model::{Action, Failure};
use crate::plugin::{
    Cause, ConnectSettings, GrantError, Plugin,
    bindings::source::cartridge::warp::types::ConnectConfig,
    cpu::watched,
    identity::Identity,
    merge_hosts,
    network::{Network, discover},
    output::log::GuestLog,
    place::Whereabouts,
    store::new_store,
    wasi,
};

pub(super) async fn open<P: Protocol>(
    plugin: &Plugin,
    settings: ConnectSettings,
    whereabouts: Arc<Whereabouts>,
) -> Result<Instance<P>, Cause> {
    settings.learn_secrets();
    let ConnectSettings {
        connection_string,
        options,
        mut settings,
        grants,
        limits,
        label,
        patience: _,
    } = settings;
    let identity = Identity {
        plugin: Arc::from(plugin.info.name.as_str()),
        role: P::ROLE,
        label: label.into(),
        instance: next_instance(),
        observer: Arc::clone(plugin.engine().observer()),
    };
    let log = GuestLog::new(identity.clone(), plugin.log_rate(&limits));
    let context = wasi::granted(&log, &grants.environment);
    let found = discover(plugin.engine().outside().resolver.as_ref(), &grants.srv).await;
    let found = found.map_err(|failure| Cause::Failure(Box::new(failure)))?;
    let hosts = merge_hosts(found.hosts, grants.hosts).map_err(unmergeable)?;
    settings.extend(found.settings);
    let engine = plugin.engine();
    let account = engine.ledger().account(P::ROLE, &identity.plugin, limits.bounds);
    let network = Network::new(engine.outside(), &identity, account, hosts, log.clone());
    let mut store = new_store(engine, identity, &limits, log, context, network, grants.secrets);
    let state = store.data_mut();
    state.limiter.reserve(plugin.context_bytes())?;
    state.files.limit_growth(grants.written);
    let paths = wasi::grant_paths(&mut state.files, &grants.places);
    let paths = paths.map_err(|failure| Cause::Failure(Box::new(failure)))?;
    let since = state.files.exclusive_since_ms();
    if let Some(since) = since {
        settings.push(("exclusive_since_ms".to_owned(), since.to_string()));
        let deadline = limits.call_deadline.as_millis().to_string();
        settings.push(("call_deadline_ms".to_owned(), deadline));
    }
    let config = ConnectConfig { connection_string, options: options.to_string(), settings, paths };
    let share = engine.shares().join(&state.identity.label, limits.cpu_weight);
    state.whereabouts = whereabouts;
    state.share = Some(Arc::clone(&share));
    state.begin_call(limits.call_deadline);
    let started = Instant::now();
    let connected = P::connect(&mut store, plugin.program(), config);
    let connected = timeout(limits.call_deadline, watched(share, connected)).await;
    let after = limits.call_deadline;
    let late = |_| Err(Cause::Deadline { after, place: store.data().place() });
    let connected = connected.unwrap_or_else(late);
    observe(store.data(), "connect", started, connected.as_ref().err());
    match connected {
        Ok(guest) => Ok(Instance { store, guest }),
        Err(cause) => {
            let identity = &store.data().identity;
            if cause.is_fatal() {
                identity.observer.instance_lost(identity.origin(), cause.kind());
            }
            identity.observer.memory_bytes(identity.origin(), identity.instance, 0);
            drop(store.into_data());
            Err(cause)
        }
    }
}

/// Hosts that were looked up may be at odds with those that the operator granted.
fn unmergeable(error: GrantError) -> Cause {
    Cause::Failure(Box::new(Failure {
        action: Action::Config,
        code: "grant".to_owned(),
        message: error.to_string(),
        detail: None,
        retry_after: None,
        tables: Vec::new(),
    }))
}

/// Tells instances apart in the observer's eyes.
fn next_instance() -> u64 {
    static INSTANCES: AtomicU64 = AtomicU64::new(1);
    INSTANCES.fetch_add(1, Ordering::Relaxed)
}
