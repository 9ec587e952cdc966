//! SIGHUP: reads the configuration again, and says what of it counts from now on.

use super::{args::RunArgs, output::Output, run::overrides, setup};
use crate::config::{Reloaded, WarpConfig};

/// What becomes of the configuration `before`, which was read last. One that cannot be read changes nothing.
pub fn reload(args: &RunArgs, before: &WarpConfig, output: Output) -> Option<Reloaded> {
    let edited = match setup::load(&args.config, overrides(args)) {
        Ok(edited) => edited,
        Err(error) => {
            output.error(error.diagnostic.as_ref());
            tracing::error!("the configuration was not read again: it goes on as it was");
            return None;
        }
    };
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
    Some(reloaded)
}
