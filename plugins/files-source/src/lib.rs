//! The `files` source: CSV, NDJSON and Parquet files in directories.
//!
//! `naming` knows names, `catalog` files, `format` bytes, `shape` columns, `read` rows; `snapshot` and `stream` are
//! the two ways of reading, and both leave off only between two records. See README.md for what
//! operators may rely on.

mod catalog;
mod fault;
mod format;
mod naming;
mod options;
mod position;
mod read;
mod shape;
mod snapshot;
mod stream;

use std::collections::BTreeSet;

use cartridge_warp_sdk::{
    ChangeBatch, Chunk, Config, Description, Failure, Limits, Position, SnapshotBatch, Source,
    Table, export_source, log,
};

use catalog::Catalog;
pub use options::{CsvOptions, Options};
use read::LineNumbers;
use shape::Shapes;

/// One connection to a root directory.
pub struct FilesSource {
    catalog: Catalog,
    options: Options,
    /// Shapes as the stream knows them.
    shapes: Shapes,
    lines: LineNumbers,
    /// Tables that the host was told of; none where it never asked.
    listed: Option<BTreeSet<String>>,
    /// Those of them that it wants; none: all.
    selected: Option<BTreeSet<String>>,
    snapshot: snapshot::State,
    stream: stream::State,
}

export_source!(FilesSource);

impl Source for FilesSource {
    type Options = Options;

    fn describe() -> Description {
        Description::new("files", env!("CARGO_PKG_VERSION"), "CSV, NDJSON and Parquet files")
            .capability("change-detection:log")
            .capability("exact-snapshot")
            .wants(
                "read-directory",
                "${connection_string}",
                "the root directory: a directory for each schema, in it the files of its tables",
            )
    }

    fn connect(config: Config<Options>) -> Result<Self, Failure> {
        config.options.check()?;
        let root = config.path("connection_string")?;
        let catalog = Catalog::new(root.guest_path.as_str(), root.configured.as_str());
        catalog.check()?;
        Ok(Self {
            catalog,
            options: config.options,
            shapes: Shapes::new(),
            lines: LineNumbers::default(),
            listed: None,
            selected: None,
            snapshot: snapshot::State::default(),
            stream: stream::State::default(),
        })
    }

    fn test_connection(&mut self) -> Result<(), Failure> {
        self.catalog.check()
    }

    fn get_schema(&mut self, schema: &str) -> Result<Vec<Table>, Failure> {
        let (mut tables, mut unreadable) = (Vec::new(), None);
        for (table, files) in self.catalog.list(schema)? {
            let shape = read::sample(&table, &files, &self.options)?;
            // A table of which nothing is known comes later, as a change.
            if !shape.table().columns.is_empty() {
                shape.check_key()?;
                tables.push(shape.table().clone());
            }
            unreadable = unreadable.or_else(|| shape.unreadable.clone());
            self.shapes.insert(table, shape);
        }
        self.tell_passed_over(schema)?;
        if let (true, Some(fault)) = (tables.is_empty(), unreadable) {
            return Err(fault::unreadable(&fault));
        }
        self.listed = Some(tables.iter().map(|table| table.name.clone()).collect());
        Ok(tables)
    }

    fn select_tables(&mut self, _schema: &str, tables: &[String]) -> Result<(), Failure> {
        self.selected = Some(tables.iter().cloned().collect());
        Ok(())
    }

    fn current_position(&mut self, schema: &str) -> Result<Position, Failure> {
        snapshot::start(self, schema)?.encode()
    }

    fn renew_tables(
        &mut self,
        schema: &str,
        position: &[u8],
        tables: &[String],
    ) -> Result<Position, Failure> {
        snapshot::renew(self, schema, position, tables)?.encode()
    }

    fn plan_snapshot(
        &mut self,
        schema: &str,
        table: &str,
        start: &[u8],
        target_chunks: u32,
    ) -> Result<Vec<Chunk>, Failure> {
        snapshot::plan(self, schema, table, start, target_chunks)
    }

    fn get_full_snapshot(
        &mut self,
        schema: &str,
        table: &str,
        chunk: &Chunk,
        cursor: Option<&[u8]>,
        limits: Limits,
    ) -> Result<SnapshotBatch, Failure> {
        snapshot::read(self, schema, table, chunk, cursor, limits)
    }

    fn get_changes(
        &mut self,
        schema: &str,
        after: &[u8],
        limits: Limits,
    ) -> Result<ChangeBatch, Failure> {
        stream::get_changes(self, schema, after, limits)
    }
}

impl FilesSource {
    /// Whether the stream reads a table. One that is new since the host asked is read, since the host
    /// could not select it; it is announced, and the host decides.
    fn is_read(&self, table: &str) -> bool {
        let is_new = self.listed.as_ref().is_some_and(|listed| !listed.contains(table));
        is_new || self.selected.as_ref().is_none_or(|selected| selected.contains(table))
    }

    /// Says which files are not read that somebody may wait for.
    fn tell_passed_over(&self, schema: &str) -> Result<(), Failure> {
        let found = self.catalog.passed_over(schema)?;
        let (Some(first), count) = (found.first(), found.len()) else { return Ok(()) };
        let message = "compressed files, deeper directories and tables of Delta Lake or Hudi are not read: \
                       unpack them, move up what they hold, or export plain files";
        log::warn(message, &[("first", first), ("count", &count.to_string())]);
        Ok(())
    }

    /// Whether a table's rows of this moment are a snapshot's. Those of a table that the host does
    /// not know of are the stream's, from the first on.
    fn has_snapshot(&self, shape: &shape::Shape) -> bool {
        let table = shape.table();
        let known = self.listed.as_ref().is_none_or(|listed| listed.contains(&table.name));
        known && !table.columns.is_empty()
    }
}
