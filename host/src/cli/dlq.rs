//! `dlq`: dead letters, shown and settled.

use std::path::PathBuf;

use serde_json::json;

use super::{
    CliError, Exit,
    args::{DlqCommand, LetterStatus},
    meant::{
        check_found, check_known, check_says_which, few, filter, moment_of, resolution, runner,
    },
    output::Output,
    retry, setup,
};
use crate::{
    model::{KeptLetter, LetterFilter, text::counted},
    runner::Listed,
};

pub async fn run(
    command: DlqCommand,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    match command {
        DlqCommand::List { letters, status, limit } => {
            let filter = LetterFilter { status: word(status), ..filter(&letters, Vec::new())? };
            let runner = runner(&letters, plugin_dir, output).await?;
            let listed = runner.letters(&filter, limit.into(), false).await;
            Ok(setup::tell_each(listed, output, |schema, listed| list(schema, listed, output)))
        }
        DlqCommand::Show { config, ids } => {
            let wanted = LetterFilter { ids: few(ids)?, ..LetterFilter::default() };
            let runner = setup::opened_runner(&config, vec![], plugin_dir, output).await?;
            let listed = runner.letters(&wanted, LetterFilter::IDS_MAX, true).await;
            check_found(&wanted.ids, &listed)?;
            Ok(setup::tell_each(listed, output, |schema, listed| {
                listed.letters.iter().for_each(|letter| show(schema, letter, output));
            }))
        }
        DlqCommand::Discard { letters, ids, reason, all } => {
            check_says_which(&letters, &ids, all, "discarded")?;
            let filter = filter(&letters, ids)?;
            let runner = runner(&letters, plugin_dir, output).await?;
            check_known(&runner, &filter).await?;
            let settled = runner.discard_letters(&filter, &resolution(&reason)).await;
            Ok(setup::tell_each(settled, output, |schema, letters| match output.is_json() {
                true => output.json(&json!({"schema": schema, "discarded": letters})),
                false => {
                    output
                        .line(&format!("{schema}: {} discarded", counted(*letters, "dead letter")));
                }
            }))
        }
        DlqCommand::Retry(args) => retry::run(args, plugin_dir, output).await,
    }
}

fn word(status: LetterStatus) -> Option<String> {
    let word = match status {
        LetterStatus::Open => LetterFilter::OPEN,
        LetterStatus::Pending => "pending",
        LetterStatus::Processing => "processing",
        LetterStatus::Resolved => "resolved",
        LetterStatus::Discarded => "discarded",
        LetterStatus::All => return None,
    };
    Some(word.to_owned())
}

fn list(schema: &str, listed: &Listed, output: Output) {
    for letter in &listed.letters {
        match output.is_json() {
            true => output.json(&as_json(schema, letter)),
            false => output.line(&headline(schema, letter)),
        }
    }
    if output.is_json() {
        return;
    }
    match (listed.letters.is_empty(), listed.more) {
        (true, _) => output.line(&format!("{schema}: no dead letters")),
        (_, true) => output.line(&format!("{schema}: there are more; --limit shows more of them")),
        (_, false) => {}
    }
}

fn show(schema: &str, letter: &KeptLetter, output: Output) {
    if output.is_json() {
        let mut line = as_json(schema, letter);
        line["row"] = letter.payload.clone().into();
        output.json(&line);
        return;
    }
    output.line(&headline(schema, letter));
    let seen = moment_of(letter.last_seen_us);
    output.line(&format!("  origin: {}; last seen {seen}", letter.origin));
    if let Some(resolution) = &letter.resolution {
        output.line(&format!("  settled: {resolution}"));
    }
    if let Some(key) = &letter.key {
        output.line(&format!("  key: {key}"));
    }
    output.line(&format!("  row: {}", letter.payload));
}

fn headline(schema: &str, letter: &KeptLetter) -> String {
    let KeptLetter { id, table, operation, code, message, count, status, first_seen_us, .. } =
        letter;
    let times = if *count > 1 { format!(", {count} times") } else { String::new() };
    let since = moment_of(*first_seen_us);
    format!("{id} {schema}.{table} {operation}: {status} since {since}{times} ({code}): {message}")
}

fn as_json(schema: &str, letter: &KeptLetter) -> serde_json::Value {
    json!({
        "schema": schema,
        "id": letter.id,
        "table": letter.table,
        "operation": letter.operation,
        "status": letter.status,
        "code": letter.code,
        "message": letter.message,
        "origin": letter.origin,
        "key": letter.key,
        "count": letter.count,
        "first_seen": moment_of(letter.first_seen_us),
        "last_seen": moment_of(letter.last_seen_us),
        "resolution": letter.resolution,
    })
}
