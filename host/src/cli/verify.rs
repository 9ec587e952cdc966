//! `verify`: the rows of both sides are compared, and written again where that is wanted.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{
    CliError, Exit, args::VerifyArgs, live, meant, output::Output, repair::Repairing, setup,
};
use crate::{
    model::text::counted,
    runner::{Compared, Proof, RunError, Sample, Verified, Verify},
};

pub async fn run(
    args: VerifyArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let VerifyArgs { config, schema, table, wait, every, rows_per_second, .. } = args;
    let (show_values, repair, take_over) = (args.show_values, args.repair, args.take_over);
    let runner = meant::runner_of(&config, schema.as_deref(), plugin_dir, output).await?;
    let run = if repair { live::find(&runner).await? } else { None };
    let asked = Verify {
        table: table.as_deref(),
        rows_per_second,
        wait: Duration::from_secs(u64::from(wait)),
        shows_values: show_values,
        at_rest: repair && run.is_none() && !take_over,
    };
    let Some(every) = every else {
        let mut verified = runner.verify(asked).await;
        if repair && compared(&verified).any(Compared::has_drift) {
            let by = Repairing { runner: &runner, run: run.as_ref(), take_over, output };
            by.write_again(drifted(&verified)).await?;
            verified = runner.verify(asked).await;
        }
        return Ok(tell_all(verified, output));
    };
    loop {
        let next = Instant::now() + every.duration();
        tell_all(runner.verify(asked).await, output);
        sleep_until(next).await;
    }
}

/// What came of all schemas, and the exit code for it.
fn tell_all(verified: Answers, output: Output) -> Exit {
    let has_drift = compared(&verified).any(Compared::has_drift);
    // Nothing that could be compared is no proof of anything.
    let is_open =
        compared(&verified).any(Compared::is_open) || compared(&verified).next().is_none();
    let exit =
        setup::tell_each(verified, output, |schema, verified| tell(schema, verified, output));
    match (exit, has_drift, is_open) {
        (_, true, _) => Exit::Drift,
        (Exit::Done, _, true) => Exit::Failed,
        (exit, ..) => exit,
    }
}

type Answers = BTreeMap<String, Result<Verified, RunError>>;

/// The tables that were compared.
fn compared(verified: &Answers) -> impl Iterator<Item = &Compared> {
    let tables = verified.values().flatten().flat_map(|verified| verified.0.values());
    tables.filter_map(Proof::compared)
}

/// The keys of the rows that drifted, by schema and table.
fn drifted(verified: &Answers) -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
    let each = verified.iter().filter_map(|(schema, it)| Some((schema, it.as_ref().ok()?)));
    let keys = |Verified(tables): &Verified| {
        let drifted = tables.iter().filter_map(|(table, proof)| {
            let keys = proof.compared()?.keys.clone();
            (!keys.is_empty()).then(|| (table.clone(), keys))
        });
        drifted.collect()
    };
    each.map(|(schema, verified)| (schema.clone(), keys(verified))).collect()
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
    if compared.drifted() > shown {
        output.line(&format!("  and {} more", compared.drifted() - shown));
    }
    for (name, why) in &compared.left_out {
        output.line(&format!("  column {name} not compared: {why}"));
    }
}
