//! The `files` source: CSV, NDJSON and Parquet files in directories.
//!
//! `catalog` knows files, `format` bytes, `shape` columns, `read` rows; `snapshot` and `stream` are
//! the two ways of reading, and both leave off only between two records. See README.md for what
//! operators may rely on.

mod catalog;
mod fault;
mod format;
mod options;
mod position;
mod read;
mod shape;
mod snapshot;
mod stream;

use std::collections::BTreeSet;

use cartridge_warp_sdk::{
    ChangeBatch, Chunk, Config, Description, Failure, Limits, Position, SnapshotBatch, Source,
    Table, export_source,
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
    /// None: all tables.
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
            selected: None,
            snapshot: snapshot::State::default(),
            stream: stream::State::default(),
        })
    }

    fn test_connection(&mut self) -> Result<(), Failure> {
        self.catalog.check()
    }

    fn get_schema(&mut self, schema: &str) -> Result<Vec<Table>, Failure> {
        let mut tables = Vec::new();
        for (table, files) in self.catalog.list(schema)? {
            let shape = read::sample(&table, &files, &self.options)?;
            // A table of which nothing is known comes later, as a change.
            if !shape.table().columns.is_empty() {
                shape.check_key()?;
                tables.push(shape.table().clone());
            }
            self.shapes.insert(table, shape);
        }
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
