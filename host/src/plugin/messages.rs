//! What calls of connectors carry.

use crate::model::{DeadLetter, Extra, Marker, Position, SchemaChange, Settlement, TableBatch};

/// One step of a chunk of a table's snapshot.
#[derive(Debug)]
pub struct SnapshotBatch {
    pub rows: Option<TableBatch>,
    pub rejected: Vec<DeadLetter>,
    /// Where the chunk goes on; none when it is finished.
    pub next_cursor: Option<Vec<u8>>,
}

impl SnapshotBatch {
    /// As [`ChangeBatch::byte_count`].
    pub fn byte_count(&self) -> usize {
        let cursor = self.next_cursor.as_ref().map_or(0, Vec::len);
        self.rows.as_ref().map_or(0, TableBatch::kept_bytes)
            + rejected_bytes(&self.rejected)
            + cursor
    }
}

/// One step of the change stream.
#[derive(Debug)]
pub struct ChangeBatch {
    /// Apply before the rows.
    pub schema_changes: Vec<SchemaChange>,
    pub tables: Vec<TableBatch>,
    pub rejected: Vec<DeadLetter>,
    pub position: Position,
    pub caught_up: bool,
    /// It ends within a transaction of the source: more of that follows.
    pub within_transaction: bool,
}

impl ChangeBatch {
    /// A batch whose one dead letter has a payload of so many bytes.
    #[cfg(test)]
    pub fn with_payload(bytes: usize) -> Self {
        let letter = DeadLetter {
            table: "t".into(),
            operation: "insert".into(),
            payload: "x".repeat(bytes),
            code: "c".into(),
            message: "m".into(),
            origin: "o".into(),
            key: None,
            held: crate::model::Held::default(),
        };
        Self {
            schema_changes: vec![],
            tables: vec![],
            rejected: vec![letter],
            position: Position(vec![]),
            caught_up: false,
            within_transaction: false,
        }
    }

    /// Rows of all tables.
    pub fn row_count(&self) -> usize {
        self.tables.iter().map(TableBatch::row_count).sum()
    }

    /// Bytes of all that the answer makes the host keep: rows, what was rejected, and shapes.
    pub fn byte_count(&self) -> usize {
        let rows: usize = self.tables.iter().map(TableBatch::kept_bytes).sum();
        let shapes = self.schema_changes.iter().map(SchemaChange::byte_count);
        rows + rejected_bytes(&self.rejected) + shapes.sum::<usize>() + self.position.0.len()
    }
}

fn rejected_bytes(rejected: &[DeadLetter]) -> usize {
    size_of_val(rejected) + rejected.iter().map(DeadLetter::byte_count).sum::<usize>()
}

/// What there is of rows that were looked up by their keys: each key that was answered has a row, is among the
/// rejected, or is absent.
#[derive(Debug)]
pub struct LookedUp {
    /// How many of the keys were looked up, from the front; at least one.
    pub answered: usize,
    pub rows: Option<TableBatch>,
    pub rejected: Vec<DeadLetter>,
    /// The places of keys that no row has.
    pub absent: Vec<usize>,
}

/// One step through a destination's table.
#[derive(Debug)]
pub struct ReadBatch {
    pub rows: Option<TableBatch>,
    /// Rows with a value that the plan's type does not have.
    pub rejected: Vec<DeadLetter>,
    /// How many rows were passed over because they are marked as deleted.
    pub passed_over: u64,
    /// Where it goes on; none at the end.
    pub next_cursor: Option<Vec<u8>>,
}

/// What became of one schema change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeOutcome {
    Applied,
    /// It was so already.
    Unchanged,
    Refused {
        reason: String,
    },
}

/// Everything that commits in one transaction (I2).
#[derive(Clone, Debug)]
pub struct WriteRequest {
    pub schema_name: String,
    /// Tables to empty first: a full re-sync begins anew.
    pub clear_tables: Vec<String>,
    pub tables: Vec<TableBatch>,
    pub dead_letters: Vec<DeadLetter>,
    pub markers: Vec<Marker>,
    pub epoch: u64,
    pub dead_letter_rejected: bool,
    /// Open dead letters whose rows come with it.
    pub retry: Option<Settlement>,
}

/// A table that is copied again while its rows stay, and the table that its keys are written to.
#[derive(Clone, Debug)]
pub struct SweepRequest {
    pub schema_name: String,
    pub table: String,
    pub keys: String,
    pub markers: Vec<Marker>,
    pub epoch: u64,
}

/// One thing that a table is to have beside its columns and key.
#[derive(Clone, Debug)]
pub struct ExtraRequest {
    pub schema_name: String,
    pub table: String,
    pub extra: Extra,
    pub epoch: u64,
}

/// A row that the destination refused and put among the dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRow {
    /// Index into [`WriteRequest::tables`], then into its rows; both exist.
    pub batch: usize,
    pub row: usize,
    pub code: String,
    pub message: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOutcome {
    pub rows_written: u64,
    pub rejected: Vec<RejectedRow>,
}

/// The log that a pipeline still needs, or that is kept for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetainedLog {
    /// Bytes of log that are kept because of the pipeline.
    pub bytes: Option<u64>,
    /// About when the oldest of it was committed, in microseconds since 1970 UTC.
    pub oldest_commit_us: Option<i64>,
    /// Bytes of log that may be written before the position is given up.
    pub left_bytes: Option<u64>,
    /// The same as a time in microseconds.
    pub left_us: Option<u64>,
    /// A sentence for a person.
    pub words: String,
}

/// What was removed, each in a few words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// What is removed, or would be.
    pub dropped: Vec<String>,
    /// What the pipeline uses and is not its own, with the reason.
    pub kept: Vec<String>,
    /// Whether no log is kept for the pipeline from then on.
    pub frees_log: bool,
}
