//! What happens to a table's columns and types while nobody reads, while somebody does, and during
//! the first copy: the destination holds the same afterwards, or the run says what has to be done.

mod forms;
mod gate;
mod outcome;

use std::{
    collections::BTreeSet,
    thread::{self, sleep},
    time::{Duration, Instant},
};

use cartridge_warp_tests::{Databases, Pipeline, Running};
use serde_json::json;

use forms::Form;
use outcome::{Columns, Seen};

use crate::document::{self, Line};

/// How long the destination may take to hold the same as the source.
const PATIENCE: Duration = Duration::from_secs(300);

/// A source with a table for each form, and a pipeline that lets every change of shape through.
struct Setting {
    databases: Databases,
    pipeline: Pipeline,
    forms: Vec<&'static Form>,
}

impl Setting {
    fn new(rows: u32) -> Self {
        // A schema has a slot, and its connections.
        let databases = Databases::start_with(&[
            ("max_replication_slots", "40"),
            ("max_wal_senders", "40"),
            ("max_connections", "200"),
        ]);
        let version = databases.at_source("SHOW server_version_num")[0].parse().unwrap();
        let forms: Vec<&Form> = forms::all(version).collect();
        databases.at_source(&forms.iter().map(|form| form.make(rows) + ";\n").collect::<String>());
        let mut pipeline = databases.pipeline();
        pipeline.set("mode", json!("multi"));
        let mut names: Vec<String> = forms.iter().map(|form| form.schema()).collect();
        names.sort();
        names.dedup();
        let schema = |name: &String| json!({"name": name, "default_polling_interval": 0.05, "on_table_failure": "stop"});
        pipeline.set("schemas", names.iter().map(schema).collect());
        pipeline.set("error_handling.max_backoff_seconds", json!(0.1));
        pipeline.set("schema_evolution.strategy", json!("permissive"));
        pipeline.set("schema_evolution.require_approval_for_risky_changes", json!(false));
        pipeline.set("source.options", json!({"table_check_seconds": 1}));
        Self { databases, pipeline, forms }
    }

    /// Has the first copy commit so many rows at once. A table that is named has to be there.
    fn copy_by(&mut self, rows: u32) {
        let forms = &self.forms;
        for schema in self.pipeline.config["schemas"].as_array_mut().unwrap() {
            let here = forms.iter().filter(|form| schema["name"] == form.schema() && !form.alone);
            let table = |form: &&Form| json!({"name": form.table(), "full_load_batch_size": rows});
            schema["tables"] = here.map(table).collect();
        }
    }

    /// Makes all changes, and some of rows behind each.
    fn change(&self) {
        self.databases.at_source(&self.forms.iter().map(|form| change(form)).collect::<String>());
    }

    /// The tables that differ, each with its schema.
    fn differences(&self) -> Vec<String> {
        let schemas: BTreeSet<String> = self.forms.iter().map(|form| form.schema()).collect();
        let of = |schema: &String| {
            let tables = self.databases.differences_in(schema);
            tables.into_iter().map(move |table| format!("{schema}.{table}")).collect::<Vec<_>>()
        };
        schemas.iter().flat_map(of).collect()
    }

    fn seen(&self, log: String) -> Seen {
        let (columns, differences) = (outcome::columns(&self.databases), self.differences());
        Seen { log, columns, differences }
    }

    /// Waits until the tables are the same on both sides, but for those of schemas that ended.
    fn wait_until_equal(&self, running: &mut Running) -> Seen {
        // A look at the catalog that sees this one has seen everything before.
        self.databases.at_source(
            "CREATE TABLE public.last (id int PRIMARY KEY); INSERT INTO public.last VALUES (1)",
        );
        let start = Instant::now();
        loop {
            let seen = self.seen(running.stderr());
            let is_last_there = !seen.differences.iter().any(|it| it.starts_with("public.last:"));
            if is_last_there && seen.unequal(&self.forms).is_empty() {
                return seen;
            }
            assert!(start.elapsed() < PATIENCE, "{:#?}\n{}", seen.differences, running.stderr());
            sleep(Duration::from_millis(200));
        }
    }
}

/// A change and some of rows.
fn change(form: &Form) -> String {
    format!("{};\n{};\n", form.of(form.change), form.of(outcome::ROWS))
}

fn while_nobody_reads() -> (Columns, Seen) {
    let setting = Setting::new(50);
    let ended = setting.pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let before = outcome::columns(&setting.databases);
    setting.change();
    let seen = setting.seen(setting.pipeline.catch_up().stderr);
    assert!(seen.unequal(&setting.forms).is_empty(), "{:#?}", seen.differences);
    // What was learned is remembered: nothing is copied twice.
    let again = setting.pipeline.catch_up().stderr;
    assert!(!again.contains("copying the table again"), "{again}");
    (before, seen)
}

fn while_somebody_reads() -> Seen {
    let setting = Setting::new(50);
    let ended = setting.pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let mut running = setting.pipeline.start();
    for form in &setting.forms {
        running.wait_for(&format!(
            "\"message\":\"following changes\",\"schema\":\"{}\"",
            form.schema()
        ));
    }
    setting.change();
    let seen = setting.wait_until_equal(&mut running);
    running.kill();
    seen
}

fn during_the_first_copy() -> Seen {
    let mut setting = Setting::new(900);
    setting.copy_by(500);
    let gates = gate::Gates::shut(&setting.databases, &setting.forms);
    let mut running = setting.pipeline.start();
    gates.change(&setting.forms, change);
    let seen = setting.wait_until_equal(&mut running);
    running.kill();
    seen
}

#[test]
fn a_killed_copy_goes_on_after_each_form_of_alter_table() {
    let mut setting = Setting::new(900);
    setting.copy_by(500);
    let gates = gate::Gates::shut(&setting.databases, &setting.forms);
    let running = setting.pipeline.start();
    gates.wait();
    running.kill();
    drop(gates);
    setting.change();
    let seen = setting.seen(setting.pipeline.catch_up().stderr);
    assert!(seen.unequal(&setting.forms).is_empty(), "{:#?}", seen.differences);
}

#[test]
fn every_form_of_alter_table_does_as_documented() {
    let (stopped, running, copying) = thread::scope(|scope| {
        let running = scope.spawn(while_somebody_reads);
        let copying = scope.spawn(during_the_first_copy);
        (while_nobody_reads(), running.join().unwrap(), copying.join().unwrap())
    });
    let (before, stopped) = stopped;
    let forms: Vec<&Form> = forms::all(u32::MAX).collect();
    let outcomes = [&running, &stopped, &copying].map(|seen| seen.outcomes(&before, &forms));
    let mut lines = Vec::new();
    for group in forms::GROUPS {
        lines.push(Line::Text(format!("### {}", group.title)));
        lines.push(Line::Head(&[
            "change",
            "table",
            "while running",
            "while stopped",
            "during the first copy",
        ]));
        for form in group.forms {
            let cells = |()| {
                let outcomes = outcomes.iter().map(|by_name| by_name[form.name].clone());
                std::iter::once(form.columns()).chain(outcomes).collect()
            };
            let is_here = before.contains_key(&form.table());
            lines.push(Line::Row(form.described(), is_here.then_some(()).map(cells)));
        }
    }
    document::check("changes", &lines);
}
