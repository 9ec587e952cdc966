//! Schemas that are hostile by their names, beside honest ones that are fed at a steady rate.
//!
//! A change of an honest schema exists from the moment that its number says, so that a test can tell
//! how far behind a copy is, and what it must come to.

pub mod feed;
mod hostile;

use std::time::{SystemTime, UNIX_EPOCH};

use cartridge_warp_sdk::{
    ChangeBatch, Chunk, ColumnType, Config, Description, Failure, Limits, Operation, Position,
    SnapshotBatch, Source, Table, TableWriter, ValueError, export_source,
};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// When the first change happens, in milliseconds since 1970.
    pub since_ms: u64,
    /// Changes of each schema in a second.
    pub per_second: u64,
    /// Changes of each schema in all.
    pub changes: u64,
}

pub struct HostileSource {
    options: Options,
    calls: u64,
}

fn table(schema: &str) -> Table {
    Table::new(feed::table(schema))
        .column("id", ColumnType::BigInt)
        .column("value", ColumnType::BigInt)
        .key(["id"])
}

fn unfit(error: ValueError) -> Failure {
    Failure::stop("value", error.to_string())
}

/// The changes that have happened.
fn happened(options: &Options) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let passed = (now.as_millis() as u64).saturating_sub(options.since_ms);
    (passed * options.per_second / 1000).min(options.changes)
}

impl Source for HostileSource {
    type Options = Options;

    fn describe() -> Description {
        Description::new("hostile", env!("CARGO_PKG_VERSION"), "Hostile schemas beside honest ones")
            .capability("change-detection:log")
    }

    fn connect(config: Config<Options>) -> Result<Self, Failure> {
        Ok(Self { options: config.options, calls: 0 })
    }

    fn get_schema(&mut self, schema: &str) -> Result<Vec<Table>, Failure> {
        Ok(vec![table(schema)])
    }

    fn current_position(&mut self, _: &str) -> Result<Position, Failure> {
        Ok(0_u64.to_le_bytes().to_vec())
    }

    fn plan_snapshot(&mut self, _: &str, _: &str, _: &[u8], _: u32) -> Result<Vec<Chunk>, Failure> {
        Ok(Vec::new())
    }

    fn get_full_snapshot(
        &mut self,
        _: &str,
        _: &str,
        _: &Chunk,
        _: Option<&[u8]>,
        _: Limits,
    ) -> Result<SnapshotBatch, Failure> {
        Ok(SnapshotBatch::default())
    }

    fn get_changes(
        &mut self,
        schema: &str,
        after: &[u8],
        limits: Limits,
    ) -> Result<ChangeBatch, Failure> {
        self.calls += 1;
        let after = after.try_into().map(u64::from_le_bytes);
        let after = after.map_err(|_| Failure::stop("position", "it is none of this source"))?;
        if let Some(batch) = hostile::commit(schema, after, self.calls) {
            return Ok(batch);
        }
        let end = happened(&self.options).min(after + limits.rows_max as u64);
        if end == after {
            std::thread::sleep(limits.wait);
        }
        let mut writer = TableWriter::changes(&table(schema));
        for n in after..end {
            let mut row = writer.row(Operation::Update);
            row.set("id", feed::key(n) as i64).map_err(unfit)?;
            row.set("value", n as i64).map_err(unfit)?;
            row.commit();
        }
        let tables = if writer.is_empty() { Vec::new() } else { vec![writer.finish()?] };
        Ok(ChangeBatch {
            tables,
            position: end.to_le_bytes().to_vec(),
            caught_up: end == happened(&self.options),
            ..ChangeBatch::default()
        })
    }

    fn confirm(&mut self, _: &str, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}

export_source!(HostileSource);
