//! Makes the view of a run of what `monitor` holds. Nobody is asked for it, so it costs the pipeline nothing.

use std::collections::BTreeMap;

use super::view::{PluginView, SchemaView, SourceLogView, Status, TableView};
use crate::monitor::{
    Health, Metrics, PluginNumbers, TableNumbers, TableStatus, health::SchemaHealth,
};

/// Tables that are shown, of all schemas together (I7).
const TABLES_SHOWN_MAX: usize = 10_000;

/// The run of a pipeline since then.
pub fn status(pipeline: &str, since: &str, health: &Health, metrics: &Metrics) -> Status {
    let mut room = TABLES_SHOWN_MAX;
    let mut tables_left_out = 0;
    let view = |(name, schema): (String, SchemaHealth)| {
        let shown = room.min(schema.states.len());
        room -= shown;
        tables_left_out += schema.states.len() - shown;
        let view = schema_view(&name, schema, metrics, shown);
        (name, view)
    };
    let schemas = health.snapshot().into_iter().map(view).collect();
    Status {
        pipeline: pipeline.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        process: std::process::id(),
        since: since.to_owned(),
        schemas,
        plugins: metrics.plugins().into_iter().map(plugin_view).collect(),
        tables_left_out,
    }
}

fn schema_view(name: &str, schema: SchemaHealth, metrics: &Metrics, shown: usize) -> SchemaView {
    let of_schema = metrics.schema(name);
    let numbers = of_schema.numbers();
    let all = numbers.values().copied().fold(TableNumbers::default(), TableNumbers::and);
    let (attempt, error) = schema.state.failure();
    let log = schema.source_log.clone();
    let tables: BTreeMap<String, TableView> = schema
        .states
        .iter()
        .take(shown)
        .map(|(table, status)| {
            let numbers = numbers.get(table).copied().unwrap_or_default();
            (table.clone(), table_view(table, status, &schema, numbers))
        })
        .collect();
    SchemaView {
        state: schema.state.word().to_owned(),
        attempt,
        error,
        lag_seconds: of_schema.lag().as_secs_f64(),
        rows: all.rows,
        rows_per_second: all.rows_per_second,
        verify: schema.proof,
        source_log: log.map(|log| SourceLogView { words: log.words, bytes: log.bytes }),
        tables,
    }
}

/// A table as it is shown.
pub fn table_view(
    name: &str,
    status: &TableStatus,
    schema: &SchemaHealth,
    numbers: TableNumbers,
) -> TableView {
    let TableStatus { state, since, code, message, help } = status.clone();
    let progress = schema.tables.get(name).filter(|_| state == "copying");
    let copied = progress.map(|progress| progress.rows_done);
    let expected = progress.and_then(|progress| progress.rows_estimated);
    TableView {
        state: state.to_owned(),
        since,
        code,
        message,
        help,
        lag_seconds: numbers.lag.as_secs_f64(),
        rows: numbers.rows,
        rows_per_second: numbers.rows_per_second,
        copied_rows: copied,
        estimated_rows: expected,
        copy_seconds_left: seconds_left(copied, expected, numbers.rows_per_second),
        verify: schema.proof.as_ref().and_then(|proof| proof.remarks.get(name)).cloned(),
        dead_letters: schema.dead_letters.get(name).copied().unwrap_or_default(),
    }
}

/// None where the source expected fewer rows than there are already.
fn seconds_left(copied: Option<u64>, expected: Option<u64>, rows_per_second: f64) -> Option<f64> {
    let left = expected?.checked_sub(copied?)?;
    (rows_per_second > 0.0).then(|| left as f64 / rows_per_second)
}

/// A connector as it is shown.
pub fn plugin_view(numbers: PluginNumbers) -> PluginView {
    let PluginNumbers { plugin, role, memory_bytes, cpu_seconds, calls, restarts } = numbers;
    PluginView { plugin, role: role.to_owned(), memory_bytes, cpu_seconds, calls, restarts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tables_the_rate_is_zero_and_not_less() {
        let (health, metrics) = (Health::new(["shop"]), Metrics::new("shop").unwrap());
        let rate = status("shop", "", &health, &metrics).schemas["shop"].rows_per_second;
        assert_eq!(rate.to_string(), "0");
    }

    #[test]
    fn a_copy_takes_as_long_as_its_rate_says() {
        let cases = [
            (Some(50), Some(150), 10.0, Some(10.0)),
            (Some(150), Some(150), 10.0, Some(0.0)),
            (Some(151), Some(150), 10.0, None),
            (Some(50), None, 10.0, None),
            (None, Some(150), 10.0, None),
            (Some(50), Some(150), 0.0, None),
        ];
        for (copied, expected, rate, left) in cases {
            assert_eq!(
                seconds_left(copied, expected, rate),
                left,
                "{copied:?} {expected:?} {rate}"
            );
        }
    }
}
