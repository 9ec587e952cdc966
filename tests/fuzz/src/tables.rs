//! Tables as the runner keeps them, with rules that touch every column.

use std::{path::Path, sync::LazyLock};

use cartridge_warp::{
    config::{TableSettings, WarpConfig, WriteMode},
    model::{TableBatch, TableShape},
    plugin::ChangeBatch,
    runner::fuzzing::{Promises, Table},
    schema::{Policy, Strategy, Verdict, decide, is_compatible},
};
use serde_json::json;

/// Names that columns have in inputs, so that rules and changes find them.
pub const NAMES: [&str; 8] = ["id", "a", "b", "c", "d", "_op", "_ts", "_unchanged"];

/// Lets everything through that can be let through.
const POLICY: Policy = Policy {
    enabled: true,
    strategy: Strategy::Aggressive,
    type_widening: true,
    object_to_json: true,
    fallback_to_text: true,
    type_changes: true,
    column_removals: None,
    approve_risky: false,
    approve_dangerous: false,
    approve_all: false,
};

static SETTINGS: LazyLock<[TableSettings; 3]> = LazyLock::new(|| {
    let masks = json!({"a": "hash", "b": "redact"});
    let columns = json!({"mask": masks, "rename": {"c": "x"}, "exclude": ["d"]});
    let types = json!({"a": "integer", "b": "timestamptz", "c": "text"});
    let added = json!({"x": "eu", "at": {"from": "commit_time"}});
    let forms = json!({"types": types, "add": added, "mask": {"d": {"keep_last": 4}}});
    [settings(json!({})), settings(columns), settings(forms)]
});

fn settings(columns: serde_json::Value) -> TableSettings {
    let config = WarpConfig::from_value(
        json!({
            "mode": "single",
            "single_schema_name": "s",
            "hash_key": "a key of some length",
            "source": {"type": "x", "connection_string": "x"},
            "destination": {"type": "x", "connection_string": "x"},
            "schemas": [{"name": "s", "tables": [{"name": "t", "columns": columns}]}],
        }),
        Path::new("/"),
    );
    config.expect("a configuration that is valid").table_settings("s", "t")
}

/// Sends a batch through the rules of a table that was known in this shape, as the runner does: what
/// the batch brings anew is accepted first.
pub fn shaped(batch: &TableBatch, known: &TableShape) {
    for settings in &*SETTINGS {
        for whole_rows in [false, true] {
            let promises = Promises { exact_snapshot: true, whole_rows, ..Promises::default() };
            let Ok(mut table) = Table::new(known.clone(), settings.clone(), promises).checked()
            else {
                continue;
            };
            let news = table.news(&batch.schema);
            // Columns that can't be told apart: the table is copied again instead.
            if news.unclear.is_some() {
                continue;
            }
            for change in news.changes {
                let _ = table.accept(&change);
            }
            assert!(table.news(&batch.schema).is_empty(), "what was accepted is new again");
            let _ = table.plan();
            if let Ok(shaped) = table.shape(batch.clone()) {
                shaped.batches.iter().for_each(crate::reading::shaped);
            }
        }
    }
}

/// Follows the changes of shape that a guest announces, as the runner does.
pub fn evolved(batch: &ChangeBatch) {
    let promises = Promises { exact_snapshot: true, ..Promises::default() };
    let mut known: Vec<Table> = Vec::new();
    for change in &batch.schema_changes {
        let shape =
            change.after.iter().map(|after| TableShape { key: Vec::new(), ..after.clone() });
        for settings in &*SETTINGS {
            let settings = TableSettings { write_mode: WriteMode::Append, ..settings.clone() };
            known.extend(
                shape
                    .clone()
                    .filter_map(|it| Table::new(it, settings.clone(), promises).checked().ok()),
            );
        }
        for table in &mut known {
            if decide(change, &table.source, &POLICY) == Verdict::Apply {
                let _ = (is_compatible(change, &table.source, &POLICY), table.accept(change));
            }
        }
    }
    for table in &mut known {
        for rows in &batch.tables {
            for change in table.news(&rows.schema).changes {
                let _ = table.accept(&change);
            }
            let _ = table.shape(rows.clone());
        }
        for letter in &batch.rejected {
            let _ = table.redact_payload(&letter.payload);
        }
    }
}
