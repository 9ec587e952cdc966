//! The trait of destinations and the shapes of their requests.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::extras;
use crate::letters::unreadable;
use crate::read::unread;
use crate::sweep::unpromised;
use crate::{
    Column, Config, DeadLetter, Description, ExtraOutcome, ExtraRequest, Failure, LetterFilter,
    LetterPage, Limits, LookedUp, Marker, ReadBatch, SchemaChange, Settlement, SweepRequest, Swept,
    Table, TableRows,
};

/// Whether a table holds one row per key or one row per operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriteMode {
    /// One row per key, the last operation wins.
    Upsert,
    /// Every operation is a new row with `_cartridge_op` and `_cartridge_ts`.
    Append,
}

/// What a delete does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Deletion {
    /// It removes the row.
    Hard,
    /// It marks the row; a later insert or update clears the mark.
    Soft {
        /// The boolean column.
        column: String,
        /// The column that says when it was deleted.
        deleted_at: String,
    },
}

impl Deletion {
    /// What the column that says when is called, unless the operator says otherwise.
    pub const DELETED_AT: &str = "deleted_at";
}

/// Where a table is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TablePlace {
    /// The schema there.
    pub schema: String,
    /// The table's name there.
    pub table: String,
}

impl TablePlace {
    /// A place.
    pub fn new(schema: impl Into<String>, table: impl Into<String>) -> Self {
        Self { schema: schema.into(), table: table.into() }
    }
}

/// What is known of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Two places with the same text are one table; at most 4 KiB.
    pub identity: String,
    /// Whether a table is there.
    pub exists: bool,
    /// The source's table that it is kept for, if the connector made or adopted it.
    pub owner: Option<TablePlace>,
}

/// How a table is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablePlan {
    /// Its name at the source, by which all other calls mean it.
    pub name: String,
    /// Where it is kept; none: under its own name, in the schema of its own name.
    pub place: Option<TablePlace>,
    /// The columns to have.
    pub columns: Vec<Column>,
    /// Key columns in order; may be empty only with [`WriteMode::Append`].
    pub key: Vec<String>,
    /// One row per key or per operation.
    pub write_mode: WriteMode,
    /// What a delete does.
    pub deletion: Deletion,
}

impl TablePlan {
    /// A plan for a table under its own name, whose deletes remove rows.
    pub fn new(table: &Table, write_mode: WriteMode) -> Self {
        let Table { name, columns, key, .. } = table.clone();
        Self { name, place: None, columns, key, write_mode, deletion: Deletion::Hard }
    }

    /// Where the table of a schema is kept.
    pub fn place_in(&self, schema: &str) -> TablePlace {
        self.place.clone().unwrap_or_else(|| TablePlace::new(schema, &self.name))
    }
}

/// What became of one schema change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// Done.
    Applied,
    /// It was so already.
    Unchanged,
    /// Not done, with the reason.
    Refused(String),
}

/// Everything that commits in one transaction.
#[derive(Debug, Clone)]
pub struct WriteRequest {
    /// The schema all of it belongs to.
    pub schema: String,
    /// Tables to empty first, whatever their write mode: a full re-sync begins anew.
    pub clear_tables: Vec<String>,
    /// Rows in order; inserts and updates are upserts by key.
    pub tables: Vec<TableRows>,
    /// Rows that could not travel, to be kept with these.
    pub dead_letters: Vec<DeadLetter>,
    /// Positions to store with the rows.
    pub markers: Vec<Marker>,
    /// The writer's epoch: a smaller one than the schema's is fenced.
    pub epoch: u64,
    /// True: keep a rejected row in the dead letters and commit the others. False: write nothing
    /// and fail.
    pub dead_letter_rejected: bool,
    /// Open dead letters that this settles as `resolved`, since their rows come with it. Where a row is refused
    /// again the newest of those with its table and key stays open, with the new words. None where the
    /// destination has no letters that can be read back.
    pub retry: Option<Settlement>,
}

impl WriteRequest {
    /// A request that writes nothing yet and keeps dead letters.
    pub fn new(schema: impl Into<String>, epoch: u64) -> Self {
        Self {
            schema: schema.into(),
            clear_tables: Vec::new(),
            tables: Vec::new(),
            dead_letters: Vec::new(),
            markers: Vec::new(),
            epoch,
            dead_letter_rejected: true,
            retry: None,
        }
    }
}

/// A row that the destination refused and put among the dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// Index into [`WriteRequest::tables`].
    pub batch: usize,
    /// Index into its rows.
    pub row: usize,
    /// Kebab-case word.
    pub code: String,
    /// What is wrong with it.
    pub message: String,
}

/// What a write did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteOutcome {
    /// Rows that are now in the destination.
    pub rows_written: u64,
    /// Rows that are in the dead letters instead.
    pub rejected: Vec<RejectedRow>,
}

/// Why a destination that does not say otherwise reads nothing back.
const NO_READER: &str = "the connector reads nothing back";

/// A connector that writes. Implement it and call
/// [`export_destination!`](crate::export_destination).
///
/// One value serves one connection; dropping it disconnects and rolls back what is open. Every
/// writing call carries the epoch: when somebody else has claimed the schema, answer
/// [`fenced`] and write nothing.
pub trait Destination: Sized {
    /// The connector's own options. Put `#[serde(deny_unknown_fields)]` on the type.
    type Options: DeserializeOwned + JsonSchema;

    /// Says what this connector is. Pure: no I/O, the same answer every time.
    fn describe() -> Description;

    /// Opens the destination.
    ///
    /// # Errors
    /// `config` when a person has to change something, `retry` when the far side may come back.
    fn connect(config: Config<Self::Options>) -> Result<Self, Failure>;

    /// Proves that the destination can be written to, without leaving anything behind.
    ///
    /// # Errors
    /// Whatever would keep a write from succeeding.
    fn test_connection(&mut self) -> Result<(), Failure>;

    /// Which tables those of this schema are, or will be where it is not made yet; as
    /// [`Source::identify`](crate::Source::identify).
    ///
    /// # Errors
    /// When the system cannot be asked.
    fn identify(&mut self, schema: &str) -> Result<Option<String>, Failure> {
        let _ = schema;
        Ok(None)
    }

    /// Looks at places, one answer for each, in order, and writes nothing; also where no metadata
    /// exists yet. Unless it is overridden, every name is a place of its own where nothing is known.
    ///
    /// # Errors
    /// `config` when a name is impossible.
    fn locate(&mut self, schema: &str, places: &[TablePlace]) -> Result<Vec<Location>, Failure> {
        let _ = schema;
        let location = |place: &TablePlace| Location {
            identity: format!("{:?}", (&place.schema, &place.table)),
            exists: false,
            owner: None,
        };
        Ok(places.iter().map(location).collect())
    }

    /// Makes the schema that tables are kept in, and the connector's own metadata, if they are not
    /// there.
    ///
    /// # Errors
    /// When it cannot be made.
    fn create_schema_if_not_exists(&mut self, schema: &str) -> Result<(), Failure>;

    /// Makes `owner` the only writer: raises the schema's epoch durably and returns it. What is under way of an
    /// older epoch commits before this returns, or never.
    ///
    /// A destination with the capability `shared-epoch` has several connections of one owner: the host claims
    /// over one of them and writes batches over all, at the same time and with the same epoch. So a writing
    /// transaction shares its lock with others of its epoch, and a claim takes all of it, without waiting for
    /// transactions that begin after it.
    ///
    /// # Errors
    /// When the claim could not be stored.
    fn claim_schema(&mut self, schema: &str, owner: &str) -> Result<u64, Failure>;

    /// The value of a marker as it is now, also where others have written it since this connection was opened. Writes
    /// nothing, also where no metadata exists yet.
    ///
    /// # Errors
    /// When the metadata cannot be read.
    fn get_marker(&mut self, schema: &str, stream: &str) -> Result<Option<Vec<u8>>, Failure>;

    /// Stores or deletes markers without rows, together.
    ///
    /// # Errors
    /// [`fenced`] with an old epoch.
    fn update_marker(
        &mut self,
        schema: &str,
        markers: &[Marker],
        epoch: u64,
    ) -> Result<(), Failure>;

    /// Makes the table or adopts the one that is there: adds missing columns, drops nothing.
    ///
    /// # Errors
    /// [`fenced`] with an old epoch; `config` when the existing table cannot be reconciled.
    fn create_table_if_not_exists(
        &mut self,
        schema: &str,
        plan: &TablePlan,
        epoch: u64,
    ) -> Result<(), Failure>;

    /// Applies changes in order, one outcome each; repeats after a crash.
    ///
    /// # Errors
    /// [`fenced`] with an old epoch.
    fn apply_schema_changes(
        &mut self,
        schema: &str,
        changes: &[SchemaChange],
        epoch: u64,
    ) -> Result<Vec<ChangeOutcome>, Failure>;

    /// Commits a batch: rows, dead letters and markers together or not at all.
    ///
    /// # Errors
    /// [`fenced`] with an old epoch; else when nothing was written.
    fn write_batch(&mut self, request: WriteRequest) -> Result<WriteOutcome, Failure>;

    /// Letters of a schema with an id above `after`: at most `limit`, and of at most `bytes_max` bytes of
    /// payloads but for the last one. None where no metadata exists yet. Like the two that follow, it
    /// says that letters cannot be read back unless it is overridden.
    ///
    /// # Errors
    /// When they cannot be read.
    fn list_letters(
        &mut self,
        schema: &str,
        filter: &LetterFilter,
        after: u64,
        limit: usize,
        bytes_max: u64,
    ) -> Result<LetterPage, Failure> {
        let _ = (schema, filter, after, limit, bytes_max);
        Err(unreadable())
    }

    /// How many letters of a schema are open, by table, for tables that have some.
    ///
    /// # Errors
    /// When they cannot be read.
    fn count_open(&mut self, schema: &str) -> Result<Vec<(String, u64)>, Failure> {
        let _ = schema;
        Err(unreadable())
    }

    /// Settles open letters of a schema in one transaction; how many it were.
    ///
    /// # Errors
    /// When nothing was settled.
    fn settle(&mut self, schema: &str, settlement: &Settlement) -> Result<u64, Failure> {
        let _ = (schema, settlement);
        Err(unreadable())
    }

    /// A table is copied again while its rows stay: empties the table of keys, settles the other's open
    /// letters as [`WriteRequest::clear_tables`] does, and stores the markers, in one transaction. A text says
    /// why the table has to be emptied instead, and that nothing was done. The host asks where the capability
    /// `sweep` is promised, and nobody has to: tables are emptied then.
    ///
    /// # Errors
    /// [`fenced`] with an old epoch; else when nothing was done.
    fn begin_sweep(&mut self, request: &SweepRequest) -> Result<Option<String>, Failure> {
        Err(unpromised(&request.table))
    }

    /// Ends rows whose key is not in the table of keys, each as a delete of it would: as many as a few seconds
    /// allow, since it is called again while something is left over. The call that ends the last drops the table
    /// of keys, settles its letters, and stores the markers, in one transaction.
    ///
    /// # Errors
    /// [`fenced`] with an old epoch; else when it cannot go on.
    fn sweep(&mut self, request: &SweepRequest) -> Result<Swept, Failure> {
        Err(unpromised(&request.table))
    }

    /// The next rows of a table as this plan describes it, but for those that are marked as deleted; from the
    /// beginning without a cursor, in the cheapest order. A row that nobody writes to meanwhile is told exactly
    /// once; one that is written to may be told once, twice or not at all, as it was at some moment since the first
    /// of these calls. Only what is committed is told, and nothing is written or held.
    ///
    /// # Errors
    /// `config` [`NO_READ`](crate::NO_READ) where the table cannot be read back, as none can unless this is
    /// overridden; else when it cannot be read.
    fn read(
        &mut self,
        schema: &str,
        plan: &TablePlan,
        cursor: Option<&[u8]>,
        limits: Limits,
    ) -> Result<ReadBatch, Failure> {
        let _ = (schema, cursor, limits);
        Err(unread(&plan.name, NO_READER))
    }

    /// The rows that have these keys, as they are committed now; one that is marked as deleted is absent.
    ///
    /// # Errors
    /// As [`Destination::read`].
    fn lookup(
        &mut self,
        schema: &str,
        plan: &TablePlan,
        keys: &TableRows,
        limits: Limits,
    ) -> Result<LookedUp, Failure> {
        let _ = (schema, keys, limits);
        Err(unread(&plan.name, NO_READER))
    }

    /// Makes one thing that a table is to have, without keeping the writer of its rows from its work for longer than
    /// the system cannot help; where that takes longer than some seconds, it answers [`ExtraOutcome::UnderWay`] and is
    /// called again. It repeats after a crash. The host asks over a connection of its own, where a capability promises
    /// it: `create:indexes`, `create:comments`.
    ///
    /// # Errors
    /// [`fenced`] with an old epoch; else when it is not known what became of it.
    fn make_extra(&mut self, request: &ExtraRequest) -> Result<ExtraOutcome, Failure> {
        Err(extras::unpromised(&request.table))
    }
}

/// The answer to a writer whose schema somebody else has claimed.
pub fn fenced(schema: &str, epoch: u64, current: u64) -> Failure {
    Failure::stop(
        "fenced",
        format!(
            "schema {schema} was claimed by another runner (epoch {current}, this runner has \
             {epoch}); make sure that only one runner writes it"
        ),
    )
}
