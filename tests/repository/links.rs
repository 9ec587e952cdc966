//! Links of one document to another lead somewhere, and `docs/llms.txt` has each page.

use std::collections::BTreeSet;

use crate::{assert_none, source, source::File};

const INDEX: &str = "docs/llms.txt";

fn violations(files: &[File]) -> Vec<String> {
    let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let is_there = |path: &str| {
        let below = format!("{path}/");
        paths.contains(path)
            || paths.range(below.as_str()..).next().is_some_and(|it| it.starts_with(&below))
    };
    let documents = files.iter().filter(|file| file.path.ends_with(".md") || file.path == INDEX);
    let mut found = Vec::new();
    for document in documents {
        let links =
            links(&document.text).into_iter().map(|link| (link, resolved(&document.path, link)));
        let broken = links.filter(|(_, path)| !path.as_ref().is_some_and(|path| is_there(path)));
        found.extend(broken.map(|(link, _)| format!("{}: {link} leads nowhere", document.path)));
    }
    if let Some(index) = files.iter().find(|file| file.path == INDEX) {
        let listed: BTreeSet<String> =
            links(&index.text).into_iter().filter_map(|link| resolved(INDEX, link)).collect();
        let pages = paths.iter().filter(|path| path.starts_with("docs/") && path.ends_with(".md"));
        let missing = pages.filter(|page| !listed.contains(**page));
        found.extend(missing.map(|page| format!("{INDEX} lacks {page}")));
    }
    found
}

/// What links lead to within the repository, without the place in a page. Code has none.
fn links(text: &str) -> Vec<&str> {
    let (mut links, mut is_code) = (Vec::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        // Every other part is between backticks.
        let prose = line.split('`').step_by(2).filter(|_| !is_code && !line.starts_with("    "));
        let targets = prose.flat_map(|part| part.split("](").skip(1).collect::<Vec<_>>());
        let targets = targets.filter_map(|rest| rest.split([')', ' ']).next());
        let targets = targets.filter_map(|target| target.split('#').next());
        links.extend(targets.filter(|target| !target.is_empty() && !target.contains("://")));
    }
    links
}

/// The path from the root; none for what leaves it.
fn resolved(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[test]
fn every_link_leads_somewhere() {
    assert_none(&violations(&source::files()));
}

#[test]
fn the_rule_tells_good_from_bad() {
    let judge = |path: &str, text: &str| {
        let files = [File::new(path, text), File::new("docs/a.md", ""), File::new("wit/x.wit", "")];
        violations(&files)
    };
    let cases = [
        ("a page", "README.md", "see [a](docs/a.md#part)", false),
        ("a folder above", "docs/b.md", "see [it](../wit)", false),
        ("elsewhere", "README.md", "[x](https://example.org/y) and [here](#part)", false),
        ("code", "README.md", "`[x](nowhere)`\n```\n[x](nowhere)\n```", false),
        ("nowhere", "README.md", "see [a](docs/c.md)", true),
        ("out of the repository", "README.md", "see [a](../x.md)", true),
        ("a second one in a line", "README.md", "[a](docs/a.md) [c](docs/c.md)", true),
        ("the index", INDEX, "- [a](a.md)", false),
        ("an index without a page", INDEX, "# nothing", true),
    ];
    for (name, path, text, is_bad) in cases {
        let found = judge(path, text);
        assert_eq!(!found.is_empty(), is_bad, "{name}: {found:?}");
    }
}
