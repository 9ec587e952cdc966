//! The second half of `verify --repair`: rows that drifted are written again.
//!
//! A run of the pipeline does it, where there is one; else this process does.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{CliError, output::Output};
use crate::{
    control::{Client, REPAIRED_ROWS_MAX, RepairBody},
    model::text::counted,
    runner::{Repaired, WarpRunner},
};

/// Keys that a run is asked to repair at once, in bytes: below what a request may have, however they are written.
const KEYS_BYTES_MAX: usize = 32 * 1024;

/// Who writes the rows, and who is told.
pub struct Repairing<'a> {
    pub runner: &'a WarpRunner,
    pub run: Option<&'a Client>,
    pub take_over: bool,
    pub output: Output,
}

/// Keys of rows by table.
type Keys = BTreeMap<String, Vec<String>>;

impl Repairing<'_> {
    /// Writes the rows of these keys again, by schema, and tells how many.
    pub async fn write_again(&self, drifted: BTreeMap<String, Keys>) -> Result<(), CliError> {
        for (schema, tables) in drifted.into_iter().filter(|(_, tables)| !tables.is_empty()) {
            let came = match self.run {
                Some(run) => self.through(run, &schema, tables).await?,
                None => match self.runner.repair(&schema, &tables, self.take_over).await {
                    Some(came) => came.map_err(CliError::failed)?,
                    None => continue,
                },
            };
            came.iter().for_each(|(table, repaired)| self.tell(&schema, table, repaired));
        }
        Ok(())
    }

    async fn through(
        &self,
        run: &Client,
        schema: &str,
        tables: Keys,
    ) -> Result<BTreeMap<String, Repaired>, CliError> {
        let mut came = BTreeMap::<String, Repaired>::new();
        for (table, keys) in tables {
            let came = came.entry(table.clone()).or_default();
            let mut left = keys.as_slice();
            while !left.is_empty() {
                let (some, rest) = left.split_at(part(left));
                left = rest;
                let tables = BTreeMap::from([(table.clone(), some.to_vec())]);
                let (schema, take_over) = (Some(schema.to_owned()), self.take_over);
                let body = RepairBody { schema, tables, take_over };
                let answer = run.repair(&body).await.map_err(CliError::failed)?;
                for Repaired { rows, passed } in answer.tables.into_values() {
                    came.rows += rows;
                    for (why, rows) in passed {
                        *came.passed.entry(why).or_default() += rows;
                    }
                }
            }
        }
        Ok(came)
    }

    fn tell(&self, schema: &str, table: &str, Repaired { rows, passed }: &Repaired) {
        let output = self.output;
        if output.is_json() {
            let passed = passed.iter().map(|(why, rows)| json!({"rows": rows, "why": why}));
            let passed: Vec<Value> = passed.collect();
            output.json(&json!({
                "schema": schema, "table": table, "repaired": rows, "not_repaired": passed,
            }));
            return;
        }
        output.line(&format!("{schema}.{table}: {} written again", counted(*rows, "row")));
        for (why, rows) in passed {
            output.line(&format!("  {} not: {why}", counted(*rows, "row")));
        }
    }
}

/// How many of these keys one request has, at least one.
fn part(keys: &[String]) -> usize {
    let mut bytes = 0;
    let fits = keys.iter().take(REPAIRED_ROWS_MAX).take_while(|key| {
        bytes += key.len();
        bytes <= KEYS_BYTES_MAX
    });
    fits.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_as_many_keys_as_it_has_room_for() {
        let keys = |count: usize, bytes: usize| vec!["k".repeat(bytes); count];
        let cases = [
            (keys(10, 10), 10),
            (keys(5_000, 10), REPAIRED_ROWS_MAX),
            (keys(100, 1_000), 32),
            (keys(2, 1_000_000), 1),
        ];
        for (keys, expected) in cases {
            assert_eq!(part(&keys), expected, "{} of {} bytes", keys.len(), keys[0].len());
        }
    }
}
