//! `${NAME}` and `${NAME:-default}` in the values of the file.
//!
//! Only values of the file are expanded, never the result of an expansion: what a variable holds
//! is data. `$${` writes `${`. `${secrets.NAME}` stays: a connection string has it filled each time
//! something connects, and elsewhere it is refused.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

// A constant covered by tests; should it be broken, nothing is expanded.
static PLACEHOLDER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\$\$\{|\$\{(?<inside>[^{}]*)(?<end>\}?)").ok());

/// Why a value can't be expanded.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unexpanded {
    #[error("the environment variable `{0}` is not set")]
    Missing(String),
    #[error("`${{{0}` is not a placeholder; write ${{NAME}} or ${{NAME:-default}}")]
    Malformed(String),
}

/// The text with its placeholders replaced; `None` where there are none.
pub(super) fn expand(
    text: &str,
    environment: &BTreeMap<String, String>,
    secrets_stay: bool,
) -> Result<Option<String>, Unexpanded> {
    let Some(placeholder) = PLACEHOLDER.as_ref().filter(|p| p.is_match(text)) else {
        return Ok(None);
    };
    let mut expanded = String::with_capacity(text.len());
    let mut rest = 0;
    for found in placeholder.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        expanded.push_str(&text[rest..whole.start()]);
        if secrets_stay && is_secret(&found) {
            expanded.push_str(whole.as_str());
        } else {
            expanded.push_str(&value_of(&found, environment)?);
        }
        rest = whole.end();
    }
    expanded.push_str(&text[rest..]);
    Ok(Some(expanded))
}

fn is_secret(found: &Captures<'_>) -> bool {
    let inside = found.name("inside").and_then(|inside| inside.as_str().strip_prefix("secrets."));
    let closed = found.name("end").is_some_and(|end| !end.is_empty());
    closed && inside.is_some_and(|name| !name.is_empty())
}

fn value_of(
    found: &Captures<'_>,
    environment: &BTreeMap<String, String>,
) -> Result<String, Unexpanded> {
    let Some(inside) = found.name("inside").map(|m| m.as_str()) else {
        return Ok("${".to_owned());
    };
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let closed = found.name("end").is_some_and(|end| !end.is_empty());
    if !closed || name.is_empty() || !name.chars().all(is_name) {
        return Err(Unexpanded::Malformed(inside.to_owned()));
    }
    // As in a shell, `:-` also stands in for a variable that is set but empty.
    match (environment.get(name), default) {
        (Some(value), None) => Ok(value.clone()),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value.clone()),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Unexpanded::Missing(name.to_owned())),
    }
}
