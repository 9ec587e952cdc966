//! The examples' encoders, run natively: what they write means the same as the reference batches.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;

use crate::{
    batches,
    builds::{LANGUAGES, Language, python_packages, run},
    feed::cell,
};

/// The types of a feed.
const TYPES: [&str; 4] = ["bigint", "boolean", "double", "string"];

/// Compares what is in this folder with the reference batches of these names.
fn assert_same(folder: &Path, names: &BTreeSet<String>) {
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", python_packages("file-libraries", None));
    let said = run({
        command.arg(batches::folder().join("check.py")).arg(folder);
        command
    });
    let count = names.len();
    assert!(said.contains(&format!("{count} of {count} batches say the same")), "{said}");
}

/// The table of a feed that has what a reference batch has, where a feed can have it.
fn table(json: &Value) -> Option<String> {
    let columns = json["columns"].as_array().unwrap();
    let plain = |column: &Value| {
        column["metadata"].is_null() && TYPES.contains(&column["type"].as_str().unwrap())
    };
    if !columns.iter().all(plain) {
        return None;
    }
    let word = |column: &Value, key: &str| column[key].as_str().unwrap().to_owned();
    let header = columns.iter().map(|column| word(column, "name") + ":" + &word(column, "type"));
    let mut lines = vec![header.collect::<Vec<_>>().join("\t")];
    for row in json["rows"].as_array().unwrap() {
        lines.push(row.as_array().unwrap().iter().map(cell).collect::<Vec<_>>().join("\t"));
    }
    Some(lines.join("\n") + "\n")
}

#[test]
fn encoders_write_what_the_reference_batches_say() {
    let folder = tempfile::tempdir().unwrap();
    let mut tables = BTreeSet::new();
    for name in batches::names(".json") {
        let json = fs::read(batches::folder().join(format!("{name}.json"))).unwrap();
        if let Some(text) = table(&serde_json::from_slice(&json).unwrap()) {
            fs::write(folder.path().join(format!("{name}.tsv")), text).unwrap();
            tables.insert(name);
        }
    }
    assert!(
        tables.is_superset(
            &["bigint", "boolean", "double", "no-rows", "rows", "string"].map(String::from).into()
        ),
        "{tables:?}"
    );
    for language in LANGUAGES {
        let mut command = language.encoder();
        command.args(tables.iter().map(|name| folder.path().join(format!("{name}.tsv"))));
        run(command);
        assert_same(folder.path(), &tables);
    }
}

#[test]
fn the_encoder_in_python_knows_every_type() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Language::Python.command("python3");
    command.arg("test_arrow.py").arg(folder.path());
    run(command);
    assert_same(folder.path(), &batches::names(".json"));
}
