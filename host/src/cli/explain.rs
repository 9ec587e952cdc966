//! `explain`: what an error's code means, why it is an error, and what to do about it.

use super::{CliError, Exit, output::Output};
use crate::config::suggest;

/// No page has this name.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("`{code}` is no code of this program")]
#[diagnostic(
    code("unknown-code"),
    help("{help}. Codes that connectors choose stand in their own documentation")
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

/// The pages by their files' names, sorted.
const PAGES: &[(&str, &str)] = pages![
    "another-pipeline",
    "check",
    "config-conflict",
    "config-duplicate-key",
    "config-invalid-value",
    "config-missing-key",
    "config-missing-variable",
    "config-not-yaml",
    "config-unknown-key",
    "config-unreadable",
    "config-unsupported",
    "connection-string-file",
    "copy-again",
    "deadline",
    "encode",
    "failure",
    "fenced",
    "file",
    "file-exists",
    "gone",
    "grant",
    "grant-protected",
    "grant-unavailable",
    "host-defect",
    "limit",
    "log-filter",
    "log-twice",
    "malformed",
    "marker-unreadable",
    "metrics-path",
    "metrics-registration",
    "monitoring-address",
    "monitoring-host",
    "no-plugin-directory",
    "no-progress",
    "no-tables",
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
    "schema-change-refused",
    "schema-held",
    "secret",
    "signals",
    "table-not-replaced",
    "table-place-full",
    "table-place-taken",
    "trap",
    "unfit-table",
    "unknown-code",
    "unknown-table",
    "unusable-configuration",
];

/// Prints the page of a code as it stands in errors and logs.
pub fn run(code: &str, output: Output) -> Result<Exit, CliError> {
    let name = code.replace("::", "-");
    let Some((_, page)) = PAGES.iter().find(|(page, _)| *page == name) else {
        let help = suggest(&name, PAGES.iter().map(|(page, _)| *page));
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
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// The codes that stand quoted behind `before`, as names of pages.
    fn quoted(text: &str, before: &str) -> Vec<String> {
        let is_code = |word: &&str| {
            let mut letters = word.chars();
            word.len() > 1
                && letters.all(|letter| letter.is_ascii_lowercase() || "-:".contains(letter))
        };
        let words = text.split(before).skip(1).filter_map(|rest| rest.split('"').next());
        words.filter(is_code).map(|word| word.replace("::", "-")).collect()
    }

    /// The same of all sources below a folder.
    fn words(folder: &Path, before: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                words(&path, before, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.extend(quoted(&fs::read_to_string(&path).unwrap(), before));
            }
        }
    }

    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = fs::read_dir(root.join("errors")).unwrap();
        let files: BTreeSet<String> = files
            .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        let pages: BTreeSet<String> = PAGES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(pages, files);
        let mut codes = BTreeSet::new();
        let source = root.join("src");
        words(&source, "(code(\"", &mut codes);
        words(&source, " code(\"", &mut codes);
        words(&source.join("config"), "#[error(\"", &mut codes);
        let causes = fs::read_to_string(source.join("plugin/error.rs")).unwrap();
        let causes = causes.split("fn kind(").nth(1).unwrap().split("\n    }\n").next().unwrap();
        codes.extend(quoted(causes, "=> \""));
        assert_eq!(codes, pages);
    }

    #[test]
    fn pages_begin_with_their_code_and_say_what_to_do() {
        for (name, page) in PAGES {
            let title = page.lines().next().unwrap().trim_start_matches("# ");
            assert_eq!(title.replace("::", "-"), *name);
            for part in ["## Why", "## What to do"] {
                let text = page.split(part).nth(1).unwrap_or_default().trim();
                assert!(text.len() > 10, "{name} has no {part}");
            }
        }
    }
}
