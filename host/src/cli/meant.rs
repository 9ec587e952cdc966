//! Which dead letters a command is about, and who it is that settles them.

use std::{collections::BTreeMap, path::PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};

use super::{
    CliError,
    args::{ConfigArgs, LettersArgs},
    output::Output,
    setup,
};
use crate::{
    config::suggest,
    model::{LetterFilter, Settlement},
    runner::{Listed, RunError, WarpRunner},
};

/// The command line does not say which letters.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
enum Unclear {
    #[error("nothing says which dead letters are to be {0}")]
    #[diagnostic(
        code("which-letters"),
        help("name their numbers, or --table, --code or --since; --all means all that are open")
    )]
    Which(&'static str),

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

/// Refuses a command that would mean all letters without saying so. `what` is what would be done with them.
pub fn check_says_which(
    letters: &LettersArgs,
    ids: &[u64],
    all: bool,
    what: &'static str,
) -> Result<(), CliError> {
    let LettersArgs { table, code, since, .. } = letters;
    let says_which = all || !ids.is_empty() || since.is_some() || table.is_some() || code.is_some();
    says_which.then_some(()).ok_or_else(|| CliError::unusable(Unclear::Which(what)))
}

/// Refuses numbers that no letter has.
pub async fn check_known(runner: &WarpRunner, filter: &LetterFilter) -> Result<(), CliError> {
    if filter.ids.is_empty() {
        return Ok(());
    }
    let named = LetterFilter { ids: filter.ids.clone(), ..LetterFilter::default() };
    let listed = runner.letters(&named, LetterFilter::IDS_MAX, false).await;
    check_found(&named.ids, &listed)
}

/// The runner of the schemas that are meant.
pub async fn runner(
    letters: &LettersArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<WarpRunner, CliError> {
    runner_of(&letters.config, letters.schema.as_deref(), plugin_dir, output).await
}

/// The runner of one schema, or of all without any.
pub async fn runner_of(
    config: &ConfigArgs,
    schema: Option<&str>,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<WarpRunner, CliError> {
    let mut runner = setup::opened_runner(config, vec![], plugin_dir, output).await?;
    let Some(schema) = schema else { return Ok(runner) };
    let schemas: Vec<&str> = runner.schemas().collect();
    let help = suggest(schema, schemas.iter().copied());
    match runner.keep(schema) {
        true => Ok(runner),
        false => Err(CliError::unusable(Unclear::Schema(schema.to_owned(), help))),
    }
}

/// What they have in common.
pub fn filter(letters: &LettersArgs, ids: Vec<u64>) -> Result<LetterFilter, CliError> {
    let LettersArgs { table, code, since, .. } = letters;
    let (table, code, since_us) = (table.clone(), code.clone(), *since);
    Ok(LetterFilter { ids: few(ids)?, table, code, since_us, status: None })
}

/// Numbers, if they are not too many.
pub fn few(ids: Vec<u64>) -> Result<Vec<u64>, CliError> {
    match ids.len() > LetterFilter::IDS_MAX {
        true => Err(CliError::unusable(Unclear::TooMany)),
        false => Ok(ids),
    }
}

/// Who gives the command.
pub fn user() -> String {
    let user =
        ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    user.unwrap_or_else(|| "somebody".to_owned())
}

/// Who settles it, when, where and why.
pub fn resolution(reason: &str) -> String {
    Settlement::words(&user(), reason)
}

/// Whether each of these numbers is that of a letter that was found.
pub fn check_found(
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

/// As in RFC 3339; empty where the destination keeps a time that is none.
pub fn moment_of(micros: i64) -> String {
    let words = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    DateTime::from_timestamp_micros(micros).map_or_else(String::new, words)
}
