//! The pages about the codes of errors.

macro_rules! pages {
    ($($name:literal,)*) => {
        &[$(($name, include_str!(concat!("../../errors/", $name, ".md")))),*]
    };
}

/// The pages by their files' names, sorted: the part of a code behind `::`.
pub const PAGES: &[(&str, &str)] = pages![
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
    "kit-case",
    "kit-driver",
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
    "terminal",
    "trap",
    "unfit-table",
    "unknown-check",
    "unknown-code",
    "unknown-key",
    "unknown-table",
    "unreadable",
    "unsupported",
    "unusable-configuration",
    "usage",
    "which-letters",
];

/// The page of a code as it stands in errors and logs.
pub fn page(code: &str) -> Option<&'static str> {
    let name = code.rsplit("::").next().unwrap_or(code);
    PAGES.iter().find(|(page, _)| *page == name).map(|(_, page)| *page)
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
