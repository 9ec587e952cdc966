//! `connectors`: what lies in the plugin directory.

use std::path::{Path, PathBuf};

use super::{CliError, Exit, args::ConnectorsCommand, output::Output, setup};
use crate::{
    config::ProcessLimits,
    plugin::{Catalog, Engine, Plugin, Role},
};

pub async fn run(
    command: ConnectorsCommand,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let progress = setup::start_quiet_logging(output)?;
    let engine = setup::engine(None, &ProcessLimits::default(), None, &progress)?;
    match command {
        ConnectorsCommand::List => list(&engine, plugin_dir, output).await,
        ConnectorsCommand::Inspect { name } => inspect(&engine, plugin_dir, &name, output).await,
    }
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
        output.json(&as_json(plugin));
    } else {
        let (name, role, version) = (&info.name, info.role.word(), &info.version);
        output.line(&format!("{role:<12} {name:<16} {version:<8} {}", info.description));
    }
}

async fn inspect(
    engine: &Engine,
    plugin_dir: Option<PathBuf>,
    name: &str,
    output: Output,
) -> Result<Exit, CliError> {
    if name.ends_with(".wasm") || name.contains('/') {
        let plugin =
            Plugin::load(engine, Path::new(name), None).await.map_err(CliError::unusable)?;
        show(&plugin, output);
        return Ok(Exit::Done);
    }
    let directory = setup::plugin_dir(plugin_dir).map_err(CliError::unusable)?;
    let catalog = Catalog::open(&directory).map_err(CliError::unusable)?;
    let found = catalog.load_named(engine, name).await.map_err(CliError::unusable)?;
    for plugin in found {
        show(&plugin, output);
    }
    Ok(Exit::Done)
}

fn as_json(plugin: &Plugin) -> serde_json::Value {
    let info = &plugin.info;
    let grants: Vec<_> = info
        .wanted_grants
        .iter()
        .map(|grant| {
            let (kind, value, reason) = (grant.kind.word(), &grant.value, &grant.reason);
            serde_json::json!({ "kind": kind, "value": value, "reason": reason })
        })
        .collect();
    serde_json::json!({
        "name": info.name,
        "role": info.role.word(),
        "version": info.version,
        "description": info.description,
        "delivery": delivery(plugin),
        "capabilities": info.capabilities,
        "wanted_grants": grants,
        "options_schema": info.options_schema,
        "path": plugin.path,
        "sha256": plugin.digest,
    })
}

/// What a destination can promise (I2).
fn delivery(plugin: &Plugin) -> Option<&'static str> {
    match plugin.info.role {
        Role::Source => None,
        Role::Destination if plugin.info.has("transactions") => Some("exactly once"),
        Role::Destination => Some("at least once"),
    }
}

fn show(plugin: &Plugin, output: Output) {
    if output.is_json() {
        output.json(&as_json(plugin));
        return;
    }
    let info = &plugin.info;
    output.line(&format!("{} `{}` {}", info.role, info.name, info.version));
    output.line(&format!("  {}", info.description));
    output.line(&format!("  file          {}", plugin.path.display()));
    output.line(&format!("  sha256        {}", plugin.digest));
    if let Some(delivery) = delivery(plugin) {
        output.line(&format!("  delivery      {delivery}"));
    }
    output.line(&format!("  capabilities  {}", info.capabilities.join(", ")));
    for grant in &info.wanted_grants {
        let (kind, value, reason) = (grant.kind.word(), &grant.value, &grant.reason);
        output.line(&format!("  wants         {kind} {value}: {reason}"));
    }
    let schema = serde_json::to_string_pretty(&info.options_schema).unwrap_or_default();
    output.line(&format!("  options (JSON Schema)\n{schema}"));
}
