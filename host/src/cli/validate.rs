//! `validate`: is this configuration usable, and what does each key come to?
//!
//! Checks everything that needs no server: keys, values, the connectors and their options.

use std::{path::PathBuf, sync::Arc};

use super::{CliError, Exit, args::ConfigArgs, output::Output, setup};
use crate::{
    monitor::{Health, Metrics},
    plugin::HostGrant,
    runner::{Surroundings, WarpRunner, destination_endpoint, source_endpoint},
    telemetry::Progress,
};

pub async fn run(
    args: ConfigArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let config = setup::load(&args, vec![])?;
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
        until_caught_up: false,
    };
    WarpRunner::new(Arc::clone(&config), &connectors, &surroundings).map_err(CliError::unusable)?;
    let source = source_endpoint(&config, &connectors, "").map_err(CliError::unusable)?;
    let destination = destination_endpoint(&config, &connectors, "").map_err(CliError::unusable)?;
    for (role, endpoint) in [("source", source), ("destination", destination)] {
        for grant in &endpoint.settings.grants.hosts {
            show_host(role, grant, output);
        }
    }
    if !output.is_json() {
        output.line("the configuration is usable");
    }
    Ok(Exit::Done)
}

/// A place that a connector will be able to reach, and why.
fn show_host(role: &str, grant: &HostGrant, output: Output) {
    let tls = grant.tls.as_ref().map(|tls| tls.mode.word());
    let (login, advice) = (grant.login.is_some(), grant.advice());
    if output.is_json() {
        output.json(&serde_json::json!({
            "role": role,
            "may_reach": grant.to_string(),
            "granted_by": grant.key,
            "tls": tls,
            "private": grant.private,
            "host_logs_in": login,
            "advice": advice,
        }));
        return;
    }
    let tls = tls.map_or_else(String::new, |mode| format!(", TLS {mode}"));
    let private = if grant.private { ", also at private addresses" } else { "" };
    let login = if login { ", where the host logs in" } else { "" };
    output.line(&format!("{role} may reach {grant}{tls}{private}{login}  (by `{}`)", grant.key));
    if let Some(advice) = advice {
        output.line(&format!("  {advice}"));
    }
}
