//! `check` and `discover`: ask the real source and destination, write nothing.

use std::{path::PathBuf, sync::Arc};

use super::{CliError, Exit, args::ConfigArgs, output::Output, setup};
use crate::{
    config::WarpConfig,
    model::TableShape,
    plugin::{DestinationConnection, SourceConnection},
    runner::{Connectors, Endpoint, destination_endpoint, source_endpoint},
};

async fn open(
    args: &ConfigArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<(Arc<WarpConfig>, Connectors), CliError> {
    let config = setup::load(args, vec![])?;
    let progress = setup::start_quiet_logging(output)?;
    let engine = setup::engine(Some(&config.state_dir), &config.limits, None, &progress)?;
    let connectors = setup::connectors(&config, &engine, plugin_dir).await?;
    Ok((config, connectors))
}

async fn open_source(
    config: &WarpConfig,
    connectors: &Connectors,
    schema: &str,
) -> Result<SourceConnection, CliError> {
    let endpoint = source_endpoint(config, connectors, schema).map_err(CliError::unusable)?;
    open_source_at(endpoint).await
}

async fn open_source_at(endpoint: Endpoint) -> Result<SourceConnection, CliError> {
    let settings = endpoint.connect_settings().await.map_err(CliError::unusable)?;
    SourceConnection::open(&endpoint.plugin, settings).await.map_err(CliError::failed)
}

pub async fn check(
    args: ConfigArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let (config, connectors) = open(&args, plugin_dir, output).await?;
    let endpoint = source_endpoint(&config, &connectors, "check").map_err(CliError::unusable)?;
    let advice = advice(&endpoint);
    let source = open_source_at(endpoint).await?;
    source.test_connection().await.map_err(CliError::failed)?;
    source.close().await;
    passed("source", &config.source.r#type, &advice, output);
    let endpoint =
        destination_endpoint(&config, &connectors, "check").map_err(CliError::unusable)?;
    let advice = self::advice(&endpoint);
    let settings = endpoint.connect_settings().await.map_err(CliError::unusable)?;
    let destination =
        DestinationConnection::open(&endpoint.plugin, settings).await.map_err(CliError::failed)?;
    destination.test_connection().await.map_err(CliError::failed)?;
    destination.close().await;
    passed("destination", &config.destination.r#type, &advice, output);
    Ok(Exit::Done)
}

/// What would protect its connections better.
fn advice(endpoint: &Endpoint) -> Vec<String> {
    let hosts = endpoint.settings.grants.hosts.iter();
    hosts.filter_map(|host| Some(format!("{host}: {}", host.advice()?))).collect()
}

fn passed(role: &str, name: &str, advice: &[String], output: Output) {
    if output.is_json() {
        let answer = serde_json::json!({
            "role": role, "connector": name, "ok": true, "advice": advice,
        });
        output.json(&answer);
        return;
    }
    output.line(&format!("{role} `{name}`: ok"));
    for advice in advice {
        output.line(&format!("  {advice}"));
    }
}

pub async fn discover(
    args: ConfigArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let (config, connectors) = open(&args, plugin_dir, output).await?;
    for schema in &config.schemas {
        let source = open_source(&config, &connectors, &schema.name).await?;
        let tables = source.get_schema(&schema.name).await.map_err(CliError::failed)?;
        source.close().await;
        for table in tables {
            let selected = config.selects_table(&schema.name, &table.name);
            show(&schema.name, &table, selected, output);
        }
    }
    Ok(Exit::Done)
}

fn show(schema: &str, table: &TableShape, selected: bool, output: Output) {
    let columns: Vec<(String, String)> = table
        .schema
        .fields()
        .iter()
        .map(|field| (field.name().clone(), field.data_type().to_string()))
        .collect();
    if output.is_json() {
        output.json(&serde_json::json!({
            "schema": schema,
            "table": table.name,
            "selected": selected,
            "key": table.key,
            "columns": columns,
            "estimated_rows": table.estimated_rows,
        }));
        return;
    }
    let mark = if selected { "" } else { "  (not selected)" };
    let rows = table.estimated_rows.map_or(String::new(), |rows| format!(", ~{rows} rows"));
    let key = if table.key.is_empty() { "none".to_owned() } else { table.key.join(", ") };
    output.line(&format!("{schema}.{}{mark}: key {key}{rows}", table.name));
    for (name, data_type) in columns {
        output.line(&format!("  {name}  {data_type}"));
    }
}
