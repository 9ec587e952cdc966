//! What the JSON Schema for editors takes and what it underlines.

use std::{fs, path::Path};

use jsonschema::Validator;
use serde_json::Value;

use super::MINIMAL;
use crate::config::{json_schema, template};

fn validator() -> Validator {
    jsonschema::options().build(&json_schema()).unwrap()
}

fn parsed(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

#[test]
fn it_takes_each_file_that_ships() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let folders = [
        "files-to-sqlite",
        "lake",
        "mongodb-to-postgresql",
        "postgresql-to-postgresql",
        "postgresql-to-sqlite",
        ".",
    ];
    let files = folders.iter().flat_map(|folder| fs::read_dir(examples.join(folder)).unwrap());
    let files = files.map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|ending| ending == "yaml"));
    let mut texts: Vec<_> = files.map(|file| fs::read_to_string(file).unwrap()).collect();
    texts.extend([template().to_owned(), MINIMAL.to_owned()]);
    assert!(texts.len() >= 8, "{} files", texts.len());
    let validator = validator();
    for text in texts {
        let errors: Vec<_> = validator
            .iter_errors(&parsed(&text))
            .map(|e| format!("{} {e}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?} in\n{text}");
    }
}

#[test]
fn it_underlines_what_a_run_refuses_and_takes_what_it_takes() {
    let table = |keys: &str| format!("{MINIMAL}    tables: [{{name: t, {keys}}}]\n");
    let cases = [
        ("a misspelt key", format!("{MINIMAL}dry_runn: true\n"), false),
        ("a wrong word", format!("{MINIMAL}mode: both\n"), false),
        ("text for a number", format!("{MINIMAL}global_max_parallel_streams: many\n"), false),
        ("a number below its least", format!("{MINIMAL}global_max_parallel_streams: 0\n"), false),
        ("a key of a later release", table("mode: batch"), false),
        ("an unknown mask", table("columns: {mask: {a: hidden}}"), false),
        (
            "a variable for a number",
            format!("{MINIMAL}global_max_parallel_streams: ${{N:-4}}\n"),
            true,
        ),
        ("a variable for a word", format!("{MINIMAL}mode: ${{MODE}}\n"), true),
        ("a variable for a boolean", format!("{MINIMAL}dry_run: ${{DRY}}\n"), true),
        ("masks of all forms", table("columns: {mask: {a: hash, b: {keep_last: 4}}}"), true),
        ("a list as one text", table("columns: {include: 'a,b'}"), true),
        ("an interval with its unit", table("polling_interval_seconds: 250ms"), true),
    ];
    let validator = validator();
    for (case, text, is_valid) in cases {
        assert_eq!(validator.is_valid(&parsed(&text)), is_valid, "{case}");
    }
}
