//! No modules whose name says nothing: things live beside what they serve.

use crate::source::{self, File};

const EMPTY_WORDS: [&str; 6] = ["utils", "util", "common", "helpers", "misc", "shared"];

fn violations(files: &[File]) -> Vec<String> {
    let rust = files.iter().filter(|file| file.is_rust());
    let nameless = rust.filter_map(|file| {
        let mut parts = file.path.trim_end_matches(".rs").split('/');
        let word = parts.find(|part| EMPTY_WORDS.contains(part))?;
        Some(format!("{}: `{word}` says nothing about what is in it", file.path))
    });
    nameless.collect()
}

#[test]
fn no_module_is_called_utils_or_common() {
    crate::assert_none(&violations(&source::files()));
}

#[test]
fn the_rule_finds_empty_words_in_files_and_folders() {
    crate::assert_judges(
        violations,
        &[
            ("a file", "host/src/runner/utils.rs", "", true),
            ("a folder", "sdk/src/common/mod.rs", "", true),
            ("a name that tells is fine", "host/src/runner/route.rs", "", false),
            ("a word inside a name is fine", "host/src/runner/uncommon.rs", "", false),
        ],
    );
}
