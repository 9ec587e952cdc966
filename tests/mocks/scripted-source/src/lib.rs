//! A source for tests: an honest one with a reproducible history, and faults where the script says.
//!
//! It forgets what was confirmed, as a replication slot does: a host that confirms a position before
//! it is durable, is killed, and then asks for changes after an older one, gets `resync`.

pub mod history;
mod options;
mod probe;
mod shape;
mod told;

use cartridge_warp_sdk::{
    ChangeBatch, Chunk, Config, Description, Failure, Limits, Operation, Position, SnapshotBatch,
    Source, Table, TableWriter, ValueError, export_source,
};
use history::{Step, change, rows};
pub use options::{Options, Probe};
use script::{Script, read_number, write_number};
use shape::{batch_end, changes_at, table};
use told::Told;

/// File of the position that the host confirmed.
const CONFIRMED: &str = "confirmed";

pub struct ScriptedSource {
    script: Script,
    options: Options,
    /// The history of somebody else, in place of its own.
    told: Option<Told>,
}

impl ScriptedSource {
    /// Where the stream stands: what was confirmed, or the beginning.
    fn now(&self) -> u64 {
        read_number(&self.script.directory, CONFIRMED).max(self.options.past)
    }

    fn index(name: &str) -> u64 {
        name.trim_start_matches('t').parse().unwrap_or(0)
    }
}

fn number(position: &[u8]) -> Result<u64, Failure> {
    let bytes = position
        .try_into()
        .map_err(|_| Failure::stop("position", "the position is not one of this source"))?;
    Ok(u64::from_le_bytes(bytes))
}

fn unfit(error: ValueError) -> Failure {
    Failure::stop("value", error.to_string())
}

#[allow(clippy::cast_possible_wrap)] // Numbers of a test's history are small.
impl Source for ScriptedSource {
    type Options = Options;

    fn describe() -> Description {
        Description::new("scripted", env!("CARGO_PKG_VERSION"), "A reproducible history for tests")
            .capability("change-detection:log")
            .capability("exact-snapshot")
            .capability("disjoint-chunks")
            .capability("transactions")
            .wants("write-directory", "${connection_string}", "counts calls across instances")
    }

    fn connect(config: Config<Options>) -> Result<Self, Failure> {
        let directory = config.path("connection_string")?.guest_path.clone();
        probe::run(&config);
        let options = config.options;
        let script = Script {
            directory: directory.into(),
            prefix: String::new(),
            faults: options.faults.clone(),
        };
        script.call("connect")?;
        let told = options.told.as_ref().map(|told| Told::new(script.directory.clone(), told));
        Ok(Self { script, options, told })
    }

    fn get_schema(&mut self, _: &str) -> Result<Vec<Table>, Failure> {
        self.script.call("get-schema")?;
        if let Some(told) = &self.told {
            return Ok(told.schema());
        }
        let now = self.now();
        (0..self.options.tables).map(|index| table(&self.options, index, now)).collect()
    }

    fn current_position(&mut self, _: &str) -> Result<Position, Failure> {
        match &self.told {
            Some(told) => told.position(),
            None => Ok(self.now().to_le_bytes().to_vec()),
        }
    }

    fn plan_snapshot(
        &mut self,
        _: &str,
        _: &str,
        start: &[u8],
        _: u32,
    ) -> Result<Vec<Chunk>, Failure> {
        self.script.call("plan-snapshot")?;
        if let Some(told) = &self.told {
            return told.plan(start);
        }
        let chunk = |half: u8| Chunk {
            id: format!("half-{half}"),
            descriptor: [&[half], start].concat(),
            estimated_rows: Some(self.options.keys / 2),
        };
        Ok(vec![chunk(0), chunk(1)])
    }

    fn get_full_snapshot(
        &mut self,
        _: &str,
        name: &str,
        chunk: &Chunk,
        cursor: Option<&[u8]>,
        limits: Limits,
    ) -> Result<SnapshotBatch, Failure> {
        self.script.call("get-full-snapshot")?;
        if let Some(told) = &mut self.told {
            return told.snapshot(chunk, cursor, limits);
        }
        let Options { tables, keys, .. } = self.options;
        let (half, start) = chunk
            .descriptor
            .split_first()
            .ok_or_else(|| Failure::stop("chunk", "the chunk has no descriptor"))?;
        let index = Self::index(name);
        let after = cursor.map(number).transpose()?;
        let start = number(start)?;
        let mut writer = TableWriter::inserts(&table(&self.options, index, start)?);
        let mut last = None;
        let all = rows(index, start, tables, keys);
        let of_half = all.into_iter().filter(|(key, _)| key % 2 == u64::from(*half));
        for (key, value) in of_half.filter(|(key, _)| after.is_none_or(|after| *key > after)) {
            if writer.len() >= limits.rows_max {
                return Ok(SnapshotBatch {
                    rows: Some(writer.finish()?),
                    next_cursor: last.map(|key: u64| key.to_le_bytes().to_vec()),
                    ..SnapshotBatch::default()
                });
            }
            let mut row = writer.row(Operation::Insert);
            row.set("id", key as i64).map_err(unfit)?;
            row.set("value", value as i64).map_err(unfit)?;
            row.commit();
            last = Some(key);
        }
        Ok(SnapshotBatch { rows: Some(writer.finish()?), ..SnapshotBatch::default() })
    }

    fn get_changes(
        &mut self,
        _: &str,
        after: &[u8],
        limits: Limits,
    ) -> Result<ChangeBatch, Failure> {
        self.script.call("get-changes")?;
        if let Some(told) = &mut self.told {
            return told.changes(after, limits);
        }
        let Options { tables, keys, changes, .. } = self.options;
        let start = number(after)?;
        let forgotten = read_number(&self.script.directory, CONFIRMED);
        if start < forgotten {
            return Err(Failure::resync(
                "pruned",
                format!("changes {start} to {forgotten} are gone: they were confirmed"),
            ));
        }
        let end = changes.min(start + limits.rows_max as u64);
        let end = batch_end(&self.options, start, end);
        let mut batch = ChangeBatch {
            position: end.to_le_bytes().to_vec(),
            caught_up: end == changes,
            schema_changes: changes_at(&self.options, start)?,
            ..ChangeBatch::default()
        };
        // Order matters only within a table, so each table's rows go together.
        for index in 0..tables {
            let mut writer = TableWriter::changes(&table(&self.options, index, start)?);
            for change in (start..end).map(|n| change(n, tables, keys)) {
                if change.table != index {
                    continue;
                }
                let operation = match change.step {
                    Step::Insert => Operation::Insert,
                    Step::Update => Operation::Update,
                    Step::Delete => Operation::Delete,
                };
                let mut row = writer.row(operation);
                row.set("id", change.key as i64).map_err(unfit)?;
                if change.step != Step::Delete {
                    row.set("value", change.value as i64).map_err(unfit)?;
                }
                row.commit();
            }
            if !writer.is_empty() {
                batch.tables.push(writer.finish()?);
            }
        }
        if start == end {
            std::thread::sleep(limits.wait);
        }
        Ok(batch)
    }

    fn confirm(&mut self, _: &str, position: &[u8]) -> Result<(), Failure> {
        self.script.call("confirm")?;
        write_number(&self.script.directory, CONFIRMED, number(position)?)
    }
}

export_source!(ScriptedSource);
