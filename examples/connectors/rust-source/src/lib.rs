//! A table of fortunes, to which one is added every `every_ms` milliseconds.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cartridge_warp_sdk::*;

/// The rows that are there when the copy begins.
const COPIED: u64 = 10;
const FORTUNES: [&str; 2] = ["A clean log is a happy log.", "Commit often."];

/// Options of the source. What stands here is what `connectors inspect` shows an operator.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Milliseconds between two fortunes.
    #[schemars(range(min = 1))]
    pub every_ms: u64,
}

pub struct Connector {
    table: Table,
    every_ms: u64,
}

export_source!(Connector);

impl Connector {
    /// The number of fortunes told until now: since 1970 there was one every `every_ms`.
    fn told(&self) -> Result<u64, Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_err(|_| Failure::retry("clock", "the clock stands before 1970"))?;
        Ok(u64::try_from(now.as_millis()).unwrap_or(u64::MAX) / self.every_ms)
    }

    /// As many of these as one answer may have, and where they end.
    fn rows(&self, from: u64, to: u64, limits: &Limits) -> Result<(TableRows, u64), Failure> {
        let mut writer = TableWriter::changes(&self.table);
        let mut next = from;
        while next < to && !writer.is_full(limits) {
            let values = [Value::U64(next), Value::Str(FORTUNES[(next % 2) as usize])];
            let told = writer.push(Operation::Insert, values);
            told.map_err(|error| Failure::stop(ValueError::CODE, error.to_string()))?;
            next += 1;
        }
        Ok((writer.finish()?, next))
    }
}

/// A position is the number of the next fortune. Yours has a version in front, so that it can change.
fn id(position: &[u8]) -> Result<u64, Failure> {
    let bytes = position.try_into().map(u64::from_le_bytes);
    bytes.map_err(|_| Failure::stop("unreadable-position", "the position is not 8 bytes"))
}

impl Source for Connector {
    type Options = Options;

    fn describe() -> Description {
        Description::new("starter", env!("CARGO_PKG_VERSION"), "A fortune every now and then")
            .capability("change-detection:log")
            .capability("exact-snapshot")
    }

    fn connect(config: Config<Options>) -> Result<Self, Failure> {
        let table = Table::new("fortunes").column("id", ColumnType::BigInt);
        let table = table.column("text", ColumnType::String).key(["id"]);
        let every_ms = config.options.every_ms.max(1);
        log::info("the fortunes are open", &[("every_ms", &every_ms.to_string())]);
        Ok(Self { table, every_ms })
    }

    fn get_schema(&mut self, _schema: &str) -> Result<Vec<Table>, Failure> {
        Ok(vec![self.table.clone()])
    }

    fn current_position(&mut self, _schema: &str) -> Result<Position, Failure> {
        Ok(self.told()?.to_le_bytes().to_vec())
    }

    fn get_full_snapshot(
        &mut self,
        _: &str,
        _: &str,
        chunk: &Chunk,
        cursor: Option<&[u8]>,
        limits: Limits,
    ) -> Result<SnapshotBatch, Failure> {
        let end = id(&chunk.descriptor)?;
        let from = cursor.map_or(Ok(end.saturating_sub(COPIED)), id)?;
        let (rows, next) = self.rows(from, end, &limits)?;
        let next_cursor = (next < end).then(|| next.to_le_bytes().to_vec());
        Ok(SnapshotBatch { rows: Some(rows), next_cursor, ..SnapshotBatch::default() })
    }

    fn get_changes(
        &mut self,
        _: &str,
        after: &[u8],
        limits: Limits,
    ) -> Result<ChangeBatch, Failure> {
        let (from, deadline) = (id(after)?, Instant::now() + limits.wait);
        while self.told()? <= from && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(self.every_ms.min(50)));
        }
        let told = self.told()?.max(from);
        let (rows, next) = self.rows(from, told, &limits)?;
        let tables = if rows.is_empty() { Vec::new() } else { vec![rows] };
        let position = next.to_le_bytes().to_vec();
        Ok(ChangeBatch { tables, position, caught_up: next == told, ..ChangeBatch::default() })
    }
}
