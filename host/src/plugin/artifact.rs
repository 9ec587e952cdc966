use super::{ConnectorInfo, Engine, LoadError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One option that the connector's schema refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionError {
    /// Dotted path below `options`; empty for the whole.
    pub path: String,
    pub message: String,
}

pub struct Plugin {
    pub info: ConnectorInfo,
    pub path: PathBuf,
    /// SHA-256 of the file, in hex.
    pub digest: String,
}

impl Plugin {
    #[allow(clippy::unused_async)]
    pub async fn load(
        engine: &Engine,
        path: &Path,
        expected_sha256: Option<&str>,
    ) -> Result<Arc<Self>, LoadError> {
        let _ = (engine, path, expected_sha256);
        Err(LoadError::Engine { reason: "unfinished".to_owned() })
    }

    pub fn check_options(&self, options: &serde_json::Value) -> Vec<OptionError> {
        let _ = options;
        Vec::new()
    }
}
