//! `connectors compile`: what a configuration names, or all that is there, is compiled before it is run.
//!
//! For images whose processes may not write to their state directory, and for starts that should not
//! take the time.

use std::{path::PathBuf, sync::Arc};

use super::{
    CliError, Exit,
    args::{CompileArgs, ConfigArgs},
    output::Output,
    setup,
};
use crate::{
    config::ProcessLimits,
    plugin::{Catalog, Plugin},
};

/// Compiled, and nowhere kept: the next start would compile again.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("`{name}` was compiled, and could not be kept in {}", .directory.display())]
#[diagnostic(
    code("not-kept"),
    help(
        "the warning before says why; name a directory that is yours and that you can write to as \
         `state_dir`, or in CARTRIDGE_WARP_STATE_DIR"
    )
)]
struct NotKept {
    name: String,
    directory: PathBuf,
}

pub async fn run(
    args: CompileArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let (plugins, state_dir) = match args.all {
        true => all(plugin_dir, output).await?,
        false => named(&args.config, plugin_dir, output).await?,
    };
    if plugins.is_empty() {
        output.line("no components in the plugin directory");
        return Ok(Exit::Failed);
    }
    let directory = setup::compiled_dir(&state_dir);
    for plugin in &plugins {
        if !plugin.is_kept() {
            let name = plugin.info.name.clone();
            return Err(CliError::failed(NotKept { name, directory }));
        }
        show(plugin, &directory, output);
    }
    Ok(Exit::Done)
}

/// The connectors of a configuration, and where they are kept.
async fn named(
    args: &ConfigArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<(Vec<Arc<Plugin>>, PathBuf), CliError> {
    let config = setup::load(args, vec![])?;
    let progress = setup::start_quiet_logging(output)?;
    let engine = setup::engine(Some(&config.state_dir), &config.limits, None, &progress)?;
    let connectors = setup::connectors(&config, &engine, plugin_dir).await?;
    let plugins = connectors.both().into_iter().cloned().collect();
    Ok((plugins, config.state_dir.clone()))
}

/// Those of the plugin directory, as a run would load them.
async fn all(
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<(Vec<Arc<Plugin>>, PathBuf), CliError> {
    let progress = setup::start_quiet_logging(output)?;
    let engine = setup::engine(None, &ProcessLimits::default(), None, &progress)?;
    let directory = setup::plugin_dir(plugin_dir).map_err(CliError::unusable)?;
    let catalog = Catalog::open(&directory).map_err(CliError::unusable)?;
    let entries = catalog.load_all(&engine).await.into_iter();
    let plugins: Result<Vec<_>, _> = entries.map(|entry| entry.plugin).collect();
    let state_dir = setup::default_state_dir().unwrap_or_default();
    Ok((plugins.map_err(CliError::unusable)?, state_dir))
}

fn show(plugin: &Arc<Plugin>, directory: &std::path::Path, output: Output) {
    let (name, role, version) = (&plugin.info.name, plugin.info.role.word(), &plugin.info.version);
    let digest = &plugin.digest;
    if output.is_json() {
        let line = serde_json::json!({
            "name": name, "role": role, "version": version, "sha256": digest, "directory": directory,
        });
        output.json(&line);
    } else {
        let directory = directory.display();
        output.line(&format!("{role} `{name}` {version}: compiled, and kept in {directory}"));
    }
}
