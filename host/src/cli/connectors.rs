//! `connectors`: what lies in the plugin directory.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    CliError, Exit,
    args::{ConfigArgs, ConnectorsCommand},
    compile, conformance, described, grants, new,
    output::Output,
    setup,
};
use crate::{
    config::ProcessLimits,
    plugin::{Catalog, Engine, Plugin, Role},
    runner::endpoint_of,
};

pub async fn run(
    command: ConnectorsCommand,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    match command {
        ConnectorsCommand::List => list(&engine(output)?, plugin_dir, output).await,
        ConnectorsCommand::Inspect { name, config } => {
            let found = inspect(&engine(output)?, plugin_dir, &name).await?;
            for plugin in &found {
                described::show(plugin, output);
            }
            if let Some(file) = config {
                show_grants(file, &found, output)?;
            }
            Ok(Exit::Done)
        }
        ConnectorsCommand::New(args) => new::run(&args, output),
        ConnectorsCommand::Compile(args) => compile::run(args, plugin_dir, output).await,
        ConnectorsCommand::Test(args) => conformance::run(args, output).await,
    }
}

/// Without a configuration; what is compiled is kept where a run looks for it by default.
fn engine(output: Output) -> Result<Engine, CliError> {
    let progress = setup::start_quiet_logging(output)?;
    setup::engine(None, &ProcessLimits::default(), None, &progress)
}

async fn list(
    engine: &Engine,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let directory = setup::plugin_dir(plugin_dir).map_err(CliError::unusable)?;
    let catalog = Catalog::open(&directory).map_err(CliError::unusable)?;
    let entries = catalog.load_all(engine).await;
    let mut exit = Exit::Done;
    for entry in &entries {
        match &entry.plugin {
            Ok(plugin) => show_line(plugin, output),
            Err(error) => {
                output.error(error);
                exit = Exit::Failed;
            }
        }
    }
    if entries.is_empty() && !output.is_json() {
        output.line(&format!("no components in {}", directory.display()));
    }
    Ok(exit)
}

fn show_line(plugin: &Plugin, output: Output) {
    let info = &plugin.info;
    if output.is_json() {
        output.json(&described::as_json(plugin));
    } else {
        let (name, role, version) = (&info.name, info.role.word(), &info.version);
        output.line(&format!("{role:<12} {name:<16} {version:<8} {}", info.description));
    }
}

async fn inspect(
    engine: &Engine,
    plugin_dir: Option<PathBuf>,
    name: &str,
) -> Result<Vec<Arc<Plugin>>, CliError> {
    if name.ends_with(".wasm") || name.contains('/') {
        let plugin =
            Plugin::load(engine, Path::new(name), None).await.map_err(CliError::unusable)?;
        return Ok(vec![plugin]);
    }
    let directory = setup::plugin_dir(plugin_dir).map_err(CliError::unusable)?;
    let catalog = Catalog::open(&directory).map_err(CliError::unusable)?;
    catalog.load_named(engine, name).await.map_err(CliError::unusable)
}

/// What a configuration would grant, for the sides that name one of these connectors. A connector
/// that was named by the path of its component is looked at as if the configuration named it so.
fn show_grants(file: PathBuf, found: &[Arc<Plugin>], output: Output) -> Result<(), CliError> {
    let args = ConfigArgs { config: Some(file), set: Vec::new() };
    let config = setup::load(&args, Vec::new())?;
    for plugin in found {
        let (section, wanted) = match plugin.info.role {
            Role::Source => ("source", &config.source.r#type),
            Role::Destination => ("destination", &config.destination.r#type),
        };
        if *wanted != plugin.info.name {
            if !output.is_json() {
                output.line(&format!("this configuration's {section} is `{wanted}`"));
            }
            continue;
        }
        let endpoint = endpoint_of(&config, plugin).map_err(CliError::unusable)?;
        grants::show(&endpoint, output);
    }
    Ok(())
}
