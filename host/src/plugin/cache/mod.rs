//! Compiled components on disk, so that a start takes milliseconds instead of seconds.
//!
//! A compiled component is native code: running a foreign one would hand over the process. So a file
//! counts only if the directory and the file are ours alone, and if its bytes have the digest that
//! its name carries. Whatever is wrong with the cache, the answer is to compile; it never fails a
//! load. Concurrent processes are safe: files appear whole, by rename, and never change.

mod directory;
mod native;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::hex;

/// Compiled components kept; the oldest go first.
const FILES_MAX: usize = 128;
const SUFFIX: &str = "cwasm";

pub(super) struct Cache {
    directory: PathBuf,
    /// Covers wasmtime's version and every setting that changes compiled code.
    engine: u64,
}

impl Cache {
    pub(super) fn new(directory: PathBuf, engine: &wasmtime::Engine) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self { directory, engine: hasher.finish() }
    }

    /// The compiled form of the component with this digest, if there is a trustworthy one.
    pub(super) fn load(&self, engine: &wasmtime::Engine, digest: &str) -> Option<Component> {
        let owner = directory::prepare(&self.directory).map_err(|e| self.unusable(&e)).ok()?;
        let prefix = self.prefix(digest);
        let path = directory::files(&self.directory, SUFFIX).find(|path| starts(path, &prefix))?;
        let bytes = match directory::read(&path, owner) {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "ignoring a compiled component");
                return None;
            }
        };
        let name = path.file_name()?.to_str()?;
        if name != self.name(digest, &bytes) {
            tracing::warn!(path = %path.display(), "a compiled component was altered; compiling again");
            directory::remove(&path);
            return None;
        }
        match native::deserialize(engine, &bytes) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::debug!(path = %path.display(), "can't use a compiled component: {error:#}");
                directory::remove(&path);
                None
            }
        }
    }

    /// Keeps a compiled component. Failing to is no reason to fail a load.
    pub(super) fn store(&self, digest: &str, component: &Component) {
        let stored =
            component.serialize().map_err(|error| format!("{error:#}")).and_then(|bytes| {
                directory::prepare(&self.directory).map_err(|error| error.to_string())?;
                let path = self.directory.join(self.name(digest, &bytes));
                directory::write(&path, &bytes).map_err(|error| error.to_string())
            });
        match stored {
            Ok(()) => directory::prune(&self.directory, SUFFIX, FILES_MAX),
            Err(reason) => self.unusable(&reason),
        }
    }

    fn prefix(&self, digest: &str) -> String {
        format!("{digest}-{:016x}-", self.engine)
    }

    /// Content-addressed on both sides: by the component's digest and by the compiled bytes' own.
    fn name(&self, digest: &str, bytes: &[u8]) -> String {
        format!("{}{}.{SUFFIX}", self.prefix(digest), hex(&Sha256::digest(bytes)))
    }

    fn unusable(&self, reason: &dyn std::fmt::Display) {
        let directory = self.directory.display();
        tracing::warn!(%directory, "the compile cache is not used: {reason}");
    }
}

fn starts(path: &Path, prefix: &str) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix))
}
