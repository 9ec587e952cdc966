//! `validate`: is this configuration usable, and what does each key come to?
//!
//! With `--schema` it says what any configuration may have.
//!
//! Checks everything that needs no server: keys, values, the connectors and their options.

use std::{path::PathBuf, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::{CliError, Exit, args::ValidateArgs, grants, output::Output, setup};
use crate::{
    config,
    monitor::{Health, Metrics},
    runner::{Desk, Surroundings, WarpRunner},
    telemetry::Progress,
};

pub async fn run(
    args: ValidateArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    if args.schema {
        output.document(&config::json_schema());
        return Ok(Exit::Done);
    }
    let config = setup::load(&args.config, vec![])?;
    let progress = setup::start_quiet_logging(output)?;
    for key in config.effective() {
        if output.is_json() {
            let (key, value, origin) = (key.path, key.value, key.origin.to_string());
            output.json(&serde_json::json!({ "key": key, "value": value, "origin": origin }));
        } else {
            output.line(&format!("{} = {}  ({})", key.path, key.value, key.origin));
        }
    }
    let engine = setup::engine(Some(&config.state_dir), &config.limits, None, &progress)?;
    let connectors = setup::connectors(&config, &engine, plugin_dir).await?;
    let surroundings = Surroundings {
        metrics: Metrics::new("").map_err(CliError::failed)?,
        health: Health::default(),
        progress: Progress::hidden(),
        desk: Desk::default(),
        until_caught_up: false,
        stop: CancellationToken::new(),
    };
    let runner = WarpRunner::new(Arc::clone(&config), &connectors, &surroundings)
        .map_err(CliError::unusable)?;
    for endpoint in runner.endpoints() {
        grants::show(endpoint, output);
    }
    if !output.is_json() {
        output.line("the configuration is usable");
    }
    Ok(Exit::Done)
}
