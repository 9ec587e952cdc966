//! Commands that documents name exist, with the options that stand behind them.

use std::{collections::BTreeMap, fs, path::Path};

use cartridge_warp_tests::Product;

use crate::files::libraries::repository;

/// Where commands are told: documents, pages of errors, READMEs.
const PLACES: [&str; 6] =
    ["README.md", "ARCHITECTURE.md", "docs", "host/errors", "plugins", "examples"];
const PROGRAM: &str = "cartridge-warp ";
/// What follows one after another in a shell.
const ENDS: [&str; 8] = ["`", "|", "&", ";", "#", ">", ")", "\""];

/// A command's words before its options, and the options.
fn command(rest: &str) -> (String, Vec<String>) {
    let end = ENDS.iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
    let is_name = |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let words = || rest[..end].split_whitespace();
    let names: Vec<_> =
        words().take_while(|word| is_name(word) && !word.starts_with('-')).collect();
    let option = |word: &str| word.split(['=', '[']).next().unwrap_or_default().to_owned();
    let options = words().filter(|word| word.starts_with("--")).map(option).collect();
    (names.join(" "), options)
}

/// Whether a line of code begins there, or code within a line.
fn is_code(before: &str) -> bool {
    let is_indented = before.starts_with("    ") && before.trim().is_empty();
    is_indented || before.is_empty() || before.ends_with('`') || before.ends_with("$ ")
}

/// All that the documents of a place name, with where.
fn named(place: &Path, found: &mut BTreeMap<(String, Vec<String>), String>) {
    if place.is_dir() {
        fs::read_dir(place).unwrap().for_each(|entry| named(&entry.unwrap().path(), found));
        return;
    }
    if place.extension().is_none_or(|extension| extension != "md") {
        return;
    }
    for (number, line) in fs::read_to_string(place).unwrap().lines().enumerate() {
        for (at, _) in line.match_indices(PROGRAM).filter(|(at, _)| is_code(&line[..*at])) {
            let told = command(&line[at + PROGRAM.len()..]);
            if !told.0.is_empty() || !told.1.is_empty() {
                found.entry(told).or_insert(format!("{}:{}", place.display(), number + 1));
            }
        }
    }
}

/// The help of as many of the words as are commands, and how many these are.
fn help(product: &Product, words: &str) -> (String, usize) {
    let words: Vec<_> = words.split(' ').filter(|word| !word.is_empty()).collect();
    for known in (0..=words.len()).rev() {
        let arguments = [&words[..known], &["--help"]].concat();
        let ended = product.run(&arguments);
        if ended.status.success() {
            return (ended.stdout, known);
        }
    }
    (String::new(), 0)
}

#[test]
fn commands_of_documents_exist() {
    let product = Product::find();
    let mut found = BTreeMap::new();
    PLACES.iter().for_each(|folder| named(&repository().join(folder), &mut found));
    assert!(found.len() > 40, "{found:?}");
    let mut helps = BTreeMap::new();
    let mut wrong = Vec::new();
    for ((words, options), place) in found {
        let (help, known) =
            helps.entry(words.clone()).or_insert_with(|| help(&product, &words)).clone();
        if known == 0 && !words.is_empty() {
            wrong.push(format!("{place}: no command `{words}`"));
        }
        let has = |option: &String| help.contains(option.as_str());
        let unknown = options.iter().filter(|option| !has(option));
        wrong.extend(unknown.map(|option| format!("{place}: `{words}` has no {option}")));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
