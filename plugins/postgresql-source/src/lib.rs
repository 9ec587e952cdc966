//! The `postgresql` source: tables of a PostgreSQL database and their changes.
//!
//! `catalog` asks the server what there is, `admin` what it keeps for the pipeline, `pgoutput` reads the log's
//! bytes, `value` the values in text and in binary; `snapshot` and `stream` are the two ways of reading. See
//! README.md for what operators may rely on and why it holds.

mod admin;
mod catalog;
mod followed;
mod hash;
mod leaves;
mod options;
mod pgoutput;
mod position;
mod question;
mod recode;
mod rejected;
mod runs;
mod session;
mod shape;
mod snapshot;
mod stream;
mod value;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::time::Duration;

use cartridge_warp_sdk::{
    ChangeBatch, Chunk, Config, Description, Failure, Limits, LookedUp, Position, Released,
    RetainedLog, SnapshotBatch, Source, Table, TableExtras, TableRows, export_source, log,
};
use postgresql_client::{HOST_GRANT, Settings};

use catalog::server::Server;
use catalog::tables::{self, Which};
use catalog::{SourceTable, server};
pub use options::{Options, ReadBy, TextType};
use pgoutput::Begin;
use runs::Runs;
use session::{STATEMENT_SECONDS_MAX, Session};

/// One connection to a database.
pub struct PostgresqlSource {
    settings: Settings,
    options: Options,
    runs: Runs,
    server: Server,
    /// For short statements; reading has connections of its own.
    control: Session,
    /// The schema whose tables these are.
    schema: Option<String>,
    tables: HashMap<u32, Rc<SourceTable>>,
    /// None: all tables.
    selected: Option<BTreeSet<String>>,
    /// The log is read as it is stored, since the server cannot convert all of it.
    reads_raw: bool,
    snapshot: snapshot::State,
    stream: stream::State,
}

export_source!(PostgresqlSource);

impl Source for PostgresqlSource {
    type Options = Options;

    fn describe() -> Description {
        let version = env!("CARGO_PKG_VERSION");
        Description::new("postgresql", version, "PostgreSQL 12 and newer, by logical replication")
            .capability("change-detection:log")
            .capability("silent-rewrites")
            .capability("disjoint-chunks")
            .capability("transactions")
            .capability("pipeline")
            .capability("backlog")
            .capability("retained-log")
            .capability("runs")
            .capability("create:indexes")
            .capability("create:comments")
            .wants("host", HOST_GRANT, "the database server")
    }

    fn connect(config: Config<Options>) -> Result<Self, Failure> {
        config.options.check()?;
        let pipeline = config.setting("pipeline").map(str::to_owned);
        let runs = Runs::new(&config);
        let settings = Settings::parse(&config.connection_string)?;
        let control = Session::open(&settings, Some(Duration::from_secs(STATEMENT_SECONDS_MAX)))?;
        Ok(Self {
            settings,
            options: Options { pipeline, ..config.options },
            runs,
            server: server::check(&control)?,
            control,
            schema: None,
            tables: HashMap::new(),
            selected: None,
            reads_raw: false,
            snapshot: snapshot::State::default(),
            stream: stream::State::default(),
        })
    }

    fn test_connection(&mut self) -> Result<(), Failure> {
        server::check(&self.control)?;
        // Of which tables, is known once they are selected.
        match (self.schema.clone(), &self.selected) {
            (Some(schema), Some(_)) => snapshot::foresee::start(self, &schema),
            _ => Ok(()),
        }
    }

    fn identify(&mut self, schema: &str) -> Result<Option<String>, Failure> {
        postgresql_client::identify(self.control.connection(), schema)
    }

    fn get_schema(&mut self, schema: &str) -> Result<Vec<Table>, Failure> {
        self.reload(schema)?;
        let mut shapes: Vec<Table> = self.tables.values().map(|table| table.described()).collect();
        shapes.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(shapes)
    }

    fn select_tables(&mut self, schema: &str, tables: &[String]) -> Result<(), Failure> {
        self.load(schema)?;
        self.selected = Some(tables.iter().cloned().collect());
        followed::check(&self.control, &self.server, &self.selected())
    }

    fn check_position(&mut self, schema: &str, after: &[u8]) -> Result<(), Failure> {
        stream::check_position(self, schema, after)
    }

    fn current_position(&mut self, schema: &str) -> Result<Position, Failure> {
        snapshot::start::position(self, schema)
    }

    fn renew_tables(
        &mut self,
        schema: &str,
        position: &[u8],
        tables: &[String],
    ) -> Result<Position, Failure> {
        snapshot::start::renew(self, schema, position, tables)
    }

    fn plan_snapshot(
        &mut self,
        schema: &str,
        table: &str,
        start: &[u8],
        target_chunks: u32,
    ) -> Result<Vec<Chunk>, Failure> {
        snapshot::plan::plan(self, schema, table, start, target_chunks)
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

    fn confirm(&mut self, schema: &str, position: &[u8]) -> Result<(), Failure> {
        stream::confirm(self, schema, position)
    }

    fn backlog(
        &mut self,
        schema: &str,
        position: Option<&[u8]>,
    ) -> Result<Option<RetainedLog>, Failure> {
        admin::backlog(self, schema, position)
    }

    fn release(&mut self, schema: &str, dry: bool) -> Result<Released, Failure> {
        admin::release(self, schema, dry)
    }

    fn lookup(
        &mut self,
        schema: &str,
        table: &str,
        keys: &TableRows,
        limits: Limits,
    ) -> Result<LookedUp, Failure> {
        snapshot::looked_up::look_up(self, schema, table, keys, limits)
    }

    fn extras(&mut self, schema: &str, table: &str) -> Result<TableExtras, Failure> {
        self.load(schema)?;
        let table = self.table(schema, table)?;
        catalog::extras::read(&self.control, &table)
    }

    fn begin_turn(&mut self, _schema: &str, copying: bool) -> Result<(), Failure> {
        stream::begin_turn(self, copying)
    }

    fn moment(&mut self, _schema: &str) -> Result<Vec<u8>, Failure> {
        admin::moment(self)
    }

    fn reached(&mut self, _schema: &str, position: &[u8], moment: &[u8]) -> Result<bool, Failure> {
        admin::reached(self, position, moment)
    }
}

impl PostgresqlSource {
    /// Makes sure that the tables are those of the schema.
    fn load(&mut self, schema: &str) -> Result<(), Failure> {
        if self.schema.as_deref() == Some(schema) { Ok(()) } else { self.reload(schema) }
    }

    fn reload(&mut self, schema: &str) -> Result<(), Failure> {
        let exists = format!(
            "SELECT count(*) FROM pg_namespace WHERE nspname = {}",
            postgresql_client::names::literal(schema)
        );
        if self.control.value(&exists)? == "0" {
            return Err(Failure::config(
                "no-schema",
                format!("database {} has no schema {schema}", self.server.database),
            ));
        }
        let which = Which::Schema(schema);
        let tables = tables::read(&self.control, self.server.version, &which, &self.options)?;
        self.tables = tables.into_iter().map(|table| (table.oid, Rc::new(table))).collect();
        self.schema = Some(schema.to_owned());
        Ok(())
    }

    /// The tables that the operator selected, by object id.
    fn selected(&self) -> Vec<Rc<SourceTable>> {
        let mut selected: Vec<Rc<SourceTable>> =
            self.tables.values().filter(|table| self.is_selected(table)).cloned().collect();
        selected.sort_by_key(|table| table.oid);
        selected
    }

    /// A table by its name.
    fn table(&self, schema: &str, name: &str) -> Result<Rc<SourceTable>, Failure> {
        let found = self.tables.values().find(|known| known.shape.name == name).cloned();
        found.ok_or_else(|| {
            Failure::config("no-table", format!("schema {schema} has no table {name}"))
        })
    }

    /// Without a choice all tables that can be followed are.
    fn is_selected(&self, table: &SourceTable) -> bool {
        match &self.selected {
            Some(names) => names.contains(&table.shape.name),
            None => !table.shape.key.is_empty(),
        }
    }

    /// Reads the log as it is stored from now on; false where it is so already.
    fn read_raw(&mut self) -> bool {
        if !self.reads_raw {
            let what = "the log has text that the server cannot convert to UTF-8: its rows are dead letters";
            log::warn(what, &[]);
        }
        !std::mem::replace(&mut self.reads_raw, true)
    }

    fn forget(&mut self, oid: u32) {
        self.tables.remove(&oid);
    }
}

impl stream::relations::Catalog for PostgresqlSource {
    fn known(&self, oid: u32) -> Option<Rc<SourceTable>> {
        self.tables.get(&oid).cloned()
    }

    fn is_selected(&self, table: &SourceTable) -> bool {
        self.is_selected(table)
    }

    fn is_current(&self, table: &SourceTable, row: &Begin) -> Result<bool, Failure> {
        if row.commit < table.entries.seen {
            return Ok(true);
        }
        server::wait_until_visible(&self.control, &[row.id])?;
        table.entries.are_current(&self.control, table.oid)
    }

    fn read(&mut self, oid: u32, transaction: u32) -> Result<Option<SourceTable>, Failure> {
        server::wait_until_visible(&self.control, &[transaction])?;
        let which = Which::Oid(oid);
        let found = tables::read(&self.control, self.server.version, &which, &self.options)?.pop();
        Ok(found.map(|mut now| {
            if let Some(known) = self.tables.get(&oid) {
                now.entries.known_by(&known.entries);
            }
            now
        }))
    }

    fn learn(&mut self, table: Rc<SourceTable>) {
        self.tables.insert(table.oid, table);
    }
}
