//! What most commands need first: the configuration, the engine, the plugins.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use miette::Diagnostic;
use tokio_util::sync::CancellationToken;
use tracing::Level;

use super::{CliError, Exit, args::ConfigArgs, output::Output};
use crate::{
    config::{ConfigSources, LogLevel, ProcessLimits, WarpConfig},
    monitor::{Health, Metrics},
    plugin::{Catalog, CompileNotice, Engine, EngineSettings, LoadError, Observer},
    runner::{
        Connectors, Desk, RunError, Surroundings, WarpRunner, compile_limits, process_bounds,
    },
    telemetry::{self, FILTER_VARIABLE, Format, Progress, TelemetrySettings},
};

/// The file that `init` writes and that is looked for when none is named.
pub const DEFAULT_FILE: &str = "cartridge-warp-config.yaml";

/// Loads the configuration; `overrides` are further keys that flags set.
pub fn load(
    args: &ConfigArgs,
    overrides: Vec<(&str, String, &str)>,
) -> Result<Arc<WarpConfig>, CliError> {
    let mut sources = ConfigSources::new().process_env();
    let file = args
        .config
        .clone()
        .or_else(|| Path::new(DEFAULT_FILE).exists().then(|| PathBuf::from(DEFAULT_FILE)));
    if let Some(file) = file {
        sources = sources.file(file);
    }
    for set in &args.set {
        let (key, value) = set.split_once('=').unwrap_or((set, ""));
        sources = sources.set(key, value, format!("--set {key}"));
    }
    for (key, value, flag) in overrides {
        sources = sources.set(key, value, flag);
    }
    WarpConfig::load(sources).map(Arc::new).map_err(CliError::unusable)
}

/// Names of the command line as the value of a key, each as it is: `[a]` is a name there and no list.
pub fn names<S: AsRef<str>>(names: &[S]) -> String {
    let names: Vec<&str> = names.iter().map(S::as_ref).collect();
    serde_json::json!(names).to_string()
}

/// Starts logging the way the configuration and the command line ask for.
pub fn start_logging(config: &WarpConfig, output: Output) -> Result<Progress, CliError> {
    init_logging(log_settings(config, output))
}

/// The log from now on has the level that the configuration asks for.
pub fn set_log_level(config: &WarpConfig, output: Output) -> Result<(), CliError> {
    telemetry::set_level(&log_settings(config, output)).map_err(CliError::unusable)
}

/// The same for a level that somebody asks for while the configuration says another.
pub fn set_level(
    config: &WarpConfig,
    level: LogLevel,
    output: Output,
) -> Result<(), Box<dyn Diagnostic>> {
    let mut asked = config.clone();
    asked.monitoring.log_level = level;
    let settings = log_settings(&asked, output);
    if settings.filter.is_some() {
        return Err(Box::new(Overruled));
    }
    telemetry::set_level(&settings).map_err(|error| Box::new(error) as _)
}

/// The environment says what is logged.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("the log's level is overruled by the variable {FILTER_VARIABLE}")]
#[diagnostic(
    code("log-level-overruled"),
    help("start the run without the variable to change its level while it runs")
)]
struct Overruled;

/// Where little else is logged: what the connectors say, on the level that the configuration asks for. Their
/// authors look here first.
pub fn hear_connectors(config: &WarpConfig, output: Output) -> Result<(), CliError> {
    let settings = TelemetrySettings { level: Level::WARN, ..log_settings(config, output) };
    telemetry::set_level(&settings).map_err(CliError::unusable)
}

fn log_settings(config: &WarpConfig, output: Output) -> TelemetrySettings {
    let level = match config.monitoring.log_level {
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Info => Level::INFO,
        LogLevel::Warning => Level::WARN,
        LogLevel::Error => Level::ERROR,
    };
    let json = output.logs_json(config.monitoring.structured_logging);
    TelemetrySettings::from_environment(level, json)
}

/// Logging for commands without a configuration: warnings only.
pub fn start_quiet_logging(output: Output) -> Result<Progress, CliError> {
    let format = if output.is_json() { Format::Json } else { Format::Human { colour: false } };
    let settings = TelemetrySettings::from_environment(Level::WARN, false);
    init_logging(TelemetrySettings { format, ..settings })
}

fn init_logging(settings: TelemetrySettings) -> Result<Progress, CliError> {
    telemetry::init(&settings).map_err(CliError::unusable)
}

/// The WebAssembly engine; compiled plugins are kept in the state directory, and compiled by another
/// process of this program.
pub fn engine(
    state_dir: Option<&Path>,
    limits: &ProcessLimits,
    observer: Option<Arc<dyn Observer>>,
    progress: &Progress,
) -> Result<Engine, CliError> {
    let state_dir = state_dir.map(Path::to_path_buf).or_else(default_state_dir);
    let cache_dir = state_dir.as_deref().map(compiled_dir);
    let bounds = process_bounds(limits);
    let compiler = std::env::current_exe()
        .map_err(|cause| FileError { doing: "can't find", path: "this program".into(), cause })
        .map_err(CliError::failed)?;
    let settings = EngineSettings {
        cache_dir,
        compiler: Some(compiler),
        compile_limits: compile_limits(&limits.compile),
        compile_notice: Some(Arc::new(Shown(progress.clone()))),
        observer,
        bounds,
        ..EngineSettings::default()
    };
    Engine::new(settings).map_err(CliError::failed)
}

/// The state directory where no configuration names one.
pub fn default_state_dir() -> Option<PathBuf> {
    let named = std::env::var_os("CARTRIDGE_WARP_STATE_DIR").map(PathBuf::from);
    named.or_else(|| std::env::home_dir().map(|home| home.join(".local/state/cartridge-warp")))
}

/// Where compiled connectors are kept, below the state directory.
pub fn compiled_dir(state_dir: &Path) -> PathBuf {
    state_dir.join("compiled")
}

/// Says that something is compiled: a line in the log, and on a terminal a spinner.
struct Shown(Progress);

impl CompileNotice for Shown {
    fn compiling(&self, file: &str, bytes: u64) -> Box<dyn Send> {
        tracing::info!(file, bytes, "compiling a connector, once per version");
        Box::new(self.0.compiling(file, bytes))
    }
}

/// The plugin directory, by the documented order.
pub fn plugin_dir(command_line: Option<PathBuf>) -> Result<PathBuf, LoadError> {
    let environment = std::env::var_os("CARTRIDGE_WARP_PLUGIN_DIR").map(PathBuf::from);
    let beside = std::env::current_exe()
        .and_then(std::fs::canonicalize)
        .ok()
        .and_then(|binary| binary.parent().map(Path::to_path_buf));
    Catalog::search_path(command_line, environment, beside, std::env::home_dir())
}

/// The two plugins of a configuration.
pub async fn connectors(
    config: &WarpConfig,
    engine: &Engine,
    command_line: Option<PathBuf>,
) -> Result<Connectors, CliError> {
    Connectors::find(config, engine, || plugin_dir(command_line)).await.map_err(CliError::unusable)
}

/// The runner of a configuration for commands that look at both sides, or at what is stored.
pub async fn quiet_runner(
    args: &ConfigArgs,
    overrides: Vec<(&str, String, &str)>,
    command_line: Option<PathBuf>,
    output: Output,
) -> Result<WarpRunner, CliError> {
    let config = load(args, overrides)?;
    let progress = start_quiet_logging(output)?;
    runner_of(config, &progress, command_line).await
}

/// The same of a configuration that is loaded, where logging is started.
pub async fn runner_of(
    config: Arc<WarpConfig>,
    progress: &Progress,
    command_line: Option<PathBuf>,
) -> Result<WarpRunner, CliError> {
    let engine = engine(Some(&config.state_dir), &config.limits, None, progress)?;
    let connectors = connectors(&config, &engine, command_line).await?;
    let metrics = Metrics::new("").map_err(CliError::failed)?;
    let health = Health::new(config.active_schemas().map(|schema| schema.name.clone()));
    let stop = CancellationToken::new();
    let desk = Desk::default();
    let surroundings = Surroundings {
        metrics,
        health,
        progress: progress.clone(),
        desk,
        until_caught_up: false,
        standby: false,
        stop,
    };
    WarpRunner::new(config, &connectors, &surroundings).map_err(CliError::unusable)
}

/// The same, with what both sides are granted opened.
pub async fn opened_runner(
    args: &ConfigArgs,
    overrides: Vec<(&str, String, &str)>,
    command_line: Option<PathBuf>,
    output: Output,
) -> Result<WarpRunner, CliError> {
    let runner = quiet_runner(args, overrides, command_line, output).await?;
    runner.open_grants().map_err(CliError::failed)?;
    Ok(runner)
}

/// Tells what came of each schema; the exit code for all of them.
pub fn tell_each<T>(
    results: BTreeMap<String, Result<T, RunError>>,
    output: Output,
    tell: impl Fn(&str, &T),
) -> Exit {
    let mut exit = Exit::Done;
    for (schema, result) in results {
        match result {
            Ok(result) => tell(&schema, &result),
            Err(error) => {
                output.error(&error);
                exit = Exit::Failed;
            }
        }
    }
    exit
}

/// An error of the file system, with what was being done.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{doing} {}", .path.display())]
#[diagnostic(code("file"))]
pub struct FileError {
    pub doing: &'static str,
    pub path: PathBuf,
    #[source]
    pub cause: io::Error,
}
