//! One component file, checked, compiled and described.

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use wasmtime::component::{Component, Linker};

use super::{
    ConnectorInfo, Engine, Limits, LoadError, LogRate, OptionError, Role, cache, describe, hex,
    info::Answer,
    limits::COMPONENT_BYTES_MAX,
    options::OptionsSchema,
    preflight::{self, Looked},
    program::{DestinationProgram, Program, SourceProgram},
    state::State,
    weight::Weight,
};
use crate::model::open_regular;

/// A connector that is ready to be opened any number of times.
pub struct Plugin {
    pub info: ConnectorInfo,
    pub path: PathBuf,
    /// SHA-256 of the file, in hex.
    pub digest: String,
    /// Interfaces that it needs.
    pub imports: Vec<String>,
    /// Interfaces that it offers.
    pub exports: Vec<String>,
    pub weight: Weight,
    options: OptionsSchema,
    engine: Engine,
    program: Program,
}

impl Plugin {
    /// Reads, checks, compiles and describes a file, or takes the latter two from the cache.
    ///
    /// `expected_sha256` is the operator's pin, in hex; bytes with another digest are not even
    /// parsed. Dropping the future ends a compilation that is under way.
    ///
    /// # Errors
    /// [`LoadError`] says what is wrong with the file, or which limit it reached.
    pub async fn load(
        engine: &Engine,
        path: &Path,
        expected_sha256: Option<&str>,
    ) -> Result<Arc<Self>, LoadError> {
        let pin = expected_sha256.map(str::to_ascii_lowercase);
        let own = path.to_owned();
        let file = blocking(path, move || File::read(own, pin.as_deref())).await?;
        let (digest, file_bytes) = (file.digest.clone(), file.bytes.len() as u64);
        let Looked { role, imports, exports, memory_bytes, context_bytes } = file.looked.clone();
        let (component, answer, compiled_in) = ready(engine, file).await?;
        let weight = Weight { file_bytes, memory_bytes, context_bytes, compiled_in };
        let info = describe::read(&answer, role, path)?;
        let options = OptionsSchema::compile(&info.options_schema)
            .map_err(|reason| LoadError::OptionsSchema { path: path.to_owned(), reason })?;
        let program = link(engine.linker(), &component, role, path)?;
        let path = path.to_owned();
        let engine = engine.clone();
        Ok(Arc::new(Self {
            info,
            path,
            digest,
            imports,
            exports,
            weight,
            options,
            engine,
            program,
        }))
    }

    /// The rate of all that the connector makes the host log, its own lines and the host's about it:
    /// one for all its instances in the process. The limits hold from now on.
    pub fn log_rate(&self, limits: &Limits) -> LogRate {
        self.engine().log_rate(self.info.role, &self.info.name, limits.log_lines_per_second)
    }

    /// Whether it is in the compile cache, so that the next process need not compile it.
    pub fn is_kept(&self) -> bool {
        self.engine.cache().is_some_and(|cache| cache.holds(&self.digest))
    }

    /// What the connector's schema has against these options; nothing when they are right.
    pub fn check_options(&self, options: &serde_json::Value) -> Vec<OptionError> {
        self.options.check(options)
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What each instance costs before it has any memory.
    pub(super) fn context_bytes(&self) -> u64 {
        self.weight.context_bytes
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

/// A component file as it was read, once; nothing looks at the path again.
struct File {
    path: PathBuf,
    digest: String,
    looked: Looked,
    bytes: Vec<u8>,
}

impl File {
    fn read(path: PathBuf, pin: Option<&str>) -> Result<Self, LoadError> {
        let bytes = read(&path)?;
        let digest = hex(&Sha256::digest(&bytes));
        if let Some(expected) = pin.filter(|expected| *expected != digest) {
            let expected = expected.to_owned();
            return Err(LoadError::Digest { path, expected, found: digest });
        }
        let looked = preflight::check(&path, &bytes)?;
        Ok(Self { path, digest, looked, bytes })
    }
}

/// Code and answer, from the cache or by compiling, which took so long, and asking.
async fn ready(
    engine: &Engine,
    file: File,
) -> Result<(Component, Answer, Option<Duration>), LoadError> {
    let File { path, digest, looked, bytes } = file;
    let role = looked.role;
    let (own, key) = (engine.clone(), digest.clone());
    let kept =
        blocking(&path, move || Ok(own.cache().and_then(|cache| cache.load(own.wasmtime(), &key))));
    if let Some((component, answer)) = kept.await? {
        return Ok((component, answer, None));
    }
    let start = Instant::now();
    let image = engine.compiler().compile(engine.wasmtime(), &path, bytes).await?;
    let compiled_in = start.elapsed();
    let own = engine.clone();
    let (image, component) = blocking(&path, move || {
        let component = cache::deserialize(own.wasmtime(), &image);
        Ok((image, component))
    })
    .await?;
    let component = component.map_err(failed(&path))?;
    let still = link(engine.still_linker(), &component, role, &path)?;
    let answer = describe::ask(engine, &still, looked.context_bytes, &path).await?;
    // Only what can be used is kept.
    describe::read(&answer, role, &path)?;
    let own = engine.clone();
    let answer = blocking(&path, move || {
        if let Some(cache) = own.cache() {
            cache.store(&digest, &image, &answer);
        }
        Ok(answer)
    });
    Ok((component, answer.await?, Some(compiled_in)))
}

fn link(
    linker: &Linker<State>,
    component: &Component,
    role: Role,
    path: &Path,
) -> Result<Program, LoadError> {
    let linked = linker.instantiate_pre(component).map_err(failed(path))?;
    Ok(match role {
        Role::Source => Program::Source(SourceProgram::of(linked).map_err(failed(path))?),
        Role::Destination => {
            Program::Destination(DestinationProgram::of(linked).map_err(failed(path))?)
        }
    })
}

fn failed(path: &Path) -> impl Fn(wasmtime::Error) -> LoadError {
    move |error| LoadError::Compile { path: path.to_owned(), reason: format!("{error:#}") }
}

/// Runs what waits for the disk or computes for long where it holds up nobody.
async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(LoadError::Compile { path: path.to_owned(), reason: error.to_string() })
    })
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let unreadable = |source| LoadError::File { path: path.to_owned(), source };
    let mut file = open_regular(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let too_large = |bytes| LoadError::TooLarge {
        path: path.to_owned(),
        what: "WebAssembly",
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
