//! How the status of a run looks.

use super::output::Output;
use crate::{
    control::{SchemaView, Status, TableView},
    model::text::counted,
    monitor::{LastProof, TableProof},
};

/// One line of JSON a schema, or lines for a person.
pub fn tell(status: &Status, output: Output) {
    if output.is_json() {
        let schemas = status.schemas.iter();
        schemas.for_each(|(name, schema)| output.json(&as_json(status, name, schema)));
        return;
    }
    as_lines(status).iter().for_each(|line| output.line(line));
}

/// The same keys as of a schema that nobody runs, and what only a run knows.
fn as_json(status: &Status, name: &str, schema: &SchemaView) -> serde_json::Value {
    let mut line = serde_json::json!(schema);
    if let Some(line) = line.as_object_mut() {
        let Status { pipeline, version, process, since, .. } = status;
        let of_run = serde_json::json!({
            "pipeline": pipeline, "version": version, "process": process, "since": since,
        });
        line.insert("schema".to_owned(), name.into());
        line.insert("held".to_owned(), true.into());
        line.insert("running".to_owned(), of_run);
    }
    line
}

/// What a person sees of a run.
fn as_lines(status: &Status) -> Vec<String> {
    let Status { pipeline, process, since, schemas, plugins, .. } = status;
    let mut lines = vec![format!("{pipeline}: process {process} runs it since {since}")];
    for (name, schema) in schemas {
        let SchemaView { state, lag_seconds, rows, rows_per_second, .. } = schema;
        let attempt = schema.attempt.map(|attempt| format!(" ({attempt} failed)"));
        lines.push(format!(
            "{name}: {state}{}, {lag_seconds:.1} s behind, {}, {rows_per_second:.0} a second",
            attempt.unwrap_or_default(),
            counted(*rows, "row")
        ));
        lines.extend(schema.error.iter().map(|error| format!("  {error}")));
        lines.extend(schema.source_log.iter().map(|log| format!("  source: {}", log.words)));
        schema.verify.iter().for_each(|proof| lines.extend(proof_lines(proof)));
        schema.tables.iter().for_each(|(table, view)| lines.extend(table_lines(table, view)));
    }
    if status.tables_left_out > 0 {
        lines.push(format!("and {} more", counted(status.tables_left_out as u64, "table")));
    }
    for plugin in plugins {
        lines.push(format!(
            "{} ({}): {:.1} MiB, {:.1} s of CPU, {}",
            plugin.plugin,
            plugin.role,
            plugin.memory_bytes as f64 / f64::from(1 << 20),
            plugin.cpu_seconds,
            counted(plugin.restarts, "restart")
        ));
    }
    lines
}

/// What came of the last comparison of a schema's rows.
fn proof_lines(proof: &LastProof) -> Vec<String> {
    let LastProof { at, seconds, rows, tables, remarks, error } = proof;
    let mut lines = Vec::new();
    if !tables.is_empty() {
        let verdicts = tables.iter().map(|(verdict, count)| format!("{count} {verdict}"));
        let verdicts: Vec<String> = verdicts.collect();
        let verdicts = verdicts.join(", ").replace('_', " ");
        lines.push(format!("  verified {at}: {rows} rows in {seconds} s; tables: {verdicts}"));
    }
    lines.extend(error.iter().map(|error| format!("  verify failed: {error}")));
    for (table, TableProof { verdict, message, help, .. }) in remarks {
        lines.push(format!("  {table}: {}: {message}", verdict.replace('_', " ")));
        lines.extend(help.iter().map(|help| format!("    help: {help}")));
    }
    lines
}

fn table_lines(name: &str, table: &TableView) -> Vec<String> {
    let mut words = vec![format!("  {name}: {}", table.state)];
    words.extend(table.since.as_ref().map(|since| format!("since {since}")));
    words.extend(table.code.as_ref().map(|code| format!("({code})")));
    let mut line = words.join(" ");
    if let Some(copied) = table.copied_rows {
        let of = table.estimated_rows.map(|rows| format!(" of about {}", counted(rows, "row")));
        line = match of {
            None => format!("{line}, {} copied", counted(copied, "row")),
            Some(of) => format!("{line}, {copied}{of} copied"),
        };
    } else if table.state == "streaming" {
        let TableView { lag_seconds, rows, rows_per_second, .. } = table;
        line = format!(
            "{line}, {lag_seconds:.1} s behind, {}, {rows_per_second:.0} a second",
            counted(*rows, "row")
        );
    }
    if table.dead_letters > 0 {
        line = format!("{line}, {}", counted(table.dead_letters, "dead letter"));
    }
    if let Some(message) = &table.message {
        line = format!("{line}: {message}");
    }
    let help = table.help.as_ref().map(|help| format!("    help: {help}"));
    [Some(line), help].into_iter().flatten().collect()
}
