//! `check` and `discover`: ask the real source and destination, write nothing.

use std::{path::PathBuf, sync::Arc};

use super::{
    CliError, Exit, args::ConfigArgs, grants, monitoring::try_to_serve, output::Output,
    refused::Refused, setup, tables::show_table,
};
use crate::{
    config::WarpConfig,
    model::{Action, TableShape, text::counted},
    monitor::MonitorError,
    plugin::SourceConnection,
    runner::{
        Checked, Connectors, Endpoint, RunError, destination_endpoint, open_grants, source_endpoint,
    },
    schema::type_words,
};

async fn open(
    args: &ConfigArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<(Arc<WarpConfig>, Connectors), CliError> {
    let config = setup::load(args, vec![])?;
    let progress = setup::start_quiet_logging(output)?;
    setup::hear_connectors(&config, output)?;
    let engine = setup::engine(Some(&config.state_dir), &config.limits, None, &progress)?;
    let connectors = setup::connectors(&config, &engine, plugin_dir).await?;
    Ok((config, connectors))
}

/// Both sides, of which nothing is open yet.
fn endpoints(
    config: &WarpConfig,
    connectors: &Connectors,
    label: &str,
) -> Result<(Endpoint, Endpoint), CliError> {
    let source = source_endpoint(config, connectors, label).map_err(CliError::unusable)?;
    let destination =
        destination_endpoint(config, connectors, label).map_err(CliError::unusable)?;
    Ok((source, destination))
}

async fn open_source(endpoint: &Endpoint) -> Result<SourceConnection, CliError> {
    let settings = endpoint.connect_settings().await.map_err(CliError::unusable)?;
    SourceConnection::open(&endpoint.plugin, settings).await.map_err(CliError::failed)
}

pub async fn check(
    args: ConfigArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let runner = setup::quiet_runner(&args, vec![], plugin_dir, output).await?;
    setup::hear_connectors(runner.config(), output)?;
    for endpoint in runner.endpoints() {
        grants::show(endpoint, output);
    }
    runner.open_grants().map_err(CliError::failed)?;
    let checked = runner.check().await;
    if checked.values().all(|checked| checked.found.is_empty()) {
        for endpoint in runner.endpoints() {
            let info = &endpoint.plugin.info;
            passed(info.role.word(), &info.name, output);
        }
    }
    let is_held = checked.values().any(|checked| checked.is_held);
    let mut exit = Exit::Done;
    for (schema, checked) in checked {
        exit = exit.max(tell(schema, checked, output));
    }
    match try_to_serve(runner.config()).await {
        // By the run that holds a schema.
        Err(MonitorError::PortInUse { .. }) if is_held => {}
        Err(error) => {
            output.error(&error);
            exit = exit.max(Exit::Unusable);
        }
        Ok(()) => {}
    }
    Ok(exit)
}

/// What came of one schema, and the exit code for it.
fn tell(schema: String, checked: Checked, output: Output) -> Exit {
    let Checked { tables, left_out, is_held: _, found } = checked;
    let is_ok = found.is_empty();
    if output.is_json() {
        output.json(&serde_json::json!({
            "schema": schema, "tables": tables, "ok": is_ok, "left_out": left_out,
        }));
    } else {
        if is_ok {
            let tables = counted(tables as u64, "table");
            output.line(&format!("schema `{schema}`: ok, {tables}"));
        }
        left_out.iter().for_each(|(table, status)| show_table(table, status, output));
    }
    if is_ok {
        return Exit::Done;
    }
    // Where somebody did not answer, the configuration may well be right.
    let is_mended_by_hand =
        |error: &RunError| matches!(error.action(), Action::Config | Action::Stop | Action::Resync);
    let exit = match found.iter().all(is_mended_by_hand) {
        true => Exit::Unusable,
        false => Exit::Failed,
    };
    output.error(&Refused::new(schema, found));
    exit
}

fn passed(role: &str, name: &str, output: Output) {
    if output.is_json() {
        output.json(&serde_json::json!({ "role": role, "connector": name, "ok": true }));
    } else {
        output.line(&format!("{role} `{name}`: ok"));
    }
}

pub async fn discover(
    args: ConfigArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let (config, connectors) = open(&args, plugin_dir, output).await?;
    for schema in &config.schemas {
        let (source, destination) = endpoints(&config, &connectors, &schema.name)?;
        open_grants(&[&source], &[&destination]).map_err(CliError::failed)?;
        let source = open_source(&source).await?;
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
        .map(|field| (field.name().clone(), type_words(field)))
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
    let rows = table.estimated_rows.map(|rows| format!(", ~{}", counted(rows, "row")));
    let rows = rows.unwrap_or_default();
    let key = if table.key.is_empty() { "none".to_owned() } else { table.key.join(", ") };
    output.line(&format!("{schema}.{}{mark}: key {key}{rows}", table.name));
    for (name, data_type) in columns {
        output.line(&format!("  {name}  {data_type}"));
    }
}
