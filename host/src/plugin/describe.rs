//! Asks a component what it is, in a sandbox that reaches nothing.

use std::{path::Path, sync::Arc};

use tokio::time::timeout;
use wasmtime::Store;

use super::{
    Cause, ConnectorInfo, Engine, Limits, LoadError, PluginError, Role, Secrets,
    artifact::Program,
    convert::info::connector_info,
    imports::log::GuestLog,
    limits::{DESCRIBE_DEADLINE, DESCRIBE_MEMORY_BYTES_MAX},
    network::Network,
    session::fault,
    state::{Identity, State, new_store},
    wasi,
};

pub(super) async fn describe(
    engine: &Engine,
    program: &Program,
    path: &Path,
) -> Result<ConnectorInfo, LoadError> {
    let role = program.role();
    let name: Arc<str> = path
        .file_stem()
        .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
        .into();
    let limits = Limits {
        memory_max_bytes: DESCRIBE_MEMORY_BYTES_MAX,
        call_deadline: DESCRIBE_DEADLINE,
        ..Limits::default()
    };
    let observer = Arc::clone(engine.observer());
    let identity =
        Identity { plugin: Arc::clone(&name), role, label: Arc::from(""), instance: 0, observer };
    let log =
        GuestLog::new(identity.clone(), engine.log_rate(role, &name, limits.log_lines_per_second));
    let wasi = wasi::empty(&log);
    let network = Network::new(&identity, Vec::new(), Arc::clone(engine.resolver()), log.clone());
    let mut store = new_store(engine, identity, &limits, log, wasi, network, Secrets::default());
    store.data_mut().begin_call(DESCRIBE_DEADLINE);
    let called = timeout(DESCRIBE_DEADLINE, Box::pin(call(&mut store, program, role))).await;
    let late = |_| Err(Cause::Deadline { after: DESCRIBE_DEADLINE, place: store.data().place() });
    called.unwrap_or_else(late).map_err(|cause| {
        let source = PluginError { plugin: name.to_string(), role, call: "describe", cause };
        LoadError::Describe { path: path.to_owned(), source: Box::new(source) }
    })
}

async fn call(
    store: &mut Store<State>,
    program: &Program,
    role: Role,
) -> Result<ConnectorInfo, Cause> {
    let described = match program {
        Program::Source(program) => match program.instantiate_async(&mut *store).await {
            Ok(guest) => guest.cartridge_warp_source().call_describe(&mut *store).await,
            Err(error) => Err(error),
        },
        Program::Destination(program) => match program.instantiate_async(&mut *store).await {
            Ok(guest) => guest.cartridge_warp_destination().call_describe(&mut *store).await,
            Err(error) => Err(error),
        },
    };
    let described = described.map_err(|error| fault::cause(store, &error))?;
    let info = connector_info(described)?;
    if info.role != role {
        return Err(Cause::Malformed(format!(
            "it says it is a {}, but implements a {role}",
            info.role
        )));
    }
    Ok(info)
}
