//! Asks a component what it is, in a sandbox that reaches nothing and is the same each time.
//!
//! The answer decides what the operator is shown and what the connector gets, so it must not depend
//! on when, where or how often it is asked: equal bytes give equal answers (see `still`). The cache
//! keeps the answer beside the compiled component, under the same seal, and it is not asked again.

use std::{path::Path, sync::Arc};

use tokio::time::timeout;
use wasmtime::Store;

use super::{
    Bounds, Cause, ConnectorInfo, Engine, Limits, LoadError, PluginError, Role, Secrets,
    bindings::source::cartridge::warp::types as wit,
    convert::info::connector_info,
    fault, file_name,
    identity::Identity,
    imports::still,
    info::Answer,
    limits::{DESCRIBE_ANSWER_BYTES_MAX, DESCRIBE_DEADLINE, DESCRIBE_MEMORY_BYTES_MAX},
    network::Network,
    output::log::GuestLog,
    program::Program,
    state::State,
    store::new_store,
};

/// Calls `describe`. The program must be linked by [`linker`].
pub(super) async fn ask(
    engine: &Engine,
    program: &Program,
    context_bytes: u64,
    path: &Path,
) -> Result<Answer, LoadError> {
    let role = program.role();
    let limits = Limits {
        memory_max_bytes: DESCRIBE_MEMORY_BYTES_MAX,
        call_deadline: DESCRIBE_DEADLINE,
        // Its own bound, not the operator's: what connectors use together must not show in an answer.
        bounds: Bounds { memory_bytes_max: DESCRIBE_MEMORY_BYTES_MAX, ..Bounds::UNBOUNDED },
        ..Limits::default()
    };
    let identity = Identity {
        plugin: Arc::from(format!("{} (describe)", file_name::shown(path))),
        role,
        label: Arc::from(""),
        instance: 0,
        observer: Arc::clone(engine.observer()),
    };
    let rate = engine.log_rate(role, &identity.plugin, limits.log_lines_per_second);
    let log = GuestLog::new(identity.clone(), rate);
    let wasi = still::sandbox(&log);
    let account = engine.ledger().account(role, &identity.plugin, limits.bounds);
    let network = Network::new(engine.outside(), &identity, account, Vec::new(), log.clone());
    network.close();
    let mut store = new_store(engine, identity, &limits, log, wasi, network, Secrets::default());
    let reserved = store.data_mut().limiter.reserve(context_bytes);
    reserved.map_err(|cause| unusable(cause, role, path))?;
    store.data_mut().limiter.end_at_refusal();
    store.data_mut().begin_call(DESCRIBE_DEADLINE);
    let called = timeout(DESCRIBE_DEADLINE, Box::pin(call(&mut store, program))).await;
    let late = |_| Err(Cause::Deadline { after: DESCRIBE_DEADLINE, place: store.data().place() });
    called.unwrap_or_else(late).map_err(|cause| unusable(cause, role, path))
}

/// What the connector said, checked.
pub(super) fn read(answer: &Answer, role: Role, path: &Path) -> Result<ConnectorInfo, LoadError> {
    let said: Result<wit::ConnectorInfo, _> = serde_json::from_slice(&answer.0);
    let said = said.map_err(|error| Cause::Malformed(error.to_string()));
    let info = said.and_then(connector_info).and_then(|info| match info.role == role {
        true => Ok(info),
        false => {
            let said = info.role;
            Err(Cause::Malformed(format!("it says it is a {said}, but implements a {role}")))
        }
    });
    info.map_err(|cause| unusable(cause, role, path))
}

fn unusable(cause: Cause, role: Role, path: &Path) -> LoadError {
    let plugin = file_name::shown(path);
    let source = PluginError { plugin, role, call: "describe", cause };
    LoadError::Describe { path: path.to_owned(), source: Box::new(source) }
}

async fn call(store: &mut Store<State>, program: &Program) -> Result<Answer, Cause> {
    let described = match program {
        Program::Source(program) => match program.instantiate(store).await {
            Ok(guest) => guest.world.cartridge_warp_source().call_describe(&mut *store).await,
            Err(error) => Err(error),
        },
        Program::Destination(program) => match program.instantiate(store).await {
            Ok(guest) => guest.world.cartridge_warp_destination().call_describe(&mut *store).await,
            Err(error) => Err(error),
        },
    };
    let described = described.map_err(|error| fault::cause(store, &error))?;
    let words = serde_json::to_vec(&described).map_err(|e| Cause::Malformed(e.to_string()))?;
    if words.len() > DESCRIBE_ANSWER_BYTES_MAX {
        let reason = format!("{} bytes, {DESCRIBE_ANSWER_BYTES_MAX} are allowed", words.len());
        return Err(Cause::Malformed(reason));
    }
    Ok(Answer(words))
}
