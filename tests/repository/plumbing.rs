//! What the README promises is what the Makefile does, for the connectors that are there.

use std::{collections::BTreeSet, fs};

use crate::source;

/// The commands that the README shows a newcomer.
const COMMANDS: [&str; 2] = ["make demo", "make test"];

fn of_readme(readme: &str) -> Vec<String> {
    let missing = COMMANDS.iter().filter(|command| !readme.contains(*command));
    missing.map(|command| format!("README.md does not show `{command}`")).collect()
}

/// Compares a list of the Makefile with the folders that hold such crates.
fn of_components(makefile: &str, list: &str, folders: &BTreeSet<String>) -> Vec<String> {
    let line = makefile.lines().find_map(|line| line.strip_prefix(&format!("{list} := ")));
    let names = line.unwrap_or_default().split_whitespace();
    let listed: BTreeSet<_> = names.map(str::to_owned).collect();
    let unlisted = folders.difference(&listed).map(|name| format!("{list} lacks {name}"));
    let gone = listed.difference(folders).map(|name| format!("{list}: {name} has no folder"));
    unlisted.chain(gone).collect()
}

fn of_lints(workspace: &str) -> Vec<String> {
    let limit = workspace.lines().any(|line| line.trim() == "too_many_lines = \"deny\"");
    let violation = || "clippy's too_many_lines is not denied: functions have no limit".to_owned();
    (!limit).then(violation).into_iter().collect()
}

#[test]
fn the_readme_shows_the_commands() {
    crate::assert_none(&of_readme(&source::text("README.md")));
}

/// Folders directly below these with a crate that is a component, or one that is none.
fn crates_below(folders: &[&str], components: bool) -> BTreeSet<String> {
    let folders = folders.iter().map(|folder| fs::read_dir(source::root().join(folder)));
    let entries = folders.flatten().flatten().map(Result::unwrap);
    let crates = entries.filter(|entry| {
        let manifest = fs::read_to_string(entry.path().join("Cargo.toml"));
        manifest.is_ok_and(|manifest| manifest.contains("\"cdylib\"") == components)
    });
    crates.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn the_makefile_builds_every_component() {
    let makefile = source::text("Makefile");
    let released = of_components(&makefile, "COMPONENTS", &crates_below(&["plugins"], true));
    let libraries = crates_below(&["plugins"], false);
    let libraries = of_components(&makefile, "COMPONENT_LIBRARIES", &libraries);
    let of_tests = crates_below(&["tests/mocks", "tests/evil"], true);
    let of_tests = of_components(&makefile, "TEST_COMPONENTS", &of_tests);
    crate::assert_none(&[released, libraries, of_tests].concat());
}

#[test]
fn clippy_limits_the_length_of_functions() {
    crate::assert_none(&of_lints(&source::text("Cargo.toml")));
}

#[test]
fn the_rules_find_what_is_missing() {
    assert_eq!(of_readme("Run `make demo`.").len(), 1);
    assert!(of_readme("make demo\nmake test\n").is_empty());
    let folders = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
    let violations = |makefile| of_components(makefile, "LIST", &folders).len();
    assert_eq!(violations("X_LIST := x\nLIST := b a\n"), 0);
    assert_eq!(violations("LIST := a\n"), 1);
    assert_eq!(violations("LIST := a b c\n"), 1);
    assert_eq!(violations(""), 2);
    assert!(of_lints("too_many_lines = \"deny\"").is_empty());
    assert_eq!(of_lints("# too_many_lines = \"deny\"").len(), 1);
}
