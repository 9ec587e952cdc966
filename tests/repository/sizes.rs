//! A file that nobody reads to its end hides things. Functions are clippy's: see `plumbing`.

use crate::source::{self, File};

const LINES_MAX: usize = 500;

fn violations(files: &[File]) -> Vec<String> {
    let judged = files.iter().filter(|file| {
        file.is_rust() || [".sh", ".wit", "Makefile"].iter().any(|end| file.path.ends_with(end))
    });
    let long = judged.map(|file| (file, file.text.lines().count()));
    let long = long.filter(|(_, lines)| *lines > LINES_MAX);
    long.map(|(file, lines)| format!("{}: {lines} lines, {LINES_MAX} at most", file.path)).collect()
}

#[test]
fn no_file_is_longer_than_its_limit() {
    crate::assert_none(&violations(&source::files()));
}

#[test]
fn the_rule_finds_long_files() {
    let (most, too_many) = ("\n".repeat(LINES_MAX), "\n".repeat(LINES_MAX + 1));
    crate::assert_judges(
        violations,
        &[
            ("the limit itself is fine", "sdk/src/lib.rs", &most, false),
            ("one more is not", "sdk/src/lib.rs", &too_many, true),
            ("nor in a script", "scripts/setup.sh", &too_many, true),
            ("a data file may be long", "tests/cases/a/rows.ndjson", &too_many, false),
        ],
    );
}
