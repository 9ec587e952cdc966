//! The rules of ARCHITECTURE.md that no compiler checks, as tests over the repository's own files.
//!
//! Every rule is a pure function from files to violations, so that a bad example beside it proves
//! that it can fail. Style that rustfmt and clippy know is theirs.

#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests are tests, too.

mod advisories;
mod circles;
mod connector_codes;
mod engine;
mod error_pages;
mod layers;
mod links;
mod names;
mod plumbing;
mod separation;
mod sizes;
mod source;
mod tokens;
mod vendors;
mod workspace;

/// Fails with all violations at once, so that one run is enough to mend them.
fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n  {}\n", violations.join("\n  "));
}

/// Asserts that a rule finds something in each bad example and nothing in each good one.
fn assert_judges(
    rule: impl Fn(&[source::File]) -> Vec<String>,
    examples: &[(&str, &str, &str, bool)],
) {
    for (name, path, text, bad) in examples {
        let found = rule(&[source::File::new(path, text)]);
        assert_eq!(!found.is_empty(), *bad, "{name}: {found:?}");
    }
}
