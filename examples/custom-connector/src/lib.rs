//! A table of fortunes, to which one is added every `every_ms` milliseconds.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cartridge_warp_sdk::*;

const FORTUNES: [&str; 2] = ["A clean log is a happy log.", "Commit often."];

/// Options of the `fortunes` source.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Milliseconds between two fortunes.
    #[schemars(range(min = 1))]
    every_ms: u64,
}

pub struct Fortunes {
    table: Table,
    every_ms: u64,
}

export_source!(Fortunes);

impl Fortunes {
    /// The number of fortunes told until now: since 1970 there was one every `every_ms`.
    fn told(&self) -> Result<u64, Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_err(|_| Failure::retry("clock", "the clock stands before 1970"))?;
        Ok(u64::try_from(now.as_millis()).unwrap_or(u64::MAX) / self.every_ms)
    }

    fn rows(&self, ids: std::ops::Range<u64>) -> Result<TableRows, Failure> {
        let mut writer = TableWriter::changes(&self.table);
        for id in ids {
            let values = [Value::U64(id), Value::Str(FORTUNES[(id % 2) as usize])];
            let told = writer.push(Operation::Insert, values);
            told.map_err(|error| Failure::stop(ValueError::CODE, error.to_string()))?;
        }
        writer.finish()
    }
}

fn id(position: &[u8]) -> Result<u64, Failure> {
    let bytes = position.try_into().map(u64::from_le_bytes);
    bytes.map_err(|_| Failure::stop("unreadable-position", "the position is not 8 bytes"))
}

impl Source for Fortunes {
    type Options = Options;

    fn describe() -> Description {
        Description::new("fortunes", env!("CARGO_PKG_VERSION"), "A fortune every now and then")
            .capability("change-detection:log")
            .capability("exact-snapshot")
    }

    fn connect(config: Config<Options>) -> Result<Self, Failure> {
        let table = Table::new("fortunes").column("id", ColumnType::BigInt);
        let table = table.column("text", ColumnType::String).key(["id"]);
        Ok(Self { table, every_ms: config.options.every_ms.max(1) })
    }

    fn get_schema(&mut self, _schema: &str) -> Result<Vec<Table>, Failure> {
        Ok(vec![self.table.clone()])
    }

    fn current_position(&mut self, _schema: &str) -> Result<Position, Failure> {
        Ok(self.told()?.to_le_bytes().to_vec())
    }

    fn get_full_snapshot(
        &mut self, _: &str, _: &str, chunk: &Chunk, _: Option<&[u8]>, _: Limits,
    ) -> Result<SnapshotBatch, Failure> {
        let end = id(&chunk.descriptor)?;
        let rows = Some(self.rows(end.saturating_sub(10)..end)?);
        Ok(SnapshotBatch { rows, ..SnapshotBatch::default() })
    }

    fn get_changes(
        &mut self, _: &str, after: &[u8], limits: Limits,
    ) -> Result<ChangeBatch, Failure> {
        let (from, deadline) = (id(after)?, Instant::now() + limits.wait);
        while self.told()? <= from && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(self.every_ms.min(50)));
        }
        let told = self.told()?.max(from);
        let to = told.min(from.saturating_add(limits.rows_max as u64));
        let tables = if to > from { vec![self.rows(from..to)?] } else { Vec::new() };
        let position = to.to_le_bytes().to_vec();
        Ok(ChangeBatch { tables, position, caught_up: to == told, ..ChangeBatch::default() })
    }
}
