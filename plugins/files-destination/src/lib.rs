//! Logs changes to NDJSON or Parquet files.
//!
//! Files cannot be updated in place, so this destination keeps every operation as a row of its own
//! and takes `write_mode: append` only. A manifest makes commits: positions, epoch and the list of
//! files are one file that appears as a whole ([`manifest`], [`log`]); readers follow a list per table
//! ([`lists`]). Small files are merged behind the commits ([`merge`]).

mod columnar;
mod disk;
mod encoder;
mod failure;
mod leftovers;
mod lists;
mod log;
mod logical_types;
mod manifest;
mod manifest_file;
mod merge;
mod names;
mod ndjson;
mod options;
mod partition;
mod places;
mod row_facts;
mod state;
mod write;

use std::collections::HashMap;
use std::path::PathBuf;

use cartridge_warp_sdk::{
    ChangeKind, ChangeOutcome, Config, Description, Destination, Failure, Location, Marker,
    SchemaChange, TablePlace, TablePlan, WriteMode, WriteOutcome, WriteRequest,
};

use log::Log;
use manifest::Shape;
use merge::Merger;
pub use options::{Compression, Format, Options, PartitionBy};

/// One connection to a directory.
pub struct FilesDestination {
    root: PathBuf,
    options: Options,
    /// Logs that this connection has read, by schema.
    logs: HashMap<String, Log>,
    /// What merges their files.
    mergers: HashMap<String, Merger>,
}

cartridge_warp_sdk::export_destination!(FilesDestination);

impl FilesDestination {
    fn log(&mut self, schema: &str) -> Result<&mut Log, Failure> {
        if !self.logs.contains_key(schema) {
            let log = Log::read(&self.root, schema)?;
            self.logs.insert(schema.to_owned(), log);
        }
        self.logs.get_mut(schema).ok_or_else(|| Failure::stop("internal", "a log went missing"))
    }

    /// The schema's log, if `epoch` is its present one.
    fn fenced(&mut self, schema: &str, epoch: u64) -> Result<&mut Log, Failure> {
        let log = self.log(schema)?;
        log.check_epoch(epoch)?;
        Ok(log)
    }

    /// Merges a little, behind a commit.
    fn merge(&mut self, schema: &str) -> Result<(), Failure> {
        let Some(log) = self.logs.get_mut(schema) else { return Ok(()) };
        self.mergers.entry(schema.to_owned()).or_default().step(log, &self.options)
    }

    /// Stores a table's shape; none removes it, with its files.
    fn reshape(
        &mut self,
        schema: &str,
        epoch: u64,
        table: &str,
        shape: Option<Shape>,
    ) -> Result<ChangeOutcome, Failure> {
        let every = self.options.checkpoint_commits;
        let log = self.fenced(schema, epoch)?;
        if log.state().tables.get(table) == shape.as_ref() {
            return Ok(ChangeOutcome::Unchanged);
        }
        let mut commit = log.next();
        if shape.is_none() {
            commit.cleared.push(table.to_owned());
        }
        commit.tables.insert(table.to_owned(), shape);
        log.commit(commit, every)?;
        Ok(ChangeOutcome::Applied)
    }
}

impl FilesDestination {
    fn change(
        &mut self,
        schema: &str,
        change: &SchemaChange,
        epoch: u64,
    ) -> Result<ChangeOutcome, Failure> {
        let after = match (&change.kind, &change.after) {
            (ChangeKind::Unknown(kind), _) => {
                let why = format!("this connector knows no change {kind:?}");
                return Ok(ChangeOutcome::Refused(why));
            }
            // A table is made with its plan, by create-table-if-not-exists.
            (ChangeKind::AddTable, _) => return Ok(ChangeOutcome::Unchanged),
            (ChangeKind::DropTable, _) => return self.reshape(schema, epoch, &change.table, None),
            (_, Some(after)) => after,
            (_, None) => {
                let why = "the change does not say its result".to_owned();
                return Ok(ChangeOutcome::Refused(why));
            }
        };
        if let Some(why) = names::refused_column(&after.columns, self.options.partition_by) {
            return Ok(ChangeOutcome::Refused(why));
        }
        let known = self.log(schema)?.state().tables.get(&change.table);
        let directory = known.and_then(|shape| shape.directory.clone());
        let shape = Shape::of(&after.columns, &after.key, directory);
        self.reshape(schema, epoch, &change.table, Some(shape))
    }
}

impl Destination for FilesDestination {
    type Options = Options;

    fn describe() -> Description {
        let summary = "A log of changes in NDJSON or Parquet files (write_mode: append only)";
        Description::new("files", env!("CARGO_PKG_VERSION"), summary)
            .capability("transactions")
            .capability("append")
            .capability("append-only")
            .capability("change-log")
            .capability("dead-letters")
            .wants("write-directory", "${connection_string}", "the directory the files go to")
    }

    fn connect(config: Config<Options>) -> Result<Self, Failure> {
        let granted = config.path("connection_string")?;
        let root = PathBuf::from(&granted.guest_path);
        let unfit = |code: &str, why: &str| {
            Err(Failure::config(code, format!("the directory {} {why}", granted.configured)))
        };
        if !granted.writable {
            return unfit("read-only", "was granted for reading only; allow writing");
        }
        if !root.is_dir() {
            return unfit("no-directory", "is not there; make it first");
        }
        Ok(Self { root, options: config.options, logs: HashMap::new(), mergers: HashMap::new() })
    }

    fn test_connection(&mut self) -> Result<(), Failure> {
        let probe = self.root.join("cartridge-warp-probe");
        disk::create(&probe, b"")?;
        std::fs::remove_file(&probe).map_err(failure::of(&probe))
    }

    fn locate(&mut self, _schema: &str, places: &[TablePlace]) -> Result<Vec<Location>, Failure> {
        places::locate(&self.root, places)
    }

    /// Where the metadata is depends on who claims.
    fn create_schema_if_not_exists(&mut self, schema: &str) -> Result<(), Failure> {
        disk::make_directory(&self.root.join(names::directory_name(schema)))
    }

    fn claim_schema(&mut self, schema: &str, owner: &str) -> Result<u64, Failure> {
        let every = self.options.checkpoint_commits;
        self.log(schema)?.claim(owner, every)
    }

    fn get_marker(&mut self, schema: &str, stream: &str) -> Result<Option<Vec<u8>>, Failure> {
        let log = self.log(schema)?;
        let metadata = log.metadata();
        let damaged = || failure::damaged(&metadata, "a marker is not hexadecimal");
        let value = log.state_now()?.markers.get(stream);
        value.map(|text| manifest::from_hex(text).ok_or_else(damaged)).transpose()
    }

    fn update_marker(
        &mut self,
        schema: &str,
        markers: &[Marker],
        epoch: u64,
    ) -> Result<(), Failure> {
        let every = self.options.checkpoint_commits;
        let log = self.fenced(schema, epoch)?;
        let mut commit = log.next();
        commit.markers = write::markers(markers);
        log.commit(commit, every)?;
        self.merge(schema)
    }

    fn create_table_if_not_exists(
        &mut self,
        schema: &str,
        plan: &TablePlan,
        epoch: u64,
    ) -> Result<(), Failure> {
        if plan.write_mode != WriteMode::Append {
            return Err(Failure::config(
                "append-only",
                format!(
                    "files cannot be updated in place, so table {} can only be kept as a log: set \
                     write_mode: append (each row then says what it did in `_op`)",
                    plan.name
                ),
            ));
        }
        if let Some(why) = names::refused_column(&plan.columns, self.options.partition_by) {
            let message = format!("table {} cannot be kept in files: {why}", plan.name);
            return Err(Failure::config("reserved-column", message));
        }
        self.fenced(schema, epoch)?;
        let (place, of) = (plan.place_in(schema), TablePlace::new(schema, &plan.name));
        places::take(&self.root, &place, &of)?;
        let directory = (place != of).then(|| places::directory(schema, &place));
        let shape = Shape::of(&plan.columns, &plan.key, directory);
        self.reshape(schema, epoch, &plan.name, Some(shape)).map(|_| ())
    }

    /// Files that are there keep the shape they were written in; rows from now on have the new one.
    fn apply_schema_changes(
        &mut self,
        schema: &str,
        changes: &[SchemaChange],
        epoch: u64,
    ) -> Result<Vec<ChangeOutcome>, Failure> {
        self.fenced(schema, epoch)?;
        changes.iter().map(|change| self.change(schema, change, epoch)).collect()
    }

    fn write_batch(&mut self, request: WriteRequest) -> Result<WriteOutcome, Failure> {
        let options = self.options.clone();
        let log = self.fenced(&request.schema, request.epoch)?;
        let outcome = write::batch(log, &options, &request)?;
        let schema = request.schema.clone();
        // What merging needs is memory that the rows have until here.
        drop(request);
        self.merge(&schema)?;
        Ok(outcome)
    }
}
