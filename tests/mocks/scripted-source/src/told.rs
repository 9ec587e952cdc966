//! A history that somebody else writes while the source is there: a line for each change, `STEP KEY VALUE`,
//! where `-` is no value. Its mistakes are what the checks of the conformance kit are for.

use std::{
    collections::BTreeMap,
    fs,
    hash::{BuildHasher, RandomState},
    path::PathBuf,
    time::Duration,
};

use cartridge_warp_sdk::{
    ChangeBatch, Chunk, ColumnType, Failure, Limits, Operation, Position, SnapshotBatch, Table,
    TableWriter,
};
use schemars::JsonSchema;
use script::{read_number, write_number};
use serde::Deserialize;

use crate::{CONFIRMED, number, unfit};

/// The table, and the file of its history.
const TOLD: &str = "told";
/// File of where the history stood when a copy was planned.
const PLANNED: &str = "planned";

/// One mistake each, of those that a source can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mutant {
    /// The table has no key.
    HidesKey,
    /// A cursor is one row too far.
    LosesRows,
    /// Chunks have other names in each instance.
    RenamesChunks,
    /// A cursor of another instance is the end.
    ForgetsCursors,
    /// Each chunk is the whole table.
    OverlapsChunks,
    /// Rows are read as they are now.
    ReadsNow,
    /// The stream begins where the copy was planned.
    MissesOverlap,
    /// Deletes are not told.
    DropsDeletes,
    /// An instance that goes on at some positions leaves a change out.
    SkipsSome,
    /// Nothing is told until what was told is confirmed.
    WaitsForConfirm,
    /// What stands at the confirmed position is gone for the next instance.
    ForgetsTooMuch,
    /// An answer without changes takes longer than it may.
    Dawdles,
    /// What is no position is the beginning.
    TakesAnyPosition,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ToldOptions {
    /// A mistake to make all the time.
    pub mutant: Option<Mutant>,
}

/// What is told by one instance.
pub struct Told {
    directory: PathBuf,
    mutant: Option<Mutant>,
    has_copied: bool,
    has_streamed: bool,
}

struct Line {
    operation: Operation,
    key: i64,
    value: Option<i64>,
}

impl Told {
    pub(crate) fn new(directory: PathBuf, options: &ToldOptions) -> Self {
        Self { directory, mutant: options.mutant, has_copied: false, has_streamed: false }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    fn lines(&self) -> Result<Vec<Line>, Failure> {
        let text = fs::read_to_string(self.directory.join(TOLD)).unwrap_or_default();
        let line = |line: &str| {
            let [step, key, value] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
            let operation = match step {
                "insert" => Operation::Insert,
                "update" => Operation::Update,
                "delete" => Operation::Delete,
                _ => return None,
            };
            Some(Line { operation, key: key.parse().ok()?, value: value.parse().ok() })
        };
        let lines: Option<Vec<Line>> = text.lines().map(line).collect();
        lines.ok_or_else(|| Failure::stop("history", "a line of the history is none"))
    }

    fn shape(&self) -> Table {
        Table::new(TOLD)
            .column("id", ColumnType::BigInt)
            .column("value", ColumnType::BigInt)
            .key(["id"])
    }

    pub(crate) fn schema(&self) -> Vec<Table> {
        let mut shape = self.shape();
        if self.is(Mutant::HidesKey) {
            shape.key.clear();
        }
        vec![shape]
    }

    pub(crate) fn position(&self) -> Result<Position, Failure> {
        Ok((self.lines()?.len() as u64).to_le_bytes().to_vec())
    }

    pub(crate) fn plan(&self, start: &[u8]) -> Result<Vec<Chunk>, Failure> {
        write_number(&self.directory, PLANNED, self.lines()?.len() as u64)?;
        let salt = match self.is(Mutant::RenamesChunks) {
            true => RandomState::new().hash_one(0),
            false => 0,
        };
        let chunk = |half: u8| Chunk {
            id: format!("half-{half}-{salt}"),
            descriptor: [&[half], start].concat(),
            estimated_rows: None,
        };
        Ok(vec![chunk(0), chunk(1)])
    }

    pub(crate) fn snapshot(
        &mut self,
        chunk: &Chunk,
        cursor: Option<&[u8]>,
        limits: Limits,
    ) -> Result<SnapshotBatch, Failure> {
        let is_anothers = cursor.is_some() && !self.has_copied;
        self.has_copied = true;
        if is_anothers && self.is(Mutant::ForgetsCursors) {
            return Ok(SnapshotBatch::default());
        }
        let (half, start) = chunk
            .descriptor
            .split_first()
            .ok_or_else(|| Failure::stop("chunk", "the chunk has no descriptor"))?;
        let after = cursor.map(number).transpose()?.map(u64::cast_signed);
        let start = if self.is(Mutant::ReadsNow) { u64::MAX } else { number(start)? };
        let mut writer = TableWriter::inserts(&self.shape());
        let mut last = 0;
        let all = self.rows(start)?.into_iter();
        let of_half = |key: i64| key.rem_euclid(2) == i64::from(*half);
        let is_wanted = |key: i64| {
            after.is_none_or(|after| key > after)
                && (self.is(Mutant::OverlapsChunks) || of_half(key))
        };
        for (key, value) in all.filter(|(key, _)| is_wanted(*key)) {
            if writer.len() >= limits.rows_max {
                let cursor = if self.is(Mutant::LosesRows) { key } else { last };
                return Ok(SnapshotBatch {
                    rows: Some(writer.finish()?),
                    next_cursor: Some(cursor.to_le_bytes().to_vec()),
                    ..SnapshotBatch::default()
                });
            }
            write(&mut writer, &Line { operation: Operation::Insert, key, value })?;
            last = key;
        }
        Ok(SnapshotBatch { rows: Some(writer.finish()?), ..SnapshotBatch::default() })
    }

    /// The rows after so many changes.
    fn rows(&self, changes: u64) -> Result<BTreeMap<i64, Option<i64>>, Failure> {
        let mut rows = BTreeMap::new();
        let changes = usize::try_from(changes).unwrap_or(usize::MAX);
        for line in self.lines()?.into_iter().take(changes) {
            match line.operation {
                Operation::Delete => rows.remove(&line.key),
                _ => rows.insert(line.key, line.value),
            };
        }
        Ok(rows)
    }

    pub(crate) fn changes(&mut self, after: &[u8], limits: Limits) -> Result<ChangeBatch, Failure> {
        let is_first = !self.has_streamed;
        self.has_streamed = true;
        let lines = self.lines()?;
        let count = lines.len() as u64;
        let mut start = match number(after) {
            Err(_) if self.is(Mutant::TakesAnyPosition) => 0,
            read => read?,
        };
        let confirmed = read_number(&self.directory, CONFIRMED);
        let is_gone = is_first && self.is(Mutant::ForgetsTooMuch) && start == confirmed;
        if start < confirmed || (is_gone && confirmed > 0) {
            return Err(Failure::resync("pruned", format!("changes after {start} are gone")));
        }
        if !is_first && self.is(Mutant::WaitsForConfirm) && start > confirmed {
            std::thread::sleep(limits.wait);
            return Ok(ChangeBatch { position: after.to_vec(), ..ChangeBatch::default() });
        }
        if is_first && self.is(Mutant::MissesOverlap) {
            start = start.max(read_number(&self.directory, PLANNED));
        }
        if is_first && self.is(Mutant::SkipsSome) && start.is_multiple_of(8) {
            start = count.min(start + 1);
        }
        let end = count.min(start + limits.rows_max as u64);
        let mut batch = ChangeBatch {
            position: end.to_le_bytes().to_vec(),
            caught_up: end == count,
            ..ChangeBatch::default()
        };
        let mut writer = TableWriter::changes(&self.shape());
        let told = lines.iter().take(end as usize).skip(start as usize);
        let drops = self.is(Mutant::DropsDeletes);
        for line in told.filter(|line| !drops || line.operation != Operation::Delete) {
            write(&mut writer, line)?;
        }
        if !writer.is_empty() {
            batch.tables.push(writer.finish()?);
        }
        if start >= end {
            let late = Duration::from_secs(if self.is(Mutant::Dawdles) { 3 } else { 0 });
            std::thread::sleep(limits.wait + late);
        }
        Ok(batch)
    }
}

fn write(writer: &mut TableWriter, line: &Line) -> Result<(), Failure> {
    let mut row = writer.row(line.operation);
    row.set("id", line.key).map_err(unfit)?;
    if let Some(value) = line.value {
        row.set("value", value).map_err(unfit)?;
    }
    row.commit();
    Ok(())
}
