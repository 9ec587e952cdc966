//! The codes of a connector's failures stand in its README, which is where `explain` sends people.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{self, File};

/// What begins a failure with a code.
const MARKS: [&str; 5] = [
    "Failure::config(",
    "Failure::retry(",
    "Failure::reconnect(",
    "Failure::resync(",
    "Failure::stop(",
];

fn violations(files: &[File]) -> Vec<String> {
    let mut codes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.is_rust() && !file.is_test()) {
        let Some(rest) = file.path.strip_prefix("plugins/") else { continue };
        let Some((plugin, _)) = rest.split_once("/src/") else { continue };
        let text = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        codes.entry(plugin).or_default().extend(MARKS.iter().flat_map(|mark| behind(text, mark)));
    }
    let missing = codes.into_iter().flat_map(|(plugin, codes)| {
        let path = format!("plugins/{plugin}/README.md");
        // A library without a README has no codes of its own meaning: they are in those of its connectors.
        let readme = files.iter().find(|file| file.path == path);
        let missing = readme.map(|readme| {
            let is_missing = |code: &&str| !readme.text.contains(&format!("`{code}`"));
            codes.into_iter().filter(is_missing).map(|code| format!("{path} has no code `{code}`"))
        });
        missing.into_iter().flatten().collect::<Vec<_>>()
    });
    missing.collect()
}

/// The texts that stand behind a mark.
fn behind<'t>(text: &'t str, mark: &str) -> Vec<&'t str> {
    let rests = text.split(mark).skip(1).map(str::trim_start);
    let quoted = rests.filter_map(|rest| rest.strip_prefix('"'));
    quoted.filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn each_code_of_a_connector_is_explained() {
    crate::assert_none(&violations(&source::files()));
}

#[test]
fn the_rule_finds_codes_that_nobody_explains() {
    let code = |path: &str| File::new(path, "Failure::stop(\n    \"a-b\", text)");
    let readme = |text: &str| File::new("plugins/x/README.md", text);
    for (case, files, bad) in [
        ("explained", vec![code("plugins/x/src/a/b.rs"), readme("| `a-b` | stop |")], false),
        ("not explained", vec![code("plugins/x/src/a.rs"), readme("| `a` | stop |")], true),
        ("a test's own", vec![code("plugins/x/src/tests.rs"), readme("")], false),
        ("shared", vec![code("plugins/y/src/a.rs"), readme("")], false),
    ] {
        assert_eq!(!violations(&files).is_empty(), bad, "{case}");
    }
}
