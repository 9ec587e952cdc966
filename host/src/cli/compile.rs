//! `connectors compile`: what a configuration names is compiled before it is run.
//!
//! For images whose processes may not write to their state directory, and for starts that should not
//! take the time.

use std::{path::PathBuf, sync::Arc};

use super::{CliError, Exit, args::ConfigArgs, output::Output, setup};
use crate::plugin::Plugin;

/// Compiled, and nowhere kept: the next start would compile again.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("`{name}` was compiled, and could not be kept in {}", .directory.display())]
#[diagnostic(
    code("not-kept"),
    help(
        "the warning before says why; name a directory that is yours and that you can write to as \
         `state_dir`"
    )
)]
struct NotKept {
    name: String,
    directory: PathBuf,
}

pub async fn run(
    args: ConfigArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let config = setup::load(&args, vec![])?;
    let progress = setup::start_quiet_logging(output)?;
    let engine = setup::engine(Some(&config.state_dir), &config.limits, None, &progress)?;
    let connectors = setup::connectors(&config, &engine, plugin_dir).await?;
    for plugin in connectors.both() {
        let directory = setup::compiled_dir(&config.state_dir);
        if !plugin.is_kept() {
            let name = plugin.info.name.clone();
            return Err(CliError::failed(NotKept { name, directory }));
        }
        show(plugin, &directory, output);
    }
    Ok(Exit::Done)
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
