//! One page under `host/errors/` for each error code, and no page without a code.

use std::collections::BTreeSet;

use crate::source::{self, File};

const PAGES: &str = "host/errors";

fn violations(files: &[File]) -> Vec<String> {
    let pages: BTreeSet<_> = files.iter().filter_map(|file| page(&file.path)).collect();
    if pages.is_empty() {
        return Vec::new(); // The manual is not written yet.
    }
    let sources = files.iter().filter(|file| file.is_in("host/src") && file.is_rust());
    let codes: BTreeSet<_> = sources.flat_map(|file| codes(&file.text)).collect();
    let missing = codes.iter().filter(|code| !pages.contains(*code));
    let missing = missing.map(|code| format!("{PAGES}/{code}.md is missing"));
    let stale = pages.iter().filter(|page| !codes.contains(*page));
    missing.chain(stale.map(|page| format!("{PAGES}/{page}.md explains no code"))).collect()
}

fn page(path: &str) -> Option<String> {
    let name = path.strip_prefix(PAGES)?.strip_prefix('/')?.strip_suffix(".md")?;
    (name != "README").then(|| name.to_owned())
}

/// The words of `code("…")` in diagnostics, of texts such as `"config::…"`, and of `kind()`, by which
/// what ends an instance is called. A page is named by the part behind `::`.
fn codes(text: &str) -> BTreeSet<String> {
    let behind = |text: &str, mark: &str| -> Vec<String> {
        text.split(mark).skip(1).map(|rest| rest.trim_start().to_owned()).collect()
    };
    // Not `has_code("…")` or `decode("…")`.
    let is_word = |before: char| before.is_alphanumeric() || before == '_';
    let in_diagnostics = text.match_indices("code(").filter_map(|(at, mark)| {
        let (before, rest) = (&text[..at], &text[at + mark.len()..]);
        let whole = !before.ends_with(is_word);
        rest.trim_start().strip_prefix('"').filter(|_| whole)
    });
    let in_texts = behind(text, "\"config::");
    let kinds = behind(text, "fn kind(&self) -> &'static str");
    let kinds = kinds.iter().filter_map(|rest| rest.split("\n    }\n").next());
    let kinds: Vec<String> = kinds.flat_map(|body| behind(body, "=> \"")).collect();
    let all = in_diagnostics.chain(in_texts.iter().chain(&kinds).map(String::as_str));
    let words = all.filter_map(|rest| rest.split('"').next());
    let words = words.map(|word| word.rsplit("::").next().unwrap_or(word));
    words.filter(|word| is_code(word)).map(str::to_owned).collect()
}

fn is_code(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

#[test]
fn pages_and_error_codes_match() {
    crate::assert_none(&violations(&source::files()));
}

#[test]
fn the_rule_finds_missing_and_stale_pages() {
    let source = |text: &str| File::new("host/src/a.rs", text);
    let page = |name: &str| File::new(&format!("host/errors/{name}.md"), "");
    let cases = [
        ("a page for its code", vec![source("#[diagnostic(code(\"a-b\"))]"), page("a-b")], false),
        ("a code over two lines", vec![source("code(\n    \"a-b\"\n)"), page("a-b")], false),
        ("a code with a prefix", vec![source("#[error(\"config::a\")]"), page("a")], false),
        (
            "a kind",
            vec![source("fn kind(&self) -> &'static str {\n=> \"a\",\n    }\n"), page("a")],
            false,
        ),
        ("a look at a code", vec![source("has_code(\"a\") code(\"b\")"), page("b")], false),
        ("a code without a page", vec![source("code(\"a\"), code(\"b\")"), page("a")], true),
        ("a page without a code", vec![source("code(\"a\")"), page("a"), page("old")], true),
        ("no pages at all yet", vec![source("code(\"a\")")], false),
        ("an index is no page", vec![source("code(\"a\")"), page("a"), page("README")], false),
    ];
    for (name, files, bad) in cases {
        assert_eq!(!violations(&files).is_empty(), bad, "{name}");
    }
}
