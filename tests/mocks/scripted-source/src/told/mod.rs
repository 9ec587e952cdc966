//! A history that somebody else writes while the source is there. Its mistakes are what the checks of the
//! conformance kit are for.

mod history;
mod mutant;

use std::{
    hash::{BuildHasher, RandomState},
    path::PathBuf,
    time::Duration,
};

use cartridge_warp_sdk::{
    ChangeBatch, Chunk, Failure, Limits, Operation, Position, SchemaChange, SnapshotBatch, Table,
    TableWriter, log, secrets,
};
use script::{read_number, write_number};

use crate::{CONFIRMED, number};
use history::{Line, added, cuts, lines, rows, table, write};
use mutant::Mutant;
pub use mutant::ToldOptions;

/// File of where the history stood when a copy was planned.
const PLANNED: &str = "planned";

/// What is told by one instance.
pub struct Told {
    directory: PathBuf,
    mutant: Option<Mutant>,
    has_copied: bool,
    has_streamed: bool,
    /// How often connections had been cut when this one was made.
    cuts: u64,
    /// The added column that was told.
    told_column: Option<String>,
}

impl Told {
    pub(crate) fn new(directory: PathBuf, options: &ToldOptions) -> Self {
        let (cuts, told_column) = (cuts(&directory), added(&directory));
        let mutant = options.mutant;
        Self { directory, mutant, has_copied: false, has_streamed: false, cuts, told_column }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// The column that the table got, as far as this one notices.
    fn added(&self) -> Option<String> {
        if self.is(Mutant::KeepsColumns) { None } else { added(&self.directory) }
    }

    fn shape(&self) -> Table {
        table(self.added().as_deref())
    }

    pub(crate) fn schema(&self) -> Vec<Table> {
        let mut shape = self.shape();
        if self.is(Mutant::HidesKey) {
            shape.key.clear();
        }
        vec![shape]
    }

    pub(crate) fn position(&self) -> Result<Position, Failure> {
        if self.is(Mutant::LogsSecrets) {
            log::debug("connected", &[("with", &secrets::get("token")?)]);
        }
        Ok((lines(&self.directory)?.len() as u64).to_le_bytes().to_vec())
    }

    pub(crate) fn plan(&self, start: &[u8]) -> Result<Vec<Chunk>, Failure> {
        write_number(&self.directory, PLANNED, lines(&self.directory)?.len() as u64)?;
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
        let added = self.added();
        let mut writer = TableWriter::inserts(&table(added.as_deref()));
        let mut last = 0;
        let all = rows(&self.directory, start)?.into_iter();
        let of_half = |key: i64| key.rem_euclid(2) == i64::from(*half);
        let is_wanted = |key: i64| {
            after.is_none_or(|after| key > after)
                && (self.is(Mutant::OverlapsChunks) || of_half(key))
        };
        for (key, row) in all.filter(|(key, _)| is_wanted(*key)) {
            if writer.len() >= limits.rows_max {
                let cursor = if self.is(Mutant::LosesRows) { key } else { last };
                return Ok(SnapshotBatch {
                    rows: Some(writer.finish()?),
                    next_cursor: Some(cursor.to_le_bytes().to_vec()),
                    ..SnapshotBatch::default()
                });
            }
            write(&mut writer, Operation::Insert, key, row, added.as_deref())?;
            last = key;
        }
        Ok(SnapshotBatch { rows: Some(writer.finish()?), ..SnapshotBatch::default() })
    }

    pub(crate) fn changes(&mut self, after: &[u8], limits: Limits) -> Result<ChangeBatch, Failure> {
        if cuts(&self.directory) != self.cuts {
            return Err(match self.is(Mutant::StopsWhenCut) {
                true => Failure::stop("cut", "the connection was cut"),
                false => Failure::reconnect("cut", "the connection was cut"),
            });
        }
        let is_first = !self.has_streamed;
        self.has_streamed = true;
        let lines = lines(&self.directory)?;
        let count = lines.len() as u64;
        let (start, confirmed) = self.start(after, count, is_first)?;
        if !is_first && self.is(Mutant::WaitsForConfirm) && start > confirmed {
            std::thread::sleep(limits.wait);
            return Ok(ChangeBatch { position: after.to_vec(), ..ChangeBatch::default() });
        }
        let end = end_of(&lines, start, limits.rows_max as u64);
        let is_within = !is_whole(&lines, end) && !self.is(Mutant::SplitsTransactions);
        let mut batch = ChangeBatch {
            position: end.to_le_bytes().to_vec(),
            caught_up: end == count,
            within_transaction: is_within,
            ..ChangeBatch::default()
        };
        let added = self.added();
        if let Some(column) = added.as_ref().filter(|_| added != self.told_column) {
            batch.schema_changes.push(SchemaChange::add_column(column, self.shape()));
        }
        let mut writer = TableWriter::changes(&table(added.as_deref()));
        self.told_column.clone_from(&added);
        let told = lines.iter().take(end as usize).skip(start as usize);
        let drops = self.is(Mutant::DropsDeletes);
        for line in told.filter(|line| !drops || line.operation != Operation::Delete) {
            write(&mut writer, line.operation, line.key, line.row, added.as_deref())?;
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

    /// Where this one goes on, and up to where it was confirmed.
    fn start(&self, after: &[u8], count: u64, is_first: bool) -> Result<(u64, u64), Failure> {
        let mut start = match number(after) {
            Err(_) if self.is(Mutant::TakesAnyPosition) => 0,
            Err(_) if self.is(Mutant::FailsWithSecrets) => {
                return Err(Failure::stop("position", secrets::get("token")?));
            }
            read => read?,
        };
        let confirmed = read_number(&self.directory, CONFIRMED);
        let is_gone = is_first && self.is(Mutant::ForgetsTooMuch) && start == confirmed;
        if start < confirmed || (is_gone && confirmed > 0) {
            return Err(Failure::resync("pruned", format!("changes after {start} are gone")));
        }
        if is_first && self.is(Mutant::MissesOverlap) {
            start = start.max(read_number(&self.directory, PLANNED));
        }
        if is_first && self.is(Mutant::SkipsSome) && start.is_multiple_of(8) {
            start = count.min(start + 1);
        }
        Ok((start, confirmed))
    }
}

/// Whether what ends there ends with a transaction.
fn is_whole(lines: &[Line], end: u64) -> bool {
    end == 0 || lines.get(end as usize - 1).is_none_or(|line| line.is_end)
}

/// The end of an answer: one that goes on with a transaction ends where that does.
fn end_of(lines: &[Line], start: u64, rows_max: u64) -> u64 {
    let end = (lines.len() as u64).min(start + rows_max);
    if is_whole(lines, start) {
        return end;
    }
    (start + 1..end).find(|end| is_whole(lines, *end)).unwrap_or(end)
}
