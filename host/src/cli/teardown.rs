//! `teardown`: shows what a pipeline has at its source and at its destination, asks, and removes it.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

use super::{CliError, Exit, args::TeardownArgs, output::Output, setup};
use crate::{
    model::text::counted,
    runner::{RunError, Teardown},
};

/// Nobody said that it may go.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("nothing was removed: nobody confirmed it")]
#[diagnostic(
    code("teardown-unconfirmed"),
    help("answer with `y` at a terminal, or say --yes; a pipeline that is to go on needs neither")
)]
struct Unconfirmed;

pub async fn run(
    args: TeardownArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let TeardownArgs { config, yes, take_over } = args;
    let runner = setup::opened_runner(&config, vec![], plugin_dir, output).await?;
    let foreseen = runner.foresee_teardown().await;
    let seen = || foreseen.values().flatten();
    let is_done = seen().all(Teardown::is_done);
    let is_held = seen().any(|teardown| teardown.is_held);
    let has_failed = foreseen.values().any(Result::is_err);
    if is_done || has_failed || !yes {
        let exit = tell(foreseen, false, output);
        if is_done || has_failed {
            return Ok(exit);
        }
        // Whoever is refused is not asked first.
        if (take_over || !is_held) && !is_confirmed() {
            return Err(CliError::unusable(Unconfirmed));
        }
    }
    Ok(tell(runner.tear_down(take_over).await, true, output))
}

/// Asks, if there is anybody to ask.
fn is_confirmed() -> bool {
    if !io::stdin().is_terminal() {
        return false;
    }
    let question = write!(io::stderr(), "Remove all of this? Tables and their rows stay. [y/N] ");
    let mut answer = String::new();
    question.and_then(|()| io::stdin().read_line(&mut answer)).is_ok()
        && matches!(answer.trim(), "y" | "Y" | "yes")
}

fn tell(
    schemas: BTreeMap<String, Result<Teardown, RunError>>,
    removed: bool,
    output: Output,
) -> Exit {
    setup::tell_each(schemas, output, |schema, teardown| match output.is_json() {
        true => output.json(&as_json(schema, teardown, removed)),
        false => show(schema, teardown, removed, output),
    })
}

fn as_json(schema: &str, teardown: &Teardown, removed: bool) -> serde_json::Value {
    let Teardown { is_held, source, has_state, tables } = teardown;
    serde_json::json!({
        "schema": schema,
        "removed": removed,
        "held": is_held,
        "source": {"dropped": source.dropped, "kept": source.kept},
        "destination": {"state": has_state, "tables": tables},
    })
}

fn show(schema: &str, teardown: &Teardown, removed: bool, output: Output) {
    let Teardown { is_held, source, has_state, tables } = teardown;
    if teardown.is_done() {
        output.line(&format!("{schema}: nothing is left"));
    } else {
        let held = if *is_held && !removed { ", a run holds it" } else { "" };
        let what = if removed { "removed" } else { "would be removed" };
        output.line(&format!("{schema}: {what}{held}"));
    }
    source.dropped.iter().for_each(|thing| output.line(&format!("  source: {thing}")));
    if *has_state {
        let of = match tables.as_slice() {
            [] => String::new(),
            tables => {
                let count = counted(tables.len() as u64, "table");
                format!(" and the state of {count}: {}", tables.join(", "))
            }
        };
        output.line(&format!("  destination: the pipeline's position{of}"));
    }
    source.kept.iter().for_each(|thing| output.line(&format!("  source, stays: {thing}")));
}
