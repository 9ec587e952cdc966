//! The trait of sources and the shapes of their answers.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::extras::unpromised;
use crate::lookup::unable;
use crate::moment::unknown;
use crate::turns::none;
use crate::{
    Config, DeadLetter, Description, Failure, Limits, LookedUp, Released, RetainedLog,
    SchemaChange, Table, TableExtras, TableRows,
};

/// Where a reader stands in a source's history. Opaque to the host; at most 64 KiB. Version your
/// bytes: every position ever returned must stay readable.
pub type Position = Vec<u8>;

/// A part of a table's snapshot that can be read independently of the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chunk {
    /// Unique within the table, the same each time it is planned for the same start; ≤ 128 bytes.
    pub id: String,
    /// Whatever the connector needs to read it; ≤ 64 KiB.
    pub descriptor: Vec<u8>,
    /// For progress bars.
    pub estimated_rows: Option<u64>,
}

/// One step of a chunk.
#[derive(Debug, Clone, Default)]
pub struct SnapshotBatch {
    /// None when this step found no rows.
    pub rows: Option<TableRows>,
    /// Rows that could not travel.
    pub rejected: Vec<DeadLetter>,
    /// Where the chunk goes on; none when it is finished.
    pub next_cursor: Option<Vec<u8>>,
}

/// One step of the change stream.
#[derive(Debug, Clone, Default)]
pub struct ChangeBatch {
    /// Applied before the rows: when the shape changes in mid-batch, end the batch before it.
    pub schema_changes: Vec<SchemaChange>,
    /// Rows by table; order is kept within a table.
    pub tables: Vec<TableRows>,
    /// Rows that could not travel.
    pub rejected: Vec<DeadLetter>,
    /// Where the stream stands after this batch; never backwards.
    pub position: Position,
    /// True when there was nothing further to read.
    pub caught_up: bool,
    /// True when the batch ends within a transaction of the source, of which more follows.
    pub within_transaction: bool,
}

/// A connector that reads. Implement it and call [`export_source!`](crate::export_source).
///
/// One value serves one connection; dropping it disconnects. The host opens one for the change
/// stream and others for snapshots, which run in parallel. Calls repeat after a crash: with the
/// same arguments they must be able to return the same rows.
pub trait Source: Sized {
    /// The connector's own options. Put `#[serde(deny_unknown_fields)]` on the type.
    type Options: DeserializeOwned + JsonSchema;

    /// Says what this connector is. Pure: no I/O, the same answer every time.
    fn describe() -> Description;

    /// Opens the source. Cheap checks belong here, so that errors come at once.
    ///
    /// # Errors
    /// `config` when a person has to change something, `retry` when the far side may come back.
    fn connect(config: Config<Self::Options>) -> Result<Self, Failure>;

    /// Proves that the source can be read.
    ///
    /// # Errors
    /// Whatever `connect` would say about it.
    fn test_connection(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Which tables these are, whoever asks and however it got there: the text that a destination for
    /// the same system gives for the same tables, so that the host can refuse to copy them onto
    /// themselves. None where the system has nothing of the kind.
    ///
    /// # Errors
    /// When the system cannot be asked.
    fn identify(&mut self, schema: &str) -> Result<Option<String>, Failure> {
        let _ = schema;
        Ok(None)
    }

    /// All tables of a schema.
    ///
    /// # Errors
    /// `config` when there is no such schema.
    fn get_schema(&mut self, schema: &str) -> Result<Vec<Table>, Failure>;

    /// The tables the operator selected, before any call below. A source may read less by it; the
    /// host filters in any case.
    ///
    /// # Errors
    /// When the selection cannot be applied.
    fn select_tables(&mut self, schema: &str, tables: &[String]) -> Result<(), Failure> {
        let _ = (schema, tables);
        Ok(())
    }

    /// Whether the stream goes on behind this position with every change of the selected tables, found out
    /// without reading, holding or changing anything: another process may be following it.
    ///
    /// # Errors
    /// What [`Source::get_changes`] would refuse to begin with.
    fn check_position(&mut self, schema: &str, after: &[u8]) -> Result<(), Failure> {
        let _ = (schema, after);
        Ok(())
    }

    /// Where the change stream stands now. Every change after this moment must be in the stream.
    ///
    /// # Errors
    /// When the source cannot say.
    fn current_position(&mut self, schema: &str) -> Result<Position, Failure>;

    /// These tables are about to be copied anew while the others go on: returns the position with
    /// whatever it says of them renewed. The stream after it has every change of theirs from this
    /// moment on, may leave out older ones, and skips nothing of other tables. By default the
    /// position itself, which is right where it says nothing of single tables.
    ///
    /// # Errors
    /// When a table cannot be copied or the position's history is gone.
    fn renew_tables(
        &mut self,
        schema: &str,
        position: &[u8],
        tables: &[String],
    ) -> Result<Position, Failure> {
        let _ = (schema, tables);
        Ok(position.to_vec())
    }

    /// Cuts a table into about `target_chunks` chunks; by default into one.
    ///
    /// # Errors
    /// When the table cannot be read.
    fn plan_snapshot(
        &mut self,
        schema: &str,
        table: &str,
        start: &[u8],
        target_chunks: u32,
    ) -> Result<Vec<Chunk>, Failure> {
        let _ = (schema, table, target_chunks);
        Ok(vec![Chunk { id: "all".to_owned(), descriptor: start.to_vec(), estimated_rows: None }])
    }

    /// Reads the next rows of a chunk: from its beginning without a cursor, else after the cursor.
    ///
    /// # Errors
    /// When the rows cannot be read.
    fn get_full_snapshot(
        &mut self,
        schema: &str,
        table: &str,
        chunk: &Chunk,
        cursor: Option<&[u8]>,
        limits: Limits,
    ) -> Result<SnapshotBatch, Failure>;

    /// Reads changes after a position, in commit order, of all selected tables together. Blocks at
    /// most `limits.wait` when there are none, then answers with an empty batch.
    ///
    /// # Errors
    /// `resync` when the position's history is gone.
    fn get_changes(
        &mut self,
        schema: &str,
        after: &[u8],
        limits: Limits,
    ) -> Result<ChangeBatch, Failure>;

    /// The destination holds everything up to this position, so the source may forget it.
    ///
    /// # Errors
    /// When the source could not take note; the host will confirm again.
    fn confirm(&mut self, schema: &str, position: &[u8]) -> Result<(), Failure> {
        let _ = (schema, position);
        Ok(())
    }

    /// How much log is kept for the pipeline, which committed `position` last if that is known; none where
    /// nothing is. Asked every ten seconds on a connection of its own, while another one reads.
    ///
    /// # Errors
    /// When the system cannot be asked.
    fn backlog(
        &mut self,
        schema: &str,
        position: Option<&[u8]>,
    ) -> Result<Option<RetainedLog>, Failure> {
        let _ = (schema, position);
        Ok(None)
    }

    /// Removes what this connector made for the pipeline in the source's system, and nothing that the operator
    /// made or named; `dry` only says what would be. A position of before is `resync` from then on. By
    /// default nothing, which is right where nothing is made.
    ///
    /// # Errors
    /// `retry` for what somebody reads at this moment.
    fn release(&mut self, schema: &str, dry: bool) -> Result<Released, Failure> {
        let _ = (schema, dry);
        Ok(Released::default())
    }

    /// The rows of a selected table that have these keys, as they are now: at least as new as any change that was
    /// told before, by whichever connection. `keys` are rows of the key columns, of different keys. For dead letters
    /// that are tried again; unless it is overridden it says that nothing can be looked up.
    ///
    /// # Errors
    /// When they cannot be read. A key by which nothing can be looked up is among the rejected.
    fn lookup(
        &mut self,
        schema: &str,
        table: &str,
        keys: &TableRows,
        limits: Limits,
    ) -> Result<LookedUp, Failure> {
        let _ = (schema, keys, limits);
        Err(unable(table))
    }

    /// The stream is followed in turns with the copy of some tables. While `copying` is true, until it is said otherwise,
    /// each change tells of its row also what it leaves out: the copy may not have come to the row, or have missed it.
    /// Only for sources without `exact-snapshot`. Who reads chunks in a turn is an instance of its own, opened in that turn.
    ///
    /// # Errors
    /// `config` [`NO_TURNS`](crate::NO_TURNS) unless it is overridden: then the other tables wait while one is copied.
    fn begin_turn(&mut self, schema: &str, copying: bool) -> Result<(), Failure> {
        let _ = (schema, copying);
        Err(none())
    }

    /// The present moment of the system's history: all that [`Source::lookup`] answered before is at or before it. The
    /// stream, where somebody follows it, tells a position behind the moment within seconds, also where nothing else
    /// changes: if it takes a word in the system's log for that, and the log may be written, this writes one.
    ///
    /// # Errors
    /// `config` [`NO_MOMENTS`](crate::NO_MOMENTS) unless it is overridden.
    fn moment(&mut self, schema: &str) -> Result<Vec<u8>, Failure> {
        let _ = schema;
        Err(unknown())
    }

    /// Whether the stream has told every change up to a moment when it stands at a position.
    ///
    /// # Errors
    /// As [`Source::moment`]; `stop` for bytes that are none of this connector's.
    fn reached(&mut self, schema: &str, position: &[u8], moment: &[u8]) -> Result<bool, Failure> {
        let _ = (schema, position, moment);
        Err(unknown())
    }

    /// What a selected table has beside its columns and its key, as of now. The host asks where a capability promises
    /// it: `create:indexes`, `create:comments`. The key's index is left out; what cannot be told whole is among
    /// [`TableExtras::untold`].
    ///
    /// # Errors
    /// When it cannot be read.
    fn extras(&mut self, schema: &str, table: &str) -> Result<TableExtras, Failure> {
        let _ = schema;
        Err(unpromised(table))
    }
}
