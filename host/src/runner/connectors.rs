//! Finds the two plugins that a configuration names.

use std::{path::PathBuf, sync::Arc};

use miette::Diagnostic;
use thiserror::Error;

use crate::{
    config::WarpConfig,
    plugin::{Catalog, Engine, LoadError, Plugin, Role},
};

/// The plugins of a pipeline.
#[derive(Clone)]
pub struct Connectors {
    pub source: Arc<Plugin>,
    pub destination: Arc<Plugin>,
}

/// Why a configuration's plugins cannot be used.
#[derive(Debug, Error, Diagnostic)]
pub enum ConnectorError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Load(#[from] LoadError),

    #[error("`{key}.plugin` is {path}, which is the {found}, not the {key} `{wanted}`", path = .path.display())]
    #[diagnostic(code("plugin-mismatch"), help("set `{key}.type` to the connector's own name"))]
    Mismatch { key: &'static str, path: PathBuf, found: String, wanted: String },
}

/// One side of the configuration.
struct Wanted<'a> {
    role: Role,
    name: &'a str,
    plugin: Option<&'a PathBuf>,
    sha256: Option<&'a str>,
}

impl Connectors {
    pub fn both(&self) -> [&Arc<Plugin>; 2] {
        [&self.source, &self.destination]
    }

    /// Finds both, by path where the configuration gives one, else by name in the directory that
    /// `directory` yields; it is read only when needed, and once.
    pub async fn find(
        config: &WarpConfig,
        engine: &Engine,
        directory: impl FnOnce() -> Result<PathBuf, LoadError>,
    ) -> Result<Self, ConnectorError> {
        let source = Wanted {
            role: Role::Source,
            name: &config.source.r#type,
            plugin: config.source.plugin.as_ref(),
            sha256: config.source.sha256.as_deref(),
        };
        let destination = Wanted {
            role: Role::Destination,
            name: &config.destination.r#type,
            plugin: config.destination.plugin.as_ref(),
            sha256: config.destination.sha256.as_deref(),
        };
        let by_name = source.plugin.is_none() || destination.plugin.is_none();
        let catalog =
            if by_name { Some(Catalog::open(engine, &directory()?).await?) } else { None };
        Ok(Self {
            source: source.find(config, engine, catalog.as_ref()).await?,
            destination: destination.find(config, engine, catalog.as_ref()).await?,
        })
    }
}

impl Wanted<'_> {
    async fn find(
        &self,
        config: &WarpConfig,
        engine: &Engine,
        catalog: Option<&Catalog>,
    ) -> Result<Arc<Plugin>, ConnectorError> {
        let path = match (self.plugin, catalog) {
            (Some(path), _) => config.base_dir.join(path),
            (None, Some(catalog)) => {
                let plugin = catalog.find(self.role, self.name)?;
                if self.sha256.is_none() {
                    return Ok(plugin);
                }
                plugin.path.clone()
            }
            (None, None) => return Err(LoadError::NoDirectory { searched: vec![] }.into()),
        };
        let plugin = Plugin::load(engine, &path, self.sha256).await?;
        let info = &plugin.info;
        if info.role != self.role || info.name != self.name {
            return Err(ConnectorError::Mismatch {
                key: self.role.word(),
                path,
                found: format!("{} `{}`", info.role, info.name),
                wanted: self.name.to_owned(),
            });
        }
        Ok(plugin)
    }
}
