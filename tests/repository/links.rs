//! A link of a document leads to something: a file or folder of the repository, and a heading where it names one. The
//! indexes have each page of `docs/`.

use std::path::Path;

use crate::source::{self, File};

/// Where people and agents find all pages.
const INDEXES: [&str; 2] = ["docs/README.md", "docs/llms.txt"];
/// What a link of ours does not begin with: elsewhere in the world, nobody here can keep it.
const ELSEWHERE: [&str; 3] = ["http://", "https://", "mailto:"];

fn violations(files: &[File]) -> Vec<String> {
    let is_document = |path: &str| path.ends_with(".md") || INDEXES.contains(&path);
    let documents = files.iter().filter(|file| is_document(&file.path));
    let broken = documents.flat_map(|document| {
        let links = targets(&document.text).into_iter();
        let ours = links.filter(|link| !ELSEWHERE.iter().any(|prefix| link.starts_with(prefix)));
        let broken = ours.filter(|link| !is_there(files, &document.path, link));
        broken.map(|link| format!("{}: `{link}` leads nowhere", document.path)).collect::<Vec<_>>()
    });
    broken.collect()
}

/// Pages that an index lacks.
fn unlisted(files: &[File]) -> Vec<String> {
    let indexes = files.iter().filter(|file| INDEXES.contains(&file.path.as_str()));
    let lacking = indexes.flat_map(|index| {
        let listed: Vec<_> =
            targets(&index.text).into_iter().map(|to| joined(Path::new("docs"), to)).collect();
        let pages = files.iter().map(|file| &file.path).filter(|path| path.ends_with(".md"));
        let pages = pages.filter(|path| Path::new(path).parent() == Some(Path::new("docs")));
        let missing = pages.filter(|page| **page != index.path && !listed.contains(page));
        missing.map(|page| format!("{} lacks {page}", index.path)).collect::<Vec<_>>()
    });
    lacking.collect()
}

/// What stands in the brackets of links, outside of blocks of code.
fn targets(text: &str) -> Vec<&str> {
    let mut in_code = false;
    let outside = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence && !line.starts_with("    ")
    });
    let links = outside.flat_map(|line| line.split("](").skip(1));
    links.filter_map(|rest| rest.split_once(')')).map(|(link, _)| link).collect()
}

fn is_there(files: &[File], from: &str, link: &str) -> bool {
    let (path, heading) = link.split_once('#').unwrap_or((link, ""));
    let path = match path.is_empty() {
        true => from.to_owned(),
        false => joined(Path::new(from).parent().unwrap_or(Path::new("")), path),
    };
    let Some(file) = files.iter().find(|file| file.path == path) else {
        return heading.is_empty() && files.iter().any(|file| file.is_in(&path));
    };
    heading.is_empty() || headings(&file.text).any(|found| found == heading)
}

/// A path relative to a folder, without `.` and `..`.
fn joined(folder: &Path, path: &str) -> String {
    let mut parts: Vec<_> = folder.iter().filter_map(|part| part.to_str()).collect();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The headings as links name them: small letters, dashes for blanks, nothing else but letters and digits.
fn headings(text: &str) -> impl Iterator<Item = String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

#[test]
fn links_of_documents_lead_somewhere() {
    crate::assert_none(&violations(&source::files()));
}

#[test]
fn the_indexes_have_each_page() {
    crate::assert_none(&unlisted(&source::files()));
    let files = [File::new(INDEXES[0], "[a](a.md)"), File::new("docs/a.md", "")];
    assert_eq!(unlisted(&files), Vec::<String>::new());
    assert_eq!(unlisted(&[File::new(INDEXES[0], "a.md"), files[1].clone()]).len(), 1);
}

#[test]
fn the_rule_finds_links_that_lead_nowhere() {
    crate::assert_judges(
        violations,
        &[
            ("no such file", "docs/a.md", "see [b](b.md)", true),
            ("no such heading", "docs/a.md", "# Two words\n[x](#two)", true),
            ("a heading", "docs/a.md", "# Two words!\n[x](a.md#two-words)", false),
            ("itself from beside", "docs/a.md", "[x](../docs/a.md)", false),
            ("its folder", "docs/a.md", "[x](../docs)", false),
            ("elsewhere", "docs/a.md", "[x](https://example.org/b.md)", false),
            ("code", "docs/a.md", "```\n[x](b.md)\n```", false),
        ],
    );
}
