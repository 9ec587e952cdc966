//! `dlq`: dead letters, shown and settled.

use std::{collections::BTreeMap, path::PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use super::{
    CliError, Exit,
    args::{DlqCommand, LetterStatus, LettersArgs},
    output::Output,
    setup,
};
use crate::{
    config::suggest,
    model::{KeptLetter, LetterFilter, text},
    runner::{Listed, RunError, WarpRunner},
};

/// Of the reason that a person gives.
const REASON_BYTES_MAX: usize = 1024;

/// The command line does not say which letters.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
enum Unclear {
    #[error("nothing says which dead letters are to be discarded")]
    #[diagnostic(
        code("which-letters"),
        help("name their numbers, or --table, --code or --since; --all means all that are open")
    )]
    Which,

    #[error("more than {} numbers", LetterFilter::IDS_MAX)]
    #[diagnostic(
        code("which-letters"),
        help("name fewer, or what they have in common: --table, --code")
    )]
    TooMany,

    #[error("`{0}` is no schema that this configuration moves")]
    #[diagnostic(code("which-letters"), help("{1}"))]
    Schema(String, String),

    #[error("no dead letter has the number {0}")]
    #[diagnostic(code("which-letters"), help("`cartridge-warp dlq list --status all` lists them"))]
    Unknown(u64),
}

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
            let says_which = all || !ids.is_empty() || letters.since.is_some();
            if !says_which && letters.table.is_none() && letters.code.is_none() {
                return Err(CliError::unusable(Unclear::Which));
            }
            let filter = filter(&letters, ids)?;
            let runner = runner(&letters, plugin_dir, output).await?;
            if !filter.ids.is_empty() {
                let named = LetterFilter { ids: filter.ids.clone(), ..LetterFilter::default() };
                let listed = runner.letters(&named, LetterFilter::IDS_MAX, false).await;
                check_found(&named.ids, &listed)?;
            }
            let settled = runner.discard_letters(&filter, &resolution(&reason)).await;
            Ok(setup::tell_each(settled, output, |schema, letters| match output.is_json() {
                true => output.json(&json!({"schema": schema, "discarded": letters})),
                false => output.line(&format!("{schema}: {letters} dead letters discarded")),
            }))
        }
    }
}

/// The runner of the schemas that are meant.
async fn runner(
    letters: &LettersArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<WarpRunner, CliError> {
    let mut runner = setup::opened_runner(&letters.config, vec![], plugin_dir, output).await?;
    let Some(schema) = &letters.schema else { return Ok(runner) };
    let schemas: Vec<&str> = runner.schemas().collect();
    let help = suggest(schema, schemas.iter().copied());
    match runner.keep(schema) {
        true => Ok(runner),
        false => Err(CliError::unusable(Unclear::Schema(schema.clone(), help))),
    }
}

fn filter(letters: &LettersArgs, ids: Vec<u64>) -> Result<LetterFilter, CliError> {
    let LettersArgs { table, code, since, .. } = letters;
    let (table, code, since_us) = (table.clone(), code.clone(), *since);
    Ok(LetterFilter { ids: few(ids)?, table, code, since_us, status: None })
}

fn few(ids: Vec<u64>) -> Result<Vec<u64>, CliError> {
    match ids.len() > LetterFilter::IDS_MAX {
        true => Err(CliError::unusable(Unclear::TooMany)),
        false => Ok(ids),
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

/// Who settles it, when, where and why.
fn resolution(reason: &str) -> String {
    let user =
        ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let user = user.unwrap_or_else(|| "somebody".to_owned());
    let (host, now) = (gethostname::gethostname(), moment(Utc::now()));
    let reason = text::one_line(reason, REASON_BYTES_MAX);
    text::one_line(&format!("{now} {user}@{}: {reason}", host.display()), 2 * REASON_BYTES_MAX)
}

fn check_found(
    ids: &[u64],
    listed: &BTreeMap<String, Result<Listed, RunError>>,
) -> Result<(), CliError> {
    if listed.values().any(Result::is_err) {
        return Ok(());
    }
    let found: Vec<u64> =
        listed.values().flatten().flat_map(|listed| &listed.letters).map(|l| l.id).collect();
    match ids.iter().find(|id| !found.contains(id)) {
        Some(id) => Err(CliError::unusable(Unclear::Unknown(*id))),
        None => Ok(()),
    }
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
        "count": letter.count,
        "first_seen": moment_of(letter.first_seen_us),
        "last_seen": moment_of(letter.last_seen_us),
        "resolution": letter.resolution,
    })
}

/// As in RFC 3339; empty where the destination keeps a time that is none.
fn moment_of(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros).map_or_else(String::new, moment)
}

fn moment(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
