//! `verify`: the rows of both sides are compared, and written again where that is wanted.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde_json::{Value, json};

use super::{CliError, Exit, args::VerifyArgs, meant, output::Output, setup};
use crate::{
    model::text::counted,
    runner::{Compared, Proof, Repaired, RunError, Sample, Verified, Verify, WarpRunner},
};

pub async fn run(
    args: VerifyArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let VerifyArgs { config, schema, table, wait, show_values, repair, take_over } = args;
    let runner = meant::runner_of(&config, schema.as_deref(), plugin_dir, output).await?;
    let asked = Verify {
        table: table.as_deref(),
        wait: Duration::from_secs(u64::from(wait)),
        shows_values: show_values,
        at_rest: repair && !take_over,
    };
    let mut verified = runner.verify(asked).await;
    if repair && compared(&verified).any(Compared::has_drift) {
        if let Err(error) = write_again(&runner, &verified, take_over, output).await {
            output.error(&error);
            return Ok(Exit::Failed);
        }
        verified = runner.verify(asked).await;
    }
    let has_drift = compared(&verified).any(Compared::has_drift);
    // Nothing that could be compared is no proof of anything.
    let is_open =
        compared(&verified).any(Compared::is_open) || compared(&verified).next().is_none();
    let exit =
        setup::tell_each(verified, output, |schema, verified| tell(schema, verified, output));
    Ok(match (exit, has_drift, is_open) {
        (_, true, _) => Exit::Drift,
        (Exit::Done, _, true) => Exit::Failed,
        (exit, ..) => exit,
    })
}

type Answers = BTreeMap<String, Result<Verified, RunError>>;

/// The tables that were compared.
fn compared(verified: &Answers) -> impl Iterator<Item = &Compared> {
    let tables = verified.values().flatten().flat_map(|verified| verified.0.values());
    tables.filter_map(Proof::compared)
}

/// Writes the rows that drifted again, and tells how many.
async fn write_again(
    runner: &WarpRunner,
    verified: &Answers,
    take_over: bool,
    output: Output,
) -> Result<(), RunError> {
    for (schema, Verified(tables)) in
        verified.iter().filter_map(|(schema, it)| it.as_ref().ok().map(|it| (schema, it)))
    {
        let drifted = tables.iter().filter_map(|(table, proof)| {
            let keys = proof.compared()?.keys.clone();
            (!keys.is_empty()).then(|| (table.clone(), keys))
        });
        let drifted: BTreeMap<String, Vec<String>> = drifted.collect();
        if drifted.is_empty() {
            continue;
        }
        let Some(came) = runner.repair(schema, &drifted, take_over).await else { continue };
        for (table, Repaired { rows, passed }) in came? {
            if output.is_json() {
                let passed = passed.iter().map(|(why, rows)| json!({"rows": rows, "why": why}));
                let passed: Vec<Value> = passed.collect();
                output.json(&json!({
                    "schema": schema, "table": table, "repaired": rows, "not_repaired": passed,
                }));
                continue;
            }
            output.line(&format!("{schema}.{table}: {} written again", counted(rows, "row")));
            for (why, rows) in passed {
                output.line(&format!("  {} not: {why}", counted(rows, "row")));
            }
        }
    }
    Ok(())
}

fn tell(schema: &str, Verified(tables): &Verified, output: Output) {
    for (table, proof) in tables {
        match (proof, output.is_json()) {
            (Proof::NotCompared(why), true) => {
                output.json(&json!({"schema": schema, "table": table, "not_compared": why}));
            }
            (Proof::NotCompared(why), false) => {
                output.line(&format!("{schema}.{table}: not compared: {why}"));
            }
            (Proof::Compared(compared), true) => output.json(&as_json(schema, table, compared)),
            (Proof::Compared(compared), false) => {
                tell_compared(&format!("{schema}.{table}"), compared, output);
            }
        }
    }
}

fn rows_per_second(compared: &Compared) -> u64 {
    let rows = compared.source_rows.max(compared.destination_rows);
    (rows as f64 / compared.seconds.max(0.001)) as u64
}

fn as_json(schema: &str, table: &str, compared: &Compared) -> Value {
    let sample = |Sample { drift, key, columns }: &Sample| {
        let columns = columns.iter().map(|(name, values)| match values {
            Some((source, destination)) => {
                json!({"column": name, "source": source, "destination": destination})
            }
            None => json!({"column": name}),
        });
        let columns: Vec<Value> = columns.collect();
        json!({"drift": drift.word(), "key": key, "columns": columns})
    };
    let left_out = compared.left_out.iter().map(|(name, why)| json!({"column": name, "why": why}));
    json!({
        "schema": schema, "table": table,
        "source_rows": compared.source_rows, "destination_rows": compared.destination_rows,
        "seconds": compared.seconds, "rows_per_second": rows_per_second(compared),
        "equal": compared.equal(), "missing": compared.missing, "extra": compared.extra,
        "different": compared.different, "in_flight": compared.in_flight,
        "undecided": compared.undecided, "why_undecided": compared.why_undecided,
        "not_looked_into": compared.not_looked_into,
        "dead_letters": compared.dead_letters, "marked_as_deleted": compared.deleted,
        "columns_not_compared": left_out.collect::<Vec<_>>(),
        "samples": compared.samples.iter().map(sample).collect::<Vec<_>>(),
    })
}

fn tell_compared(table: &str, compared: &Compared, output: Output) {
    let verdict = match (compared.has_drift(), compared.is_open()) {
        (true, _) => "DRIFT",
        (false, true) => "undecided",
        (false, false) => "equal",
    };
    let counts = [
        (compared.missing, "missing"),
        (compared.extra, "extra"),
        (compared.different, "different"),
        (compared.in_flight, "in flight"),
        (compared.undecided, "undecided"),
        (compared.not_looked_into, "in groups that differ and were not looked into"),
        (compared.dead_letters, "among the dead letters"),
        (compared.deleted, "marked as deleted"),
    ];
    let counts = counts.iter().filter(|(rows, _)| *rows > 0);
    let counts: String = counts.map(|(rows, what)| format!(", {rows} {what}")).collect();
    output.line(&format!(
        "{table}: {verdict}: {} equal{counts} ({} at the source, {} at the destination, {} rows/s)",
        counted(compared.equal(), "row"),
        counted(compared.source_rows, "row"),
        compared.destination_rows,
        rows_per_second(compared),
    ));
    if let Some(why) = &compared.why_undecided {
        output.line(&format!("  undecided: {why}"));
    }
    for Sample { drift, key, columns } in &compared.samples {
        let columns = columns.iter().map(|(name, values)| match values {
            Some((source, destination)) => format!("{name} ({source} is {destination})"),
            None => name.clone(),
        });
        let columns: Vec<String> = columns.collect();
        let columns =
            if columns.is_empty() { String::new() } else { format!(": {}", columns.join(", ")) };
        output.line(&format!("  {} {key}{columns}", drift.word()));
    }
    let shown = compared.samples.len() as u64;
    let drifted = compared.missing + compared.extra + compared.different;
    if drifted > shown {
        output.line(&format!("  and {} more", drifted - shown));
    }
    for (name, why) in &compared.left_out {
        output.line(&format!("  column {name} not compared: {why}"));
    }
}
