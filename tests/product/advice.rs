//! What errors and `status` advise, taken to the letter: it is about that table and no other.

use std::{process::Command, time::Duration};

use cartridge_warp_tests::{Pipeline, Running};
use serde_json::{Value, json};

const SCHEMAS: [&str; 2] = ["one", "two words"];
const TABLES: [&str; 4] = ["a,b", "it's", "orders", "other"];

/// Two schemas whose tables have the same names, copied, and changed so that three of them wait for a person.
fn parked() -> Pipeline {
    let mut pipeline = Pipeline::new();
    pipeline.set("mode", json!("multi"));
    pipeline.set("single_schema_name", json!(null));
    let schema = |name: &str| json!({"name": name, "default_polling_interval": 0.2, "table_prefix": format!("{name}_")});
    pipeline.set("schemas", json!(SCHEMAS.map(schema)));
    pipeline.set("schema_evolution", json!({"strategy": "strict"}));
    for (schema, table) in each() {
        let folder = pipeline.path(&format!("data/{schema}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{table}.ndjson")), "{\"id\":1}\n").unwrap();
    }
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    for (schema, table) in each().filter(|(_, table)| *table != "other") {
        let file = format!("../{schema}/{table}.ndjson");
        pipeline.append(&file, "{\"id\":2,\"more\":1}\n");
    }
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    pipeline
}

fn each() -> impl Iterator<Item = (&'static str, &'static str)> {
    SCHEMAS.iter().flat_map(|schema| TABLES.iter().map(|table| (*schema, *table)))
}

/// Each table's state and what helps there, by its schema and name.
fn status(pipeline: &Pipeline) -> Vec<(String, Value)> {
    let ended = pipeline.run(&["--output", "json", "status"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    let schemas: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let tables = |schema: &Value| {
        let name = schema["schema"].as_str().unwrap().to_owned();
        let tables = schema["tables"].as_object().unwrap().clone();
        tables.into_iter().map(move |(table, status)| (format!("{name}.{table}"), status))
    };
    schemas.iter().flat_map(tables).collect()
}

/// The commands that a text has between accents, without the program's name.
fn commands(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.map(|command| command.trim_start_matches("cartridge-warp ").to_owned()).collect()
}

/// Gives a command to a shell, as whoever copies it from a screen does.
fn typed(pipeline: &Pipeline, command: &str) {
    let product = pipeline.product.command();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("warp() {{ \"$WARP\" \"$@\" -c \"$FILE\"; }}; warp {command}"));
    shell.env("WARP", product.get_program()).env("FILE", pipeline.write_config());
    for (name, value) in product.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let ended = Running::start(shell).wait(Duration::from_secs(300));
    assert!(matches!(ended.status.code(), Some(0 | 3)), "{command}: {}", ended.stderr);
}

#[test]
fn advice_that_is_taken_to_the_letter_is_about_that_table_and_no_other() {
    let pipeline = parked();
    let mut expected: Vec<(String, &str)> = each()
        .map(|(schema, table)| {
            let state = if table == "other" { "streaming" } else { "parked" };
            (format!("{schema}.{table}"), state)
        })
        .collect();
    let take = |of: &str, begins: &str| {
        let tables = status(&pipeline);
        let (_, status) = tables.iter().find(|(name, _)| name == of).unwrap();
        let help = status["help"].as_str().unwrap();
        let command = commands(help).into_iter().find(|command| command.starts_with(begins));
        let command = command.unwrap_or_else(|| panic!("no {begins} in {help}"));
        match begins {
            "run" => typed(&pipeline, &format!("{command} --until-caught-up")),
            _ => typed(&pipeline, &command),
        }
    };
    for (table, begins, then) in [
        ("two words.orders", "schema approve", "again"),
        ("two words.a,b", "schema reject", "again"),
        ("one.a,b", "resume", "again"),
        ("two words.it's", "resume", "again"),
        // A run brings those back that wait for one.
        ("one.it's", "run", "streaming"),
    ] {
        take(table, begins);
        for (name, state) in &mut expected {
            if name == table {
                *state = then;
            } else if begins == "run" && *state == "again" {
                *state = "streaming";
            }
        }
        let states: Vec<(String, String)> = status(&pipeline)
            .into_iter()
            .map(|(name, status)| (name, status["state"].as_str().unwrap().to_owned()))
            .collect();
        let expected: Vec<(String, String)> =
            expected.iter().map(|(name, state)| (name.clone(), (*state).to_owned())).collect();
        assert_eq!(states, expected, "{table}: {begins}");
    }
}

#[test]
fn a_table_whose_name_is_no_list_is_copied_again_by_a_run() {
    let pipeline = Pipeline::new();
    for table in ["a,b", "a", " a"] {
        pipeline.write(&format!("{table}.ndjson"), "{\"id\":1}\n");
    }
    assert!(pipeline.catch_up().status.success());
    let copied = |flag: &[&str]| {
        let run = ["--output", "json", "run", "--until-caught-up"];
        let ended = pipeline.run(&[&run[..], flag].concat());
        assert!(ended.status.success(), "{}", ended.stderr);
        let mut lines = ended.stderr.lines();
        let line = lines.find(|line| line.contains("these tables begin anew in the stream"));
        let line: Value = serde_json::from_str(line.unwrap()).unwrap();
        line["tables"].as_str().unwrap().to_owned()
    };
    assert_eq!(copied(&["--full-resync-table", "a,b"]), "a,b");
    assert_eq!(copied(&["--full-resync-table", " a"]), " a");
    assert_eq!(copied(&["--full-resync= a "]), "a");
    let both = pipeline.run(&["run", "--full-resync", "--full-resync-table", "a"]);
    assert_eq!(both.status.code(), Some(2), "{}", both.stderr);
}
