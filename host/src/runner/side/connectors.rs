//! Finds the two plugins that a configuration names.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use miette::Diagnostic;
use thiserror::Error;

use crate::{
    config::{SecretSource, WarpConfig},
    plugin::{Catalog, Engine, LoadError, Plugin, Role, SecretPlace, Secrets},
};

/// The plugins of a pipeline.
#[derive(Clone)]
pub struct Connectors {
    pub source: Arc<Plugin>,
    pub destination: Arc<Plugin>,
    /// What the operator granted each side, read when it is asked for.
    pub source_secrets: Secrets,
    pub destination_secrets: Secrets,
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
    /// `directory` yields; it is listed only when needed, and once. No other file is opened.
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
        let catalog = if by_name { Some(Catalog::open(&directory()?)?) } else { None };
        Ok(Self {
            source: source.find(config, engine, catalog.as_ref()).await?,
            destination: destination.find(config, engine, catalog.as_ref()).await?,
            source_secrets: secrets(&config.source.grants.secrets, &config.base_dir),
            destination_secrets: secrets(&config.destination.grants.secrets, &config.base_dir),
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
                return Ok(catalog.load(engine, self.role, self.name, self.sha256).await?);
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

/// The places of granted secrets.
pub fn secrets(granted: &BTreeMap<String, SecretSource>, base_dir: &Path) -> Secrets {
    let place = |(name, source): (&String, &SecretSource)| {
        let place = match source {
            SecretSource::Env(variable) => SecretPlace::Env(variable.clone()),
            SecretSource::File(path) => SecretPlace::File(path.clone()),
            SecretSource::Command { command, ttl } => {
                let mut words = command.iter().cloned();
                SecretPlace::Command {
                    program: words.next().unwrap_or_default().into(),
                    arguments: words.collect(),
                    directory: base_dir.to_owned(),
                    ttl: ttl.duration(),
                }
            }
        };
        (name.clone(), place)
    };
    Secrets::new(granted.iter().map(place))
}
