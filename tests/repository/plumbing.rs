//! What the README promises is what the Makefile does, for the connectors that are there.

use std::{collections::BTreeSet, fs};

use crate::source;

/// The commands that the README shows a newcomer.
const COMMANDS: [&str; 2] = ["make demo", "make test"];

fn of_readme(readme: &str) -> Vec<String> {
    let missing = COMMANDS.iter().filter(|command| !readme.contains(*command));
    missing.map(|command| format!("README.md does not show `{command}`")).collect()
}

fn of_components(makefile: &str, folders: &BTreeSet<String>) -> Vec<String> {
    let list = makefile.lines().find_map(|line| line.strip_prefix("COMPONENTS := "));
    let listed: BTreeSet<_> =
        list.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let differing = listed.symmetric_difference(folders);
    let place = |name: &String| {
        if listed.contains(name) { "no folder plugins/" } else { "not in COMPONENTS: " }
    };
    differing.map(|name| format!("{}{name}", place(name))).collect()
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

#[test]
fn the_makefile_builds_every_connector() {
    let folders = fs::read_dir(source::root().join("plugins")).into_iter().flatten();
    let names = folders.filter_map(|folder| {
        let folder = folder.unwrap();
        folder.path().join("Cargo.toml").exists().then(|| folder.file_name())
    });
    let names = names.map(|name| name.into_string().unwrap()).collect();
    crate::assert_none(&of_components(&source::text("Makefile"), &names));
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
    assert!(of_components("X := 1\nCOMPONENTS := b a\n", &folders).is_empty());
    assert_eq!(of_components("COMPONENTS := a\n", &folders).len(), 1);
    assert_eq!(of_components("COMPONENTS := a b c\n", &folders).len(), 1);
    assert_eq!(of_components("", &folders).len(), 2);
    assert!(of_lints("too_many_lines = \"deny\"").is_empty());
    assert_eq!(of_lints("# too_many_lines = \"deny\"").len(), 1);
}
