//! `dlq retry`: dead letters are tried again with their rows as they are at the source now.

use std::path::PathBuf;

use serde_json::json;

use super::{
    CliError, Exit,
    args::RetryArgs,
    meant::{check_known, check_says_which, filter, resolution, runner},
    output::Output,
    setup,
};
use crate::{model::text::counted, runner::Retried};

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
    let retried = runner.retry_letters(&filter, &resolution("tried again"), take_over).await;
    let is_all = retried.values().flatten().all(Retried::is_all);
    let exit = setup::tell_each(retried, output, |schema, retried| tell(schema, retried, output));
    Ok(if exit == Exit::Done && !is_all { Exit::DeadLetters } else { exit })
}

fn tell(schema: &str, retried: &Retried, output: Output) {
    let Retried { resolved, gone, refused, shown, passed, more, .. } = retried;
    if output.is_json() {
        let refusals = shown.iter().map(|letter| {
            json!({
                "id": letter.id, "table": letter.table, "code": letter.code,
                "message": letter.message, "count": letter.count,
            })
        });
        let passed = passed
            .iter()
            .map(|((table, why), letters)| json!({"table": table, "letters": letters, "why": why}));
        output.json(&json!({
            "schema": schema, "resolved": resolved, "gone_at_source": gone, "refused": refused,
            "refusals": refusals.collect::<Vec<_>>(), "not_tried": passed.collect::<Vec<_>>(),
            "more": more,
        }));
        return;
    }
    let gone = if *gone > 0 {
        format!(", {} gone at the source", counted(*gone, "row"))
    } else {
        String::new()
    };
    output.line(&format!(
        "{schema}: {} resolved, {refused} refused again{gone}",
        counted(*resolved, "dead letter")
    ));
    for letter in shown {
        let (id, table, code, message) = (letter.id, &letter.table, &letter.code, &letter.message);
        output.line(&format!("  {id} {table} ({code}): {message}"));
    }
    for ((table, why), letters) in passed {
        output.line(&format!("  {table}: {letters} not tried: {why}"));
    }
    if *more {
        output.line(&format!("{schema}: there are more; try again"));
    }
}
