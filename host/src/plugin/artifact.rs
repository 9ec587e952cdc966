//! One component file, checked, compiled and described.

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::{
    ConnectorInfo, Engine, Limits, LoadError, LogRate, OptionError, Role,
    bindings::{destination::DestinationConnectorPre, source::SourceConnectorPre},
    describe::describe,
    hex,
    limits::COMPONENT_BYTES_MAX,
    options::OptionsSchema,
    preflight,
    state::State,
};

/// A connector that is ready to be opened any number of times.
pub struct Plugin {
    pub info: ConnectorInfo,
    pub path: PathBuf,
    /// SHA-256 of the file, in hex.
    pub digest: String,
    options: OptionsSchema,
    engine: Engine,
    program: Program,
}

/// Compiled and linked, for one of the two worlds.
pub(super) enum Program {
    Source(SourceConnectorPre<State>),
    Destination(DestinationConnectorPre<State>),
}

impl Program {
    pub(super) fn role(&self) -> Role {
        match self {
            Self::Source(_) => Role::Source,
            Self::Destination(_) => Role::Destination,
        }
    }
}

impl Plugin {
    /// Reads, checks, compiles (or takes from the cache) and describes a file.
    ///
    /// `expected_sha256` is the operator's pin, in hex.
    pub async fn load(
        engine: &Engine,
        path: &Path,
        expected_sha256: Option<&str>,
    ) -> Result<Arc<Self>, LoadError> {
        let pin = expected_sha256.map(str::to_ascii_lowercase);
        let (own_engine, own_path) = (engine.clone(), path.to_owned());
        let prepared =
            tokio::task::spawn_blocking(move || prepare(&own_engine, &own_path, pin.as_deref()));
        let (digest, program) = prepared.await.map_err(|error| LoadError::Compile {
            path: path.to_owned(),
            reason: format!("the compiler failed: {error}"),
        })??;
        let info = describe(engine, &program, path).await?;
        let options = OptionsSchema::compile(&info.options_schema)
            .map_err(|reason| LoadError::OptionsSchema { path: path.to_owned(), reason })?;
        let path = path.to_owned();
        Ok(Arc::new(Self { info, path, digest, options, engine: engine.clone(), program }))
    }

    /// What the connector's schema has against these options; nothing when they are right.
    /// The rate of all that the connector makes the host log, its own lines and the host's about it:
    /// one for all its instances in the process. The limits hold from now on.
    pub fn log_rate(&self, limits: &Limits) -> LogRate {
        self.engine().log_rate(self.info.role, &self.info.name, limits.log_lines_per_second)
    }

    pub fn check_options(&self, options: &serde_json::Value) -> Vec<OptionError> {
        self.options.check(options)
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn program(&self) -> &Program {
        &self.program
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("info", &self.info).field("path", &self.path).finish()
    }
}

/// Everything that blocks: disk and compiler.
fn prepare(
    engine: &Engine,
    path: &Path,
    pin: Option<&str>,
) -> Result<(String, Program), LoadError> {
    let bytes = read(path)?;
    let digest = hex(&Sha256::digest(&bytes));
    if let Some(expected) = pin.filter(|expected| *expected != digest) {
        return Err(LoadError::Digest {
            path: path.to_owned(),
            expected: expected.to_owned(),
            found: digest,
        });
    }
    let role = preflight::check(path, &bytes)?;
    let failed = |error: wasmtime::Error| LoadError::Compile {
        path: path.to_owned(),
        reason: format!("{error:#}"),
    };
    let component = component(engine, &digest, &bytes).map_err(failed)?;
    let linked = engine.linker().instantiate_pre(&component).map_err(failed)?;
    let program = match role {
        Role::Source => Program::Source(SourceConnectorPre::new(linked).map_err(failed)?),
        Role::Destination => {
            Program::Destination(DestinationConnectorPre::new(linked).map_err(failed)?)
        }
    };
    Ok((digest, program))
}

fn component(engine: &Engine, digest: &str, bytes: &[u8]) -> wasmtime::Result<Component> {
    if let Some(cache) = engine.cache()
        && let Some(component) = cache.load(engine.wasmtime(), digest)
    {
        return Ok(component);
    }
    let component = Component::from_binary(engine.wasmtime(), bytes)?;
    if let Some(cache) = engine.cache() {
        cache.store(digest, &component);
    }
    Ok(component)
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let unreadable = |source| LoadError::File { path: path.to_owned(), source };
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let too_large = |bytes| LoadError::TooLarge {
        path: path.to_owned(),
        bytes,
        bytes_max: COMPONENT_BYTES_MAX,
    };
    if length > COMPONENT_BYTES_MAX {
        return Err(too_large(length));
    }
    // The file may grow while it is read.
    let mut bytes = Vec::new();
    file.by_ref().take(COMPONENT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > COMPONENT_BYTES_MAX {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}
