//! `explain`: what an error's code means, why it is an error, and what to do about it.

use super::{CliError, Exit, output::Output};
use crate::config::suggest;

/// No page has this name.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("`{code}` is no code of this program")]
#[diagnostic(
    code("unknown-code"),
    help(
        "{help}. A code that a connector chose is explained by its README, in the table of its failures \
         (`plugins/NAME/README.md` for those that come with this program), and by the message beside it"
    )
)]
struct Unknown {
    code: String,
    help: String,
}

macro_rules! pages {
    ($($name:literal,)*) => {
        &[$(($name, include_str!(concat!("../../errors/", $name, ".md")))),*]
    };
}

/// The pages by their files' names, sorted: the part of a code behind `::`.
const PAGES: &[(&str, &str)] = pages![
    "another-pipeline",
    "bad-request",
    "check",
    "conflict",
    "connection-string-file",
    "control-address",
    "control-held",
    "control-origin",
    "control-socket",
    "control-socket-path",
    "control-token",
    "control-token-file",
    "control-unreachable",
    "copy-again",
    "dead-letter-limit",
    "deadline",
    "duplicate-key",
    "encode",
    "extra-not-made",
    "failure",
    "fenced",
    "file",
    "file-exists",
    "gone",
    "grant",
    "grant-protected",
    "grant-unavailable",
    "host-defect",
    "invalid-value",
    "limit",
    "listeners",
    "log-filter",
    "log-level-overruled",
    "log-released",
    "log-twice",
    "look-late",
    "malformed",
    "marker-unreadable",
    "metrics-path",
    "metrics-registration",
    "missing-key",
    "missing-variable",
    "monitoring-address",
    "monitoring-host",
    "new-table",
    "newer-state",
    "no-letters",
    "no-lookup",
    "no-plugin-directory",
    "no-progress",
    "no-run",
    "no-tables",
    "not-kept",
    "not-yaml",
    "order-late",
    "orders-waiting",
    "out-of-memory",
    "parked-meanwhile",
    "plugin-compile",
    "plugin-compile-limit",
    "plugin-core-module",
    "plugin-corrupt",
    "plugin-describe",
    "plugin-digest",
    "plugin-directory-unreadable",
    "plugin-duplicate",
    "plugin-engine",
    "plugin-file-name",
    "plugin-imports",
    "plugin-mismatch",
    "plugin-misnamed",
    "plugin-no-connector",
    "plugin-options-schema",
    "plugin-too-large",
    "plugin-unknown",
    "plugin-unreadable",
    "plugin-version",
    "port-in-use",
    "quota",
    "row-refused",
    "run-ending",
    "schema-change-refused",
    "schema-change-unapproved",
    "schema-held",
    "secret",
    "signals",
    "table-not-replaced",
    "table-place-full",
    "table-place-taken",
    "teardown-unconfirmed",
    "trap",
    "unfit-table",
    "unknown-code",
    "unknown-key",
    "unknown-table",
    "unreadable",
    "unsupported",
    "unusable-configuration",
    "which-letters",
];

/// Prints the page of a code as it stands in errors and logs.
pub fn run(code: &str, output: Output) -> Result<Exit, CliError> {
    let name = code.rsplit("::").next().unwrap_or(code);
    let Some((_, page)) = PAGES.iter().find(|(page, _)| *page == name) else {
        let help = suggest(name, PAGES.iter().map(|(page, _)| *page));
        return Err(CliError::unusable(Unknown { code: code.to_owned(), help }));
    };
    match output.is_json() {
        true => output.json(&serde_json::json!({"code": code, "page": page})),
        false => page.trim_end().lines().for_each(|line| output.line(line)),
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        fs,
        path::{Path, PathBuf},
    };

    use super::*;

    #[test]
    fn every_page_is_printed() {
        let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("errors")).unwrap();
        let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        let files: BTreeSet<String> = files.map(|file| name(file.unwrap().path())).collect();
        let pages: BTreeSet<String> = PAGES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(pages, files);
    }

    #[test]
    fn pages_begin_with_their_code_and_say_what_to_do() {
        for (name, page) in PAGES {
            let title = page.lines().next().unwrap().trim_start_matches("# ");
            assert_eq!(title.rsplit("::").next().unwrap(), *name);
            for part in ["## Why", "## What to do"] {
                let text = page.split(part).nth(1).unwrap_or_default().trim();
                assert!(text.len() > 10, "{name} has no {part}");
            }
        }
    }
}
