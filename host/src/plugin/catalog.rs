use super::{Engine, LoadError, Plugin, Role};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub struct Entry {
    pub path: PathBuf,
    pub plugin: Result<Arc<Plugin>, LoadError>,
}

pub struct Catalog {
    entries: Vec<Entry>,
}

impl Catalog {
    /// The first of the places that exists: `--plugin-dir`, CARTRIDGE_WARP_PLUGIN_DIR, `plugins/`
    /// beside the binary, and the user's own.
    pub fn search_path(
        command_line: Option<PathBuf>,
        environment: Option<PathBuf>,
        beside_binary: Option<PathBuf>,
        home: Option<PathBuf>,
    ) -> Result<PathBuf, LoadError> {
        let _ = (command_line, environment, beside_binary, home);
        Err(LoadError::NoDirectory { searched: Vec::new() })
    }

    #[allow(clippy::unused_async)]
    pub async fn open(engine: &Engine, directory: &Path) -> Result<Self, LoadError> {
        let _ = (engine, directory);
        Ok(Self { entries: Vec::new() })
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn find(&self, role: Role, name: &str) -> Result<Arc<Plugin>, LoadError> {
        Err(LoadError::Unknown {
            role,
            name: name.to_owned(),
            available: Vec::new(),
            advice: String::new(),
        })
    }
}
