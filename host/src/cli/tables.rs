//! `status`, and `pause`, `resume`, `resync`: the tables of a pipeline.
//!
//! A run of the pipeline is asked, where there is one; else this process looks and changes by itself.

use std::path::PathBuf;

use super::{
    CliError, Exit,
    args::{ConfigArgs, DropArgs, ResumeArgs, StatusArgs, TablesArgs},
    became, live,
    output::Output,
    setup,
};
use crate::{
    control::{Forget, OrderBody, TableDone, Tables},
    monitor::TableStatus,
    runner::{Order, SchemaStatus},
};

/// Which tables an order is about.
pub struct Ordering {
    pub order: Order,
    pub config: ConfigArgs,
    /// None for all that are left out.
    tables: Vec<String>,
    take_over: bool,
}

impl Ordering {
    pub fn named(order: Order, args: TablesArgs) -> Self {
        let tables = args.names();
        let TablesArgs { config, take_over, .. } = args;
        Self { order, config, tables, take_over }
    }

    /// Without names, all that are left out.
    pub fn resume(args: ResumeArgs) -> Self {
        let tables = args.names();
        let ResumeArgs { config, take_over, .. } = args;
        Self { order: Order::Resume, config, tables, take_over }
    }
}

pub async fn order(
    ordering: Ordering,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let Ordering { order, config, tables, take_over } = ordering;
    // The same key names them for a run, so names are looked at the same way.
    let value = if tables.is_empty() { "true".to_owned() } else { setup::names(&tables) };
    let named = vec![("full_resync", value, "TABLES")];
    let runner = setup::quiet_runner(&config, named, plugin_dir, output).await?;
    if let Some(run) = live::find(&runner).await? {
        let order = OrderBody::states(order, Tables { tables, take_over });
        return live::order(&run, &order, output).await;
    }
    runner.open_grants().map_err(CliError::failed)?;
    let ordered = runner.order(order, take_over).await;
    Ok(setup::tell_each(ordered, output, |schema, ordered| {
        for ordered in ordered {
            became::tell(schema, &TableDone::ordered(ordered.clone()), false, output);
        }
    }))
}

pub async fn drop_tables(
    args: DropArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let DropArgs { tables, keep_rows } = args;
    let names = tables.names();
    let named = vec![("full_resync", setup::names(&names), "TABLES")];
    let runner = setup::quiet_runner(&tables.config, named, plugin_dir, output).await?;
    let take_over = tables.take_over;
    if let Some(run) = live::find(&runner).await? {
        let order = OrderBody::Drop(Forget { tables: names, take_over, keep_rows });
        return live::order(&run, &order, output).await;
    }
    runner.open_grants().map_err(CliError::failed)?;
    let dropped = runner.drop_tables(keep_rows, take_over).await;
    Ok(setup::tell_each(dropped, output, |schema, dropped| {
        for dropped in dropped {
            became::tell(schema, &TableDone::dropped(dropped.clone(), keep_rows), false, output);
        }
    }))
}

pub async fn status(
    args: StatusArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    if args.watch {
        return live::watch(&args.config, plugin_dir, output).await;
    }
    let runner = setup::quiet_runner(&args.config, vec![], plugin_dir, output).await?;
    if let Some(run) = live::find(&runner).await? {
        return live::status(&run, output).await;
    }
    runner.open_grants().map_err(CliError::failed)?;
    let status = runner.status().await;
    Ok(setup::tell_each(status, output, |schema, status| show(schema, status, output)))
}

fn show(schema: &str, status: &SchemaStatus, output: Output) {
    let SchemaStatus { is_held, tables, unlisted } = status;
    if output.is_json() {
        let line = serde_json::json!({
            "schema": schema, "held": is_held, "running": false, "tables": tables,
        });
        output.json(&line);
    } else {
        let held = if *is_held { "a run holds it" } else { "nobody runs it" };
        output.line(&format!("{schema}: {held}"));
        tables.iter().for_each(|(table, status)| show_table(table, status, output));
    }
    if let Some(error) = unlisted {
        output.error(error);
    }
}

/// Where a table is in its life, and what helps where it is left out.
pub fn show_table(table: &str, status: &TableStatus, output: Output) {
    let TableStatus { state, since, code, message, help } = status;
    let since = since.as_ref().map(|since| format!(" since {since}")).unwrap_or_default();
    let code = code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
    let message = message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
    output.line(&format!("  {table}: {state}{since}{code}{message}"));
    if let Some(help) = help {
        output.line(&format!("    help: {help}"));
    }
}
