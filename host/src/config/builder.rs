//! A configuration made by a program, with the same checks as a file.

use std::path::PathBuf;

use super::error::{Code, ConfigError, Problem};
use super::known::review;
use super::layers::Layers;
use super::load::{base_dir, complete};
use super::settings::default_state_dir;
use super::{
    CommitAt, Control, DestinationConfig, ErrorHandling, Mode, Monitoring, Patterns, ProcessLimits,
    Resync, SchemaConfig, SchemaEvolution, SourceConfig, Standby, Verification, WarpConfig,
};

type Edit = Box<dyn FnOnce(&mut WarpConfig)>;

/// Collects a configuration; see [`WarpConfig::builder`].
#[derive(Default)]
#[must_use]
pub struct Builder {
    source: Option<SourceConfig>,
    destination: Option<DestinationConfig>,
    base_dir: Option<PathBuf>,
    edits: Vec<Edit>,
}

impl WarpConfig {
    /// Begins a configuration in code.
    ///
    /// ```
    /// use cartridge_warp::config::{
    ///     DestinationConfig, SchemaConfig, SourceConfig, TableConfig, WarpConfig,
    /// };
    /// let config = WarpConfig::builder()
    ///     .source(SourceConfig::new("files", "./data"))
    ///     .destination(DestinationConfig::new("sqlite", "./warehouse.db"))
    ///     .schema(SchemaConfig::new("shop").table(TableConfig::new("orders")))
    ///     .single("shop")
    ///     .edit(|config| config.dry_run = true)
    ///     .build()?;
    /// assert!(config.dry_run && config.selects_table("shop", "orders"));
    /// # Ok::<(), cartridge_warp::config::ConfigError>(())
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Where changes are read.
    pub fn source(mut self, source: SourceConfig) -> Self {
        self.source = Some(source);
        self
    }

    /// Where changes are written.
    pub fn destination(mut self, destination: DestinationConfig) -> Self {
        self.destination = Some(destination);
        self
    }

    /// Adds a schema.
    pub fn schema(self, schema: SchemaConfig) -> Self {
        self.edit(move |config| config.schemas.push(schema))
    }

    /// Moves this one schema only.
    pub fn single(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.edit(move |config| {
            config.mode = Mode::Single;
            config.single_schema_name = Some(name);
        })
    }

    /// Moves every schema.
    pub fn multi(self) -> Self {
        self.edit(|config| config.mode = Mode::Multi)
    }

    /// Changes anything else; edits run in the order they were given.
    pub fn edit(mut self, edit: impl FnOnce(&mut WarpConfig) + 'static) -> Self {
        self.edits.push(Box::new(edit));
        self
    }

    /// Where relative paths start; without it, the working directory.
    pub fn base_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.base_dir = Some(directory.into());
        self
    }

    /// Checks it all.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem that was found.
    pub fn build(self) -> Result<WarpConfig, ConfigError> {
        let base = base_dir(self.base_dir.as_deref())?;
        let config = self.unchecked()?;
        let mut layers = Layers::from_typed(serde_json::to_value(&config).unwrap_or_default());
        let mut problems = Vec::new();
        review(&mut layers, &mut problems);
        let home = std::env::var("HOME").ok();
        complete(config, &layers, problems, &base, home.as_deref())
    }

    /// What was collected, as it is.
    pub(super) fn unchecked(self) -> Result<WarpConfig, ConfigError> {
        let absent = |key: &str| {
            let message = format!("the key `{key}` is missing");
            let help = format!("call `{key}(…)` before `build()`");
            Problem::of_program(Code::MissingKey, message, help)
        };
        let source = self.source.ok_or_else(|| absent("source"))?;
        let destination = self.destination.ok_or_else(|| absent("destination"))?;
        let mut config = WarpConfig {
            name: None,
            mode: Mode::default(),
            single_schema_name: None,
            source,
            destination,
            schemas: Vec::new(),
            global_max_parallel_streams: None,
            global_table_whitelist: Patterns::default(),
            global_table_blacklist: Patterns::default(),
            commit_at: CommitAt::default(),
            hash_key: None,
            hash_key_file: None,
            known_hash_key: None,
            dry_run: false,
            full_resync: Resync::None,
            monitoring: Monitoring::default(),
            control: Control::default(),
            standby: Standby::default(),
            verify: Verification::default(),
            error_handling: ErrorHandling::default(),
            schema_evolution: SchemaEvolution::default(),
            limits: ProcessLimits::default(),
            state_dir: default_state_dir(),
            base_dir: PathBuf::new(),
            file: None,
            provenance: super::origin::Provenance::default(),
        };
        for edit in self.edits {
            edit(&mut config);
        }
        Ok(config)
    }
}
