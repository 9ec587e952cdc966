//! Runs the steps that make a [`WarpConfig`], and gathers their problems.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::WarpConfig;
use super::checks::check;
use super::decode::decode;
use super::document::Document;
use super::error::{Code, ConfigError, Problem};
use super::keys::Node;
use super::known::review;
use super::layers::Layers;
use super::locate::locate;
use super::path::KeyPath;
use super::variables::{Override, apply_environment, apply_overrides};

/// Where a configuration comes from.
///
/// ```
/// use cartridge_warp::config::{ConfigSources, WarpConfig};
/// let sources = ConfigSources::new()
///     .env([("CARTRIDGE_WARP_SOURCE__TYPE", "files")])
///     .set("mode", "multi", "--mode");
/// let error = WarpConfig::load(sources).unwrap_err();
/// assert!(error.problems().iter().any(|p| p.to_string().contains("destination")));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ConfigSources {
    file: Option<PathBuf>,
    environment: BTreeMap<String, String>,
    overrides: Vec<Override>,
}

impl ConfigSources {
    /// Nothing yet: every value at its default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads this file.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Adds variables: `CARTRIDGE_WARP_…` set keys, and all of them stand behind `${NAME}`.
    #[must_use]
    pub fn env<K: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.environment.extend(variables.into_iter().map(|(k, v)| (k.into(), v.into())));
        self
    }

    /// Adds the variables of this process; those that are not UTF-8 can't be named here anyway.
    #[must_use]
    pub fn process_env(self) -> Self {
        let pairs = std::env::vars_os();
        self.env(pairs.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))))
    }

    /// Sets a key from the command line; `flag` is what the person typed.
    #[must_use]
    pub fn set(
        mut self,
        key: impl Into<String>,
        value: impl Into<String>,
        flag: impl Into<String>,
    ) -> Self {
        let (key, value, flag) = (key.into(), value.into(), flag.into());
        self.overrides.push(Override { key, value, flag });
        self
    }
}

impl WarpConfig {
    /// Loads and checks a configuration. From then on the process keeps its secrets out of logs and
    /// errors.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem that was found.
    pub fn load(sources: ConfigSources) -> Result<Self, ConfigError> {
        let ConfigSources { file, environment, overrides } = sources;
        let mut problems = Vec::new();
        let mut layers = match &file {
            Some(path) => {
                let (document, values) = Document::read(path)?;
                Layers::from_file(Node::root(), document, values, &environment, &mut problems)
            }
            None => Layers::empty(),
        };
        apply_environment(&mut layers, &environment, &mut problems);
        apply_overrides(&mut layers, &overrides, &mut problems);
        let base = base_dir(file.as_deref().and_then(Path::parent))?;
        let home = environment.get("HOME").map(String::as_str);
        let mut config = finish(layers, problems, &base, home)?;
        config.file = file.and_then(|file| Some(base.join(file.file_name()?)));
        config.learn_secrets();
        Ok(config)
    }

    /// Checks a configuration that is in memory, in the form of the file. `base` is where relative
    /// paths start.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem that was found.
    pub fn from_value(value: Value, base: &Path) -> Result<Self, ConfigError> {
        let home = std::env::var("HOME").ok();
        finish(Layers::from_program(value), Vec::new(), &base_dir(Some(base))?, home.as_deref())
    }
}

/// From layered values to a checked configuration.
fn finish(
    mut layers: Layers,
    mut problems: Vec<Problem>,
    base: &Path,
    home: Option<&str>,
) -> Result<WarpConfig, ConfigError> {
    review(&mut layers, &mut problems);
    let typed = decode(&layers, &mut problems);
    let Some(config) = typed else {
        return Err(ConfigError::refused(problems));
    };
    complete(config, &layers, problems, base, home)
}

/// The last steps, shared with the builder: paths, checks, origins.
pub(super) fn complete(
    mut config: WarpConfig,
    layers: &Layers,
    mut problems: Vec<Problem>,
    base: &Path,
    home: Option<&str>,
) -> Result<WarpConfig, ConfigError> {
    if let Err(homeless) = locate(&mut config, base, home) {
        let path = KeyPath::default().key("state_dir");
        let help = "set `state_dir`, or the variable CARTRIDGE_WARP_STATE_DIR".to_owned();
        let message = homeless.to_string();
        problems.push(layers.problem(Code::InvalidValue, &path, message, help));
    }
    config.known_hash_key = super::hash_key::find(&config, layers, &mut problems);
    problems.extend(check(&config, layers));
    ConfigError::unless_empty(problems)?;
    config.provenance = layers.provenance.clone();
    Ok(config)
}

/// The absolute form of the directory relative paths start at.
pub(super) fn base_dir(directory: Option<&Path>) -> Result<PathBuf, ConfigError> {
    let directory = directory.filter(|path| !path.as_os_str().is_empty());
    std::path::absolute(directory.unwrap_or(Path::new("."))).map_err(|error| {
        let message = format!("the directory of the configuration can't be told: {error}");
        let help = "run the command in a directory that exists".to_owned();
        ConfigError::from(Problem::of_program(Code::Unreadable, message, help))
    })
}

/// The text `init` writes: every common key with its meaning, valid as it stands.
#[must_use]
pub fn template() -> &'static str {
    include_str!("template.yaml")
}
