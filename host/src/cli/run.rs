//! `run`: copy, then follow.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::{
    CliError, Exit, args::RunArgs, generations::Generations, monitoring::serve, output::Output,
    read::read, setup, signals,
};
use crate::{
    config::{SchemaConfig, WarpConfig},
    model::Operation,
    monitor::{Health, Metrics, ParkedTable},
    runner::{Completion, Desk, RunError, SchemaReport, Surroundings, moment, now_s},
};

pub async fn run(
    args: RunArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let since = moment(now_s());
    let config = read(&args)?;
    if args.standby && config.dry_run {
        return Err(CliError::unusable(RunError::Unusable {
            what:
                "a dry run (`dry_run`) holds no schema, so there is nothing that it could wait for"
                    .into(),
            help: "leave `--standby` out, or set `dry_run: false`".into(),
        }));
    }
    let progress = setup::start_logging(&config, output)?;
    // Before anything that may take its time, such as compiling connectors.
    let signals = signals::listen().map_err(CliError::failed)?;
    let database = config.source.database.clone().unwrap_or_default();
    let metrics = match &config.name {
        Some(name) => Metrics::named(name, &database),
        None => Metrics::new(&database),
    };
    let metrics = metrics.map_err(CliError::failed)?;
    let health = Health::new(config.active_schemas().map(|schema| schema.name.clone()));
    let observer = Arc::new(metrics.observer());
    let engine = setup::engine(Some(&config.state_dir), &config.limits, Some(observer), &progress)?;
    metrics.watch(engine.ledger().clone()).map_err(CliError::failed)?;

    let finished = CancellationToken::new();
    let port = serve(&config, &metrics, &health, &finished).await.map_err(CliError::unusable)?;
    if let Some(port) = &port {
        let path = &config.monitoring.prometheus.path;
        tracing::info!(address = %port.addr(), path, "serving metrics and health");
    }
    let connectors = setup::connectors(&config, &engine, plugin_dir);
    let reports = match signals.stop.run_until_cancelled(connectors).await {
        Some(connectors) => {
            let connectors = connectors?;
            let RunArgs { until_caught_up, standby, .. } = args;
            let (stop, desk) = (signals.stop.clone(), Desk::default());
            let surroundings =
                Surroundings { metrics, health, progress, desk, until_caught_up, standby, stop };
            let finished = finished.clone();
            Generations { args: &args, output, connectors, surroundings, signals, finished, since }
                .run(&config)
                .await?
        }
        None => config.active_schemas().map(stopped).collect(),
    };
    finished.cancel();
    if let Some(port) = port {
        port.stopped().await;
    }
    engine.tell_of_suppressed_lines();
    report(&config, &reports, output);
    Ok(exit(&reports, args.until_caught_up))
}

/// A schema whose run was stopped before it began.
fn stopped(schema: &SchemaConfig) -> (String, SchemaReport) {
    let end = Ok(Completion::Stopped);
    let (rows, parked) = (BTreeMap::new(), BTreeMap::new());
    (schema.name.clone(), SchemaReport { end, rows, dead_letters: 0, parked })
}

fn exit(reports: &BTreeMap<String, SchemaReport>, until_caught_up: bool) -> Exit {
    let mut errors = reports.values().filter_map(|report| report.end.as_ref().err()).peekable();
    if errors.peek().is_some() {
        // Where something else failed too, a new start may help.
        if errors.all(RunError::is_fenced) { Exit::Fenced } else { Exit::Failed }
    } else if until_caught_up && reports.values().any(|report| !report.parked.is_empty()) {
        Exit::Parked
    } else if until_caught_up && reports.values().any(|report| report.dead_letters > 0) {
        Exit::DeadLetters
    } else {
        Exit::Done
    }
}

/// The last words of a run: per table what was committed, per schema how it ended.
fn report(config: &WarpConfig, reports: &BTreeMap<String, SchemaReport>, output: Output) {
    for (schema, report) in reports {
        if output.is_json() {
            output.json(&as_json(schema, report, config.dry_run));
        } else {
            as_text(schema, report, config.dry_run, output);
        }
        if let Err(error) = &report.end {
            output.error(error);
        }
    }
}

fn end_word(report: &SchemaReport) -> &'static str {
    match report.end {
        Ok(Completion::CaughtUp) => "caught up",
        Ok(Completion::Stopped) => "stopped",
        Err(_) => "failed",
    }
}

fn as_json(schema: &str, report: &SchemaReport, dry_run: bool) -> serde_json::Value {
    let tables: serde_json::Map<_, _> = report
        .rows
        .iter()
        .map(|(table, counts)| {
            let counts: serde_json::Map<_, _> = Operation::ALL
                .into_iter()
                .map(|operation| (operation.word().into(), counts[operation as usize].into()))
                .collect();
            (table.clone(), counts.into())
        })
        .collect();
    serde_json::json!({
        "schema": schema,
        "end": end_word(report),
        "dry_run": dry_run,
        "dead_letters": report.dead_letters,
        "parked": report.parked,
        "tables": tables,
    })
}

fn as_text(schema: &str, report: &SchemaReport, dry_run: bool, output: Output) {
    let note = if dry_run { ", dry run: nothing was written" } else { "" };
    output.line(&format!("{schema}: {}{note}", end_word(report)));
    for (table, counts) in &report.rows {
        let parts: Vec<String> = Operation::ALL
            .into_iter()
            .filter(|operation| counts[*operation as usize] > 0)
            .map(|operation| format!("{} {}", counts[operation as usize], operation.word()))
            .collect();
        output.line(&format!("  {table}: {}", parts.join(", ")));
    }
    for (table, ParkedTable { code, message, help, since }) in &report.parked {
        output.line(&format!("  {table}: parked since {since} ({code}): {message}"));
        output.line(&format!("    help: {help}"));
    }
    if report.dead_letters > 0 {
        output.line(&format!("  dead letters: {}", report.dead_letters));
    }
}
