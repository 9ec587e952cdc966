//! `dlq retry`: dead letters are tried again with their rows as they are at the source now.
//!
//! A run of the pipeline does it, where there is one; else this process does.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::json;

use super::{
    CliError, Exit,
    args::RetryArgs,
    live,
    meant::{check_known, check_says_which, filter, resolution, runner, user},
    output::Output,
    setup,
};
use crate::{
    control::{Client, LettersAnswer, LettersBody, Meant},
    model::{LetterFilter, text::counted},
    runner::WarpRunner,
};

/// Letters that a run is asked to try again, of each schema (I7).
const LETTERS_MAX: usize = 100_000;

pub async fn run(
    args: RetryArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let RetryArgs { letters, ids, all, take_over } = args;
    check_says_which(&letters, &ids, all, "tried again")?;
    let filter = filter(&letters, ids)?;
    let runner = runner(&letters, plugin_dir, output).await?;
    check_known(&runner, &filter).await?;
    if let Some(run) = live::find(&runner).await? {
        return through(&run, &runner, filter, take_over, output).await;
    }
    let retried = runner.retry_letters(&filter, &resolution("tried again"), take_over).await;
    let each = retried.into_iter();
    let retried: BTreeMap<_, _> =
        each.map(|(schema, retried)| (schema, retried.map(LettersAnswer::retried))).collect();
    let is_all = retried.values().flatten().all(LettersAnswer::is_all);
    let exit = setup::tell_each(retried, output, |schema, answer| tell(schema, answer, output));
    Ok(if exit == Exit::Done && !is_all { Exit::DeadLetters } else { exit })
}

/// Has a run try them: those that are open by now, since letters that are new meanwhile are not meant.
async fn through(
    run: &Client,
    runner: &WarpRunner,
    filter: LetterFilter,
    take_over: bool,
    output: Output,
) -> Result<Exit, CliError> {
    let open = LetterFilter { status: Some(LetterFilter::OPEN.to_owned()), ..filter };
    let listed = runner.letters(&open, LETTERS_MAX, false).await;
    let (mut answers, mut is_all) = (BTreeMap::new(), true);
    for (schema, listed) in listed {
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => {
                answers.insert(schema, Err(error));
                continue;
            }
        };
        let mut answer = LettersAnswer { more: listed.more, ..LettersAnswer::default() };
        let ids: Vec<u64> = listed.letters.iter().map(|letter| letter.id).collect();
        for some in ids.chunks(LetterFilter::IDS_MAX) {
            let (schema, by, ids) = (Some(schema.clone()), Some(user()), some.to_vec());
            let body = LettersBody::Retry(Meant { schema, ids, by, take_over, ..Meant::default() });
            answer.add(run.letters(&body).await.map_err(CliError::failed)?);
        }
        is_all &= answer.is_all();
        answers.insert(schema, Ok(answer));
    }
    let exit = setup::tell_each(answers, output, |schema, answer| tell(schema, answer, output));
    Ok(if exit == Exit::Done && !is_all { Exit::DeadLetters } else { exit })
}

fn tell(schema: &str, answer: &LettersAnswer, output: Output) {
    let LettersAnswer { resolved, gone_at_source, refused, refusals, not_tried, more, .. } = answer;
    if output.is_json() {
        output.json(&json!({
            "schema": schema, "resolved": resolved, "gone_at_source": gone_at_source,
            "refused": refused, "refusals": refusals, "not_tried": not_tried, "more": more,
        }));
        return;
    }
    let gone = match *gone_at_source {
        0 => String::new(),
        gone => format!(", {} gone at the source", counted(gone, "row")),
    };
    output.line(&format!(
        "{schema}: {} resolved, {refused} refused again{gone}",
        counted(*resolved, "dead letter")
    ));
    for letter in refusals {
        let (id, table, code, message) = (letter.id, &letter.table, &letter.code, &letter.message);
        output.line(&format!("  {id} {table} ({code}): {message}"));
    }
    for not_tried in not_tried {
        let (table, letters, why) = (&not_tried.table, not_tried.letters, &not_tried.why);
        output.line(&format!("  {table}: {letters} not tried: {why}"));
    }
    if *more {
        output.line(&format!("{schema}: there are more; try again"));
    }
}
