//! `schema`: changes of tables' shapes that wait for a person.

use std::path::PathBuf;

use serde_json::json;

use super::{
    CliError, Exit,
    args::{ConfigArgs, DecisionArgs, SchemaCommand, TablesArgs},
    became, live,
    output::Output,
    setup,
};
use crate::{
    control::{ChangeView, Decide, OrderBody, TableDone},
    runner::{Choice, Waiting, Waits, moment},
    schema::Verdict,
};

pub async fn run(
    command: SchemaCommand,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    match command {
        SchemaCommand::List(args) => list(args, plugin_dir, output).await,
        SchemaCommand::Approve(args) => decide(args, true, plugin_dir, output).await,
        SchemaCommand::Reject(args) => decide(args, false, plugin_dir, output).await,
    }
}

async fn list(
    args: ConfigArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let runner = setup::opened_runner(&args, vec![], plugin_dir, output).await?;
    let waits = runner.waits().await;
    Ok(setup::tell_each(waits, output, |schema, waits| show(schema, waits, output)))
}

async fn decide(
    args: DecisionArgs,
    approved: bool,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    // The same key names them for a run, so names are looked at the same way.
    let names = args.tables.names();
    let named = vec![("full_resync", setup::names(&names), "TABLES")];
    let DecisionArgs { tables: TablesArgs { config, take_over, .. }, columns } = args;
    let runner = setup::quiet_runner(&config, named, plugin_dir, output).await?;
    if let Some(run) = live::find(&runner).await? {
        let about = Decide { tables: names, take_over, columns };
        let order = if approved { OrderBody::Approve(about) } else { OrderBody::Reject(about) };
        return live::order(&run, &order, output).await;
    }
    runner.open_grants().map_err(CliError::failed)?;
    let decided = runner.decide(&Choice { approved, columns }, take_over).await;
    Ok(setup::tell_each(decided, output, |schema, decided| {
        for done in TableDone::decided(decided.clone(), approved) {
            became::tell(schema, &done, false, output);
        }
    }))
}

fn show(schema: &str, waits: &Waits, output: Output) {
    if output.is_json() {
        output.json(&json!({"schema": schema, "changes": ChangeView::all(waits)}));
        return;
    }
    if waits.is_empty() {
        output.line(&format!("{schema}: every table has the shape that was accepted"));
    }
    for (table, waiting) in each(waits) {
        let was = waiting.was.as_ref().map(|was| format!(" (was {was})")).unwrap_or_default();
        let about = &waiting.about;
        output.line(&format!("{schema}.{table}: {about}{was}: {}", outlook(waiting)));
    }
}

fn each(waits: &Waits) -> impl Iterator<Item = (&String, &Waiting)> {
    waits.iter().flat_map(|(table, waiting)| waiting.iter().map(move |change| (table, change)))
}

fn outlook(waiting: &Waiting) -> String {
    match (&waiting.verdict, &waiting.decision) {
        (Verdict::Apply, _) => "the next run makes it".to_owned(),
        (Verdict::Keep, _) => "the destination keeps what it has".to_owned(),
        (Verdict::Refuse(reason), _) => format!("refused: {reason}"),
        (Verdict::Ask(reason), Some(decision)) => {
            let word = if decision.approved { "approved" } else { "rejected" };
            format!("{word} on {}: {reason}", moment(decision.at_s))
        }
        (Verdict::Ask(reason), None) => format!("waits for a person: {reason}"),
    }
}
