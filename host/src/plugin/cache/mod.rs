//! Compiled components on disk, so that a start takes milliseconds instead of seconds.
//!
//! A compiled component is native code: running a foreign one would hand over the process. So a file
//! counts only if it is sealed (`seal`) by a key that lies beside the directory, in a file that only
//! we can read. It is read once, into memory, and what runs is a copy of what was checked. Whatever is
//! wrong with the cache, the answer is to compile; it never fails a load. Concurrent processes are
//! safe: files appear whole, by rename, and never change.

mod native;
mod place;
mod seal;

use std::{
    ffi::OsString,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Error},
    path::{Path, PathBuf},
    sync::{Once, OnceLock},
};

use wasmtime::component::Component;

use super::{
    info::Answer,
    limits::{COMPILED_BYTES_MAX, DESCRIBE_ANSWER_BYTES_MAX},
};
pub(super) use native::deserialize;
use place::{Place, Readers};
use seal::{Content, Key, Subject};

/// Compiled components kept; the oldest go first.
const FILES_MAX: usize = 128;
const SUFFIX: &str = ".cwasm";
/// Room for a seal beside the largest image and the largest answer.
const ENTRY_BYTES_MAX: u64 = COMPILED_BYTES_MAX + DESCRIBE_ANSWER_BYTES_MAX as u64 + 64;

pub(super) struct Cache {
    directory: PathBuf,
    /// Covers wasmtime's version and every setting that changes compiled code.
    engine: u64,
    opened: OnceLock<Option<Opened>>,
    complained: Once,
}

struct Opened {
    entries: Place,
    key: Key,
}

impl Cache {
    pub(super) fn new(directory: PathBuf, engine: &wasmtime::Engine) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let engine = hasher.finish();
        Self { directory, engine, opened: OnceLock::new(), complained: Once::new() }
    }

    /// The compiled form of the component with this digest and what it said it is, if they are kept.
    pub(super) fn load(
        &self,
        engine: &wasmtime::Engine,
        digest: &str,
    ) -> Option<(Component, Answer)> {
        let opened = self.opened()?;
        let name = self.name(digest);
        let entry = match opened.entries.read(&name, Readers::Anybody, ENTRY_BYTES_MAX) {
            Ok(entry) => entry?,
            Err(error) => {
                tracing::warn!(name, %error, "ignoring a compiled component");
                opened.entries.remove(&name);
                return None;
            }
        };
        let Some(content) = opened.key.open(self.subject(digest), &entry) else {
            tracing::warn!(
                name,
                "a compiled component is not ours, or was altered; compiling again"
            );
            opened.entries.remove(&name);
            return None;
        };
        match native::deserialize(engine, content.image) {
            Ok(component) => Some((component, Answer(content.answer.to_vec()))),
            Err(error) => {
                tracing::debug!(name, "can't use a compiled component: {error:#}");
                opened.entries.remove(&name);
                None
            }
        }
    }

    /// Whether the component with this digest is kept, as [`load`](Self::load) would have it.
    pub(super) fn holds(&self, digest: &str) -> bool {
        let Some(opened) = self.opened() else { return false };
        let entry = opened.entries.read(&self.name(digest), Readers::Anybody, ENTRY_BYTES_MAX);
        let entry = entry.ok().flatten();
        entry.is_some_and(|entry| opened.key.open(self.subject(digest), &entry).is_some())
    }

    /// Keeps a compiled component. Failing to is no reason to fail a load.
    pub(super) fn store(&self, digest: &str, image: &[u8], answer: &Answer) {
        let Some(opened) = self.opened() else { return };
        let content = Content { answer: &answer.0, image };
        let head = opened.key.head(self.subject(digest), &content);
        let stored = opened
            .entries
            .write(&self.name(digest), &[&head, content.answer, content.image])
            .and_then(|()| opened.entries.prune(SUFFIX, FILES_MAX));
        if let Err(error) = stored {
            self.complain(&error);
        }
    }

    fn opened(&self) -> Option<&Opened> {
        let open = || self.open().map_err(|error| self.complain(&error)).ok();
        self.opened.get_or_init(open).as_ref()
    }

    fn open(&self) -> io::Result<Opened> {
        let name = self.directory.file_name().ok_or_else(|| Error::other("it has no name"))?;
        let above = self.directory.parent().filter(|above| !above.as_os_str().is_empty());
        let outside = Place::open(above.unwrap_or(Path::new(".")))?;
        let mut key: OsString = name.to_owned();
        key.push(".key");
        let key = key.to_str().ok_or_else(|| Error::other("its name is not Unicode"))?;
        let key = Key::of(&outside, key)
            .map_err(|error| Error::other(format!("its key beside it ({key}): {error}")))?;
        Ok(Opened { entries: outside.inside(Path::new(name))?, key })
    }

    fn subject<'a>(&self, digest: &'a str) -> Subject<'a> {
        Subject { engine: self.engine, digest }
    }

    fn name(&self, digest: &str) -> String {
        format!("{digest}-{:016x}{SUFFIX}", self.engine)
    }

    /// Once: it is the same each time.
    fn complain(&self, error: &io::Error) {
        self.complained.call_once(|| {
            let directory = self.directory.display();
            tracing::warn!(
                %directory,
                "the compile cache is not used: {error}; connectors are compiled at each start. Make the \
                 directory writable, or fill it by `cartridge-warp connectors compile -c FILE` first"
            );
        });
    }
}
