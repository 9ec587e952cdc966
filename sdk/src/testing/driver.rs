//! Runs a source natively, as the host would, for its author's unit tests.
//!
//! Every batch is encoded and decoded on the way, so a test sees what a destination would.

use std::time::{Duration, Instant};

use crate::wire::{Decoder, Encoder};
use crate::{
    ChangeBatch, DeadLetter, Failure, Limits, Operation, Position, Released, RetainedLog,
    SchemaChange, Source, Table, TableRows, Value,
};

/// Steps after which a snapshot or stream that never ends is taken for a defect.
const STEPS_MAX: usize = 100_000;

/// What a source said, collected.
#[derive(Debug, Default)]
pub struct Collected {
    /// Batches in order.
    pub batches: Vec<TableRows>,
    /// Rows that could not travel.
    pub rejected: Vec<DeadLetter>,
    /// Changes of shape, in order.
    pub schema_changes: Vec<SchemaChange>,
    /// Where the stream stands afterwards; empty for snapshots.
    pub position: Position,
}

impl Collected {
    /// One column of a table as text, for short assertions: nulls are `null`, and what is not an
    /// insert has its operation in front, as in `delete 7`.
    pub fn column(&self, table: &str, column: &str) -> Vec<String> {
        let batches = self.batches.iter().filter(|rows| rows.table() == table);
        batches.flat_map(|rows| (0..rows.len()).map(|row| cell(rows, row, column))).collect()
    }

    /// Puts what came next behind it.
    fn extend(&mut self, next: Self) {
        self.batches.extend(next.batches);
        self.rejected.extend(next.rejected);
        self.schema_changes.extend(next.schema_changes);
        self.position = next.position;
    }

    /// Rows of all tables together.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(TableRows::len).sum()
    }
}

fn cell(rows: &TableRows, row: usize, column: &str) -> String {
    let text = match rows.index_of(column).map(|at| rows.value(row, at)) {
        None | Some(Value::Null) => "null".to_owned(),
        Some(Value::Str(text)) => text.to_owned(),
        Some(value) => value.to_string(),
    };
    match rows.op(row) {
        Operation::Insert => text,
        operation => format!("{} {text}", operation.as_str()),
    }
}

/// Drives one source over one schema.
pub struct Driver<S> {
    /// The source itself, for calls of its own.
    pub source: S,
    schema: String,
    limits: Limits,
    encoder: Encoder,
    decoder: Decoder,
}

impl<S: Source> Driver<S> {
    /// A driver with the default limits that never waits.
    pub fn new(source: S, schema: impl Into<String>) -> Self {
        Self {
            source,
            schema: schema.into(),
            limits: Limits::default(),
            encoder: Encoder::default(),
            decoder: Decoder::default(),
        }
    }

    /// Reads with other limits, for instance one row a call.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Opens the schema as the host does: asks for its tables, selects those that have a key, and says which
    /// these are.
    ///
    /// # Errors
    /// The source's own.
    pub fn open(&mut self) -> Result<Vec<String>, Failure> {
        let tables = self.schema()?.into_iter().filter(|table| !table.key.is_empty());
        let names: Vec<String> = tables.map(|table| table.name).collect();
        self.select(&names)?;
        Ok(names)
    }

    /// All tables of the schema.
    ///
    /// # Errors
    /// The source's own.
    pub fn schema(&mut self) -> Result<Vec<Table>, Failure> {
        self.source.get_schema(&self.schema)
    }

    /// Selects tables.
    ///
    /// # Errors
    /// The source's own.
    pub fn select(&mut self, tables: &[String]) -> Result<(), Failure> {
        self.source.select_tables(&self.schema, tables)
    }

    /// The position with these tables renewed, which are about to be copied again.
    ///
    /// # Errors
    /// The source's own.
    pub fn renew(&mut self, position: &[u8], tables: &[String]) -> Result<Position, Failure> {
        self.source.renew_tables(&self.schema, position, tables)
    }

    /// Whether the stream can go on behind a position.
    ///
    /// # Errors
    /// The source's own.
    pub fn check_position(&mut self, after: &[u8]) -> Result<(), Failure> {
        self.source.check_position(&self.schema, after)
    }

    /// Says that everything up to a position is kept.
    ///
    /// # Errors
    /// The source's own.
    pub fn confirm(&mut self, position: &[u8]) -> Result<(), Failure> {
        self.source.confirm(&self.schema, position)
    }

    /// Where the stream stands now.
    ///
    /// # Errors
    /// The source's own.
    pub fn position(&mut self) -> Result<Position, Failure> {
        self.source.current_position(&self.schema)
    }

    /// Reads a table's snapshot, all chunks one after the other.
    ///
    /// # Errors
    /// The source's own, and `stop` when a chunk never ends.
    pub fn snapshot(
        &mut self,
        table: &str,
        start: &[u8],
        target_chunks: u32,
    ) -> Result<Collected, Failure> {
        let mut collected = Collected::default();
        let chunks = self.source.plan_snapshot(&self.schema, table, start, target_chunks)?;
        for chunk in chunks {
            let mut cursor: Option<Vec<u8>> = None;
            for step in 0.. {
                bound(step)?;
                let batch = self.source.get_full_snapshot(
                    &self.schema,
                    table,
                    &chunk,
                    cursor.as_deref(),
                    self.limits,
                )?;
                if let Some(rows) = batch.rows {
                    collected.batches.push(self.through_the_wire(&rows)?);
                }
                collected.rejected.extend(batch.rejected);
                cursor = batch.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
        }
        Ok(collected)
    }

    /// Reads changes until the source has caught up.
    ///
    /// # Errors
    /// The source's own, and `stop` when it never catches up.
    pub fn changes(&mut self, after: &[u8]) -> Result<Collected, Failure> {
        let mut collected = Collected { position: after.to_vec(), ..Collected::default() };
        for step in 0.. {
            bound(step)?;
            let ChangeBatch { schema_changes, tables, rejected, position, caught_up, .. } =
                self.source.get_changes(&self.schema, &collected.position, self.limits)?;
            for rows in &tables {
                collected.batches.push(self.through_the_wire(rows)?);
            }
            collected.schema_changes.extend(schema_changes);
            collected.rejected.extend(rejected);
            collected.position = position;
            if caught_up {
                break;
            }
        }
        Ok(collected)
    }

    /// Reads changes for at least this long, and until there are none: what was committed may not be
    /// in the source's log at once.
    ///
    /// # Errors
    /// As [`Driver::changes`].
    pub fn follow(&mut self, after: &[u8], at_least: Duration) -> Result<Collected, Failure> {
        let begun = Instant::now();
        let mut all = Collected { position: after.to_vec(), ..Collected::default() };
        loop {
            // Asked before reading: what comes in meanwhile belongs to it.
            let is_late = begun.elapsed() >= at_least;
            let next = self.changes(&all.position)?;
            let brought_nothing = next.rows() == 0 && next.schema_changes.is_empty();
            all.extend(next);
            if brought_nothing && is_late {
                return Ok(all);
            }
        }
    }

    /// What is kept for the pipeline that committed this position last.
    ///
    /// # Errors
    /// The source's own.
    pub fn backlog(&mut self, position: Option<&[u8]>) -> Result<Option<RetainedLog>, Failure> {
        self.source.backlog(&self.schema, position)
    }

    /// Removes what the source made for the pipeline, or says what would be.
    ///
    /// # Errors
    /// The source's own.
    pub fn release(&mut self, dry: bool) -> Result<Released, Failure> {
        self.source.release(&self.schema, dry)
    }

    /// Looks up all of these keys, which are rows of the key columns, and says which are absent, by their places.
    ///
    /// # Errors
    /// The source's own, and `stop` when it answers no key, or one twice.
    pub fn lookup(
        &mut self,
        table: &str,
        keys: &TableRows,
    ) -> Result<(Collected, Vec<usize>), Failure> {
        let (mut collected, mut absent, mut done) = (Collected::default(), Vec::new(), 0);
        while done < keys.len() {
            let asked = keys.record_batch().slice(done, keys.len() - done);
            let asked = self.through_the_wire(&TableRows::new(table, asked)?)?;
            let found = self.source.lookup(&self.schema, table, &asked, self.limits)?;
            let rows = found.rows.as_ref().map_or(0, TableRows::len);
            let told = rows + found.rejected.len() + found.absent.len();
            if found.answered == 0 || found.answered > asked.len() || told != found.answered {
                let what = format!("{told} answers for {} of {} keys", found.answered, asked.len());
                return Err(Failure::stop("endless", what));
            }
            if let Some(rows) = &found.rows {
                collected.batches.push(self.through_the_wire(rows)?);
            }
            collected.rejected.extend(found.rejected);
            absent.extend(found.absent.iter().map(|at| done + at));
            done += found.answered;
        }
        Ok((collected, absent))
    }

    fn through_the_wire(&mut self, rows: &TableRows) -> Result<TableRows, Failure> {
        let encoded = self.encoder.encode(rows)?;
        self.decoder.decode(encoded)
    }
}

fn bound(step: usize) -> Result<(), Failure> {
    if step < STEPS_MAX {
        return Ok(());
    }
    Err(Failure::stop("endless", format!("the source did not come to an end in {STEPS_MAX} steps")))
}
