//! What has become of histories in the end.

use std::collections::{BTreeMap, BTreeSet};

use cartridge_warp_tests::Ended;
use serde_json::Value;

use super::{compare::differences, round::Round};

/// A table that did not end as it has to.
pub struct Fault {
    pub table: String,
    /// Its history, for whoever looks why it ended so.
    pub told: String,
}

impl Round {
    /// Catches up, looks at what is parked, resumes it, and compares; counts what was parked, by its code.
    pub fn faults(&self, parked: &mut BTreeMap<String, usize>) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.catch_up(&[0, 3, 4]);
        let aside = self.aside();
        for (table, code) in &aside {
            *parked.entry(code.clone()).or_default() += 1;
            if !self.explains(table, code) {
                faults.push(self.fault(table, &format!("parked without a reason: {code}")));
            }
        }
        let different = differences(&self.databases);
        let followed = different.iter().filter(|table| !aside.contains_key(*table));
        faults.extend(followed.map(|table| self.fault(table, "it differs")));
        // Each copy of everything would mend what was found by now.
        let resumed = self.pipeline.run(&["resume", "--take-over"]);
        assert!(resumed.status.success(), "seed {}: {}", self.seed, resumed.stderr);
        let ended = self.catch_up(&[0, 3, 4]);
        let again = self.aside();
        for (table, code) in &again {
            let what = format!("{code} after `resume` of {aside:?}: {}", ended.stderr);
            faults.push(self.fault(table, &what));
        }
        let different = differences(&self.databases);
        let resumed = different.iter().filter(|table| !again.contains_key(*table));
        faults.extend(resumed.map(|table| self.fault(table, "it differs after `resume`")));
        let lettered = self.lettered();
        faults.extend(lettered.iter().map(|table| self.fault(table, "it has dead letters")));
        faults
    }

    /// Tables that are parked or paused, each with its code, or its state where it has none.
    fn aside(&self) -> BTreeMap<String, String> {
        let status = self.pipeline.run(&["--output", "json", "status"]);
        let status: Value = serde_json::from_str(status.stdout.lines().last().unwrap()).unwrap();
        let tables = status["tables"].as_object().unwrap().iter();
        let aside = tables
            .filter(|(_, table)| ["parked", "paused"].contains(&table["state"].as_str().unwrap()));
        let code =
            |table: &Value| table["code"].as_str().or(table["state"].as_str()).map(str::to_owned);
        aside.map(|(name, table)| (name.clone(), code(table).unwrap())).collect()
    }

    fn lettered(&self) -> BTreeSet<String> {
        let letters = "SELECT DISTINCT table_name FROM cartridge_warp_metadata.dead_letter_queue";
        self.databases.try_at_destination(letters).unwrap_or_default().into_iter().collect()
    }

    fn catch_up(&self, codes: &[i32]) -> Ended {
        let ended = self.pipeline.catch_up();
        let code = ended.status.code().unwrap_or(-1);
        assert!(codes.contains(&code), "seed {}: {code}: {}", self.seed, ended.stderr);
        ended
    }

    /// Whether the history of a table gives a reason to leave it out.
    fn explains(&self, table: &str, code: &str) -> bool {
        let made = |name: &str| {
            let sql = format!(
                "SELECT 1 FROM told.operations WHERE t = '{table}' AND name = '{name}' AND refused IS NULL"
            );
            !self.databases.at_source(&sql).is_empty()
        };
        match code {
            "paused" => self.ordered("pause", table),
            // A copy that was killed as it began.
            "incompatible-key" | "column-type" => true,
            "unfit-table" | "shape-changed" | "replica-identity" => {
                made("a wider key") || made("the first key again") || made("make the table anew")
            }
            "table-made-anew" => made("make the table anew") || made("another name and back"),
            _ => false,
        }
    }

    fn fault(&self, table: &str, what: &str) -> Fault {
        let sql = format!(
            "SELECT phase, name, sql, refused FROM told.operations WHERE t = '{table}' ORDER BY n"
        );
        let history = self.databases.at_source(&sql).join("\n");
        let rows = format!("SELECT left(to_jsonb(t)::text, 300) FROM {table} t ORDER BY id, part");
        let here = self.databases.at_source(&rows).join("\n");
        let there = self.databases.try_at_destination(&rows).unwrap_or_default().join("\n");
        let told = format!(
            "seed {}: {table}: {what}\nits history:\n{history}\nat the source:\n{here}\nat the \
             destination:\n{there}",
            self.seed
        );
        Fault { table: table.to_owned(), told }
    }
}
