use super::{LoadError, Observer};
use std::{path::PathBuf, sync::Arc};

#[derive(Clone, Default)]
pub struct EngineSettings {
    /// Where compiled components are kept; none compiles anew each time.
    pub cache_dir: Option<PathBuf>,
    pub observer: Option<Arc<dyn Observer>>,
}
#[derive(Clone)]
pub struct Engine {}
impl Engine {
    pub fn new(settings: EngineSettings) -> Result<Self, LoadError> {
        let _ = settings;
        Ok(Self {})
    }
}
