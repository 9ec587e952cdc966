//! Commands that the run of the pipeline answers.

use std::{path::PathBuf, time::Duration};

use miette::Diagnostic;

use super::{
    CliError, Exit,
    args::{ConfigArgs, LogLevelArg, LogLevelArgs},
    became,
    output::Output,
    run_status, setup,
};
use crate::{
    config::LogLevel,
    control::{Client, Heard, Level, OrderBody, Place, Refusal, Reload},
    monitor::Event,
    runner::WarpRunner,
};

/// Between two views of a run.
const WATCH_EVERY: Duration = Duration::from_secs(2);

/// Only a run can do it, and there is none.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("no run of pipeline `{pipeline}` listens on {}", .socket.display())]
#[diagnostic(
    code("no-run"),
    help(
        "start it with `cartridge-warp run`; of one that runs, this has to be the machine, the user and the \
         configuration (`name`, `mode`, `state_dir`, `control`)"
    )
)]
struct NoRun {
    pipeline: String,
    socket: PathBuf,
}

/// The run of this configuration's pipeline on this machine, if there is one.
pub async fn find(runner: &WarpRunner) -> Result<Option<Client>, CliError> {
    if !runner.config().control.enabled {
        return Ok(None);
    }
    Client::find(&place(runner)).await.map_err(CliError::failed)
}

pub async fn order(run: &Client, order: &OrderBody, output: Output) -> Result<Exit, CliError> {
    let answer = run.order(order).await.map_err(CliError::failed)?;
    for (schema, tables) in &answer.done {
        tables.iter().for_each(|done| became::tell(schema, done, true, output));
    }
    let mut exit = Exit::Done;
    for told in answer.refused.into_values() {
        output.error(&Refusal::from(told));
        exit = Exit::Failed;
    }
    Ok(exit)
}

pub async fn status(run: &Client, output: Output) -> Result<Exit, CliError> {
    run_status::tell(&run.status().await.map_err(CliError::failed)?, output);
    Ok(Exit::Done)
}

/// The status again and again, until the run ends.
pub async fn watch(
    args: &ConfigArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let run = required(args, plugin_dir, output).await?;
    loop {
        let Ok(status) = run.status().await else { return Ok(Exit::Done) };
        output.begin_anew();
        run_status::tell(&status, output);
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

pub async fn events(
    args: &ConfigArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let run = required(args, plugin_dir, output).await?;
    run.listen(|heard| tell_heard(&heard, output)).await.map_err(CliError::failed)?;
    Ok(Exit::Done)
}

fn tell_heard(heard: &Heard, output: Output) {
    match heard {
        Heard::Lost(lost) if output.is_json() => output.json(lost),
        Heard::Event(event) if output.is_json() => output.json(event),
        Heard::Lost(lost) => output.line(&format!("{} events were lost", lost.lost)),
        Heard::Event(event) => {
            let Event { at, schema, table, state, code, message, .. } = event;
            let table = table.as_ref().map(|table| format!(".{table}")).unwrap_or_default();
            let code = code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
            let message = message.as_ref().map(|words| format!(": {words}")).unwrap_or_default();
            output.line(&format!("{at} {schema}{table}: {state}{code}{message}"));
        }
    }
}

pub async fn drain(
    args: &ConfigArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let run = required(args, plugin_dir, output).await?;
    let draining = run.drain().await.map_err(CliError::failed)?;
    match output.is_json() {
        true => output.json(&draining),
        false => output.line("the run is ending: it commits what it has read, and closes"),
    }
    Ok(Exit::Done)
}

pub async fn reload(
    args: &ConfigArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let run = required(args, plugin_dir, output).await?;
    let reload = run.reload().await.map_err(CliError::failed)?;
    if output.is_json() {
        output.json(&reload);
        return Ok(Exit::Done);
    }
    let Reload { taken, later, schemas_begin_again } = reload;
    taken.iter().for_each(|key| output.line(&format!("{key}: counts from now on")));
    later.iter().for_each(|key| output.line(&format!("{key}: counts from the next start on")));
    output.line(match schemas_begin_again {
        true => "all schemas begin again with it",
        false => "nothing changes for the schemas",
    });
    Ok(Exit::Done)
}

pub async fn set_level(
    args: LogLevelArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let LogLevelArgs { config, level } = args;
    let level = match level {
        LogLevelArg::Debug => LogLevel::Debug,
        LogLevelArg::Info => LogLevel::Info,
        LogLevelArg::Warning => LogLevel::Warning,
        LogLevelArg::Error => LogLevel::Error,
    };
    let run = required(&config, plugin_dir, output).await?;
    let level = run.set_level(Level { level }).await.map_err(CliError::failed)?;
    match output.is_json() {
        true => output.json(&level),
        false => output.line("the run logs at this level until its configuration is read again"),
    }
    Ok(Exit::Done)
}

/// The run, for what only a run can do.
pub async fn required(
    args: &ConfigArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Client, CliError> {
    let runner = setup::quiet_runner(args, vec![], plugin_dir, output).await?;
    match find(&runner).await? {
        Some(run) => Ok(run),
        None => Err(no_run(runner.pipeline(), place(&runner).socket)),
    }
}

/// The same of a pipeline whose place is known.
pub async fn required_at(pipeline: &str, place: &Place) -> Result<Client, CliError> {
    let found = Client::find(place).await.map_err(CliError::failed)?;
    found.ok_or_else(|| no_run(pipeline, place.socket.clone()))
}

/// Where a run of this configuration listens.
pub fn place(runner: &WarpRunner) -> Place {
    Place::of(runner.config(), runner.pipeline(), &runner.destination())
}

fn no_run(pipeline: &str, socket: PathBuf) -> CliError {
    CliError::failed(NoRun { pipeline: pipeline.to_owned(), socket })
}
