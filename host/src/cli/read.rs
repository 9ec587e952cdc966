//! The configuration of a run: read at its start, and again when it is told to, when it is said what of it counts from then on.

use std::sync::Arc;

use super::{CliError, args::RunArgs, output::Output, setup};
use crate::config::{Reloaded, WarpConfig};

/// The configuration as the file, the environment and the flags have it.
pub fn read(args: &RunArgs) -> Result<Arc<WarpConfig>, CliError> {
    setup::load(&args.config, overrides(args))
}

/// What becomes of the configuration `before`, which was read last. One that cannot be read changes nothing.
pub fn read_again(
    args: &RunArgs,
    before: &WarpConfig,
    output: Output,
) -> Result<Reloaded, CliError> {
    let edited = read(args).inspect_err(|error| {
        output.error(error.diagnostic.as_ref());
        tracing::error!("the configuration was not read again: it goes on as it was");
    })?;
    let reloaded = before.reloaded(WarpConfig::clone(&edited));
    if let Err(error) = setup::set_log_level(&reloaded.config, output) {
        output.error(error.diagnostic.as_ref());
    }
    let Reloaded { changed, later, concerns_schemas, .. } = &reloaded;
    if !later.is_empty() {
        let keys = later.join(", ");
        tracing::warn!(keys, "these keys changed and count from the next start on");
    }
    let keys = changed.join(", ");
    match concerns_schemas {
        true => tracing::info!(keys, "configuration read again: all schemas begin again with it"),
        false => tracing::info!(keys, "configuration read again: nothing changes for the schemas"),
    }
    Ok(reloaded)
}

/// Keys that flags set.
fn overrides(args: &RunArgs) -> Vec<(&'static str, String, &'static str)> {
    let mut overrides = Vec::new();
    if let Some(mode) = &args.mode {
        overrides.push(("mode", mode.clone(), "--mode"));
    }
    if let Some(schema) = &args.schema {
        overrides.push(("single_schema_name", schema.clone(), "--schema"));
    }
    if args.dry_run {
        overrides.push(("dry_run", "true".into(), "--dry-run"));
    }
    if let Some(tables) = &args.full_resync {
        let is_word = ["true", "false"].contains(&tables.as_str());
        let named: Vec<&str> = tables.split(',').map(str::trim).collect();
        let tables = if is_word { tables.clone() } else { setup::names(&named) };
        overrides.push(("full_resync", tables, "--full-resync"));
    }
    if !args.full_resync_table.is_empty() {
        let tables = setup::names(&args.full_resync_table);
        overrides.push(("full_resync", tables, "--full-resync-table"));
    }
    overrides
}
