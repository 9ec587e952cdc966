//! `connectors test`: what passes it, what each check is for, and who is at fault where it says nothing.

#![allow(clippy::expect_used, clippy::panic)] // Helpers of tests are tests, too.

mod cases;
mod connectors;
mod destinations;
mod drivers;
mod sources;

use std::{collections::BTreeMap, fs, path::Path, thread};

use cartridge_warp_tests::{Ended, Product};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::pages;

/// A component with a case in a directory of its own, in which the driver runs.
struct Bench {
    product: Product,
    component: String,
    directory: TempDir,
    case: Value,
}

impl Bench {
    /// `role` is `source` or `destination`; programs of the driver are those of the page, and some beside
    /// these tests.
    fn new(role: &str, connector: &str, component: &Path, driver: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        for name in driver.iter().filter(|word| word.ends_with(".py")) {
            let program = match *name {
                "told.py" => include_str!("told.py").to_owned(),
                "lake.py" => include_str!("lake.py").to_owned(),
                "cutting.py" => include_str!("cutting.py").to_owned(),
                "postgresql.py" => include_str!("postgresql.py").to_owned(),
                of_page => pages::file("conformance.md", of_page),
            };
            fs::write(directory.path().join(name), program).expect("a driver");
        }
        let case = json!({
            role: {"type": connector, "connection_string": "./far", "options": {}},
            "schema": "shop",
            "tables": {},
            "driver": driver,
        });
        let component = component.display().to_string();
        fs::write(directory.path().join("token"), "canary/of/the/kit").expect("a secret");
        Self { product: Product::find(), component, directory, case }
    }

    /// Gives the connector the secret `token`.
    fn tell_secret(&mut self, role: &str) {
        self.case[role]["grants"] = json!({"secrets": {"token": {"file": "./token"}}});
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let case = self.directory.path().join("case.yaml");
        fs::write(&case, self.case.to_string()).expect("the case can be written");
        let case = case.display().to_string();
        let first = ["connectors", "test", self.component.as_str(), "-c", case.as_str()];
        self.product.run(&[&first[..], arguments].concat())
    }

    /// The outcome of each check by its name, and the statement.
    fn outcomes(&self, arguments: &[&str]) -> (BTreeMap<String, String>, Value) {
        let ended = self.run(&[arguments, &["--output", "json"]].concat());
        let mut lines: Vec<Value> = ended
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect();
        let last = lines.pop().unwrap_or_else(|| panic!("no verdict: {}", ended.stderr));
        let statement = last["statement"].clone();
        let failed = statement["failed"].as_u64().expect("a count");
        assert_eq!(ended.status.code(), Some(i32::from(failed > 0)), "{}", ended.stderr);
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let outcomes = lines.iter().map(|line| (text(&line["check"]), text(&line["outcome"])));
        (outcomes.collect(), statement)
    }

    /// The checks that failed.
    fn failed(&self) -> Vec<String> {
        let (outcomes, _) = self.outcomes(&[]);
        let failed = outcomes.into_iter().filter(|(_, outcome)| outcome == "failed");
        failed.map(|(name, _)| name).collect()
    }
}

/// Each type that a case can have, in two tables, one with a key of two columns.
fn all_types() -> Value {
    json!({
        "books": {"key": ["id"], "columns": {
            "id": "bigint", "title": "text", "price": "decimal(10,2)", "sold": "boolean",
            "weight": "double", "printed": "date", "seen": "timestamptz", "about": "json"}},
        "shelves": {"key": ["room", "number"], "columns": {
            "room": "text", "number": "integer", "tag": "uuid", "opens": "time",
            "made": "timestamp", "width": "real"}},
    })
}

/// Each mutant fails these checks and no others, each check of the class has a mutant, and what is no mutant
/// passes them all.
fn assert_doubles(
    role: &str,
    make: impl Fn(Option<&str>) -> Bench + Sync,
    doubles: &[(&str, &[&str])],
) {
    let (outcomes, statement) = make(None).outcomes(&[]);
    let not_passed: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome != "passed").collect();
    assert!(not_passed.is_empty(), "{not_passed:?}");
    assert_eq!(statement["class"], role);
    let mut found = BTreeMap::new();
    // What fails is mostly waited for.
    for few in doubles.chunks(4) {
        thread::scope(|scope| {
            let make = &make;
            let started = few
                .iter()
                .map(|(mutant, _)| (*mutant, scope.spawn(|| make(Some(mutant)).failed())));
            let started: Vec<_> = started.collect();
            found.extend(
                started.into_iter().map(|(mutant, it)| (mutant, it.join().expect("verdicts"))),
            );
        });
    }
    let expected: BTreeMap<&str, Vec<String>> = doubles
        .iter()
        .map(|(mutant, checks)| {
            let mut checks: Vec<String> = checks.iter().map(|name| (*name).to_owned()).collect();
            checks.sort();
            (*mutant, checks)
        })
        .collect();
    assert_eq!(found, expected);
    // Those of both classes are in `cases`.
    let of_both = ["opens", "unknown-option", "refused-options"];
    let killers: Vec<&str> =
        doubles.iter().filter_map(|(_, checks)| checks.first().copied()).collect();
    let without: Vec<&String> = outcomes
        .keys()
        .filter(|name| !of_both.contains(&name.as_str()) && !killers.contains(&name.as_str()))
        .collect();
    assert!(without.is_empty(), "no mutant is there for {without:?}");
}
