//! The `mongodb` source: collections of a MongoDB database and their changes.
//!
//! `server` finds the primary and speaks with it through the driver, `catalog` asks what there is,
//! `mongodb-documents` makes rows of documents; `snapshot` and `stream` are the two ways of reading,
//! `polling` is the weaker one for servers without a log. See README.md for what operators may rely
//! on and why it holds.

mod backlog;
mod catalog;
mod form;
mod options;
mod places;
mod polling;
mod position;
mod server;
mod settings;
mod snapshot;
mod stream;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use cartridge_warp_sdk::{
    ChangeBatch, Chunk, Config, Description, Failure, Limits, LookedUp, Position, RetainedLog,
    SnapshotBatch, Source, Table, TableRows, export_source,
};
use mongodb::bson::doc;
use tokio::runtime::Runtime;

use catalog::Collection;
use form::Form;
pub use options::{FullDocument, Options, SchemaMode};
use server::Server;
use settings::{HOST_GRANT, Settings};

/// The setting that names the time column, where the configuration is silent.
const TIME_COLUMN: &str = "updated_at";

/// One connection to a deployment.
pub struct MongodbSource {
    // Cursors go before the server that they are on.
    snapshot: snapshot::State,
    stream: stream::State,
    polling: polling::State,
    server: Server,
    runtime: Rc<Runtime>,
    settings: Settings,
    options: Options,
    /// The database that is read, where it is not called like the schema.
    database: Option<String>,
    strategy: Strategy,
    time_column: String,
    /// The database whose collections these are.
    schema: Option<String>,
    collections: BTreeMap<String, Collection>,
    /// Where the log ended right before they were listed.
    start: Option<position::LogPosition>,
    /// None: all collections.
    selection: Option<BTreeSet<String>>,
}

/// How changes are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strategy {
    Log,
    Timestamp,
}

export_source!(MongodbSource);

impl Source for MongodbSource {
    type Options = Options;

    fn describe() -> Description {
        let version = env!("CARGO_PKG_VERSION");
        Description::new("mongodb", version, "MongoDB 5.0 and newer, by change streams")
            .capability("change-detection:log")
            .capability("change-detection:timestamp")
            .capability("whole-rows")
            .capability("disjoint-chunks")
            .capability("database")
            .capability("backlog")
            .wants("host", HOST_GRANT, "the servers of the replica set")
    }

    fn connect(config: Config<Options>) -> Result<Self, Failure> {
        let mut settings = Settings::of(&config)?;
        let strategy = match config.setting("change_detection_strategy") {
            None | Some("log") => Strategy::Log,
            Some("timestamp") => Strategy::Timestamp,
            Some(other) => return Err(unknown_strategy(other)),
        };
        let time_column =
            config.setting("change_detection_column").unwrap_or(TIME_COLUMN).to_owned();
        if strategy == Strategy::Timestamp {
            polling::check_column(&time_column)?;
        }
        config.options.check(strategy == Strategy::Timestamp)?;
        let runtime = server::runtime()?;
        let server = Server::open(&settings, &runtime, settings.selection_timeout)?;
        settings.learn(&server.members);
        let is_required = config.options.full_document == FullDocument::Required;
        if is_required && !server.features.post_images {
            return Err(server::failure::before_post_images(&server.name));
        }
        Ok(Self {
            snapshot: snapshot::State::default(),
            stream: stream::State::default(),
            polling: polling::State::default(),
            server,
            runtime,
            settings,
            database: config.setting("database").map(str::to_owned),
            strategy,
            time_column,
            options: config.options,
            schema: None,
            collections: BTreeMap::new(),
            start: None,
            selection: None,
        })
    }

    fn test_connection(&mut self) -> Result<(), Failure> {
        if self.strategy == Strategy::Log && !self.server.has_log {
            return Err(server::failure::standalone(&self.server.name));
        }
        // Needs a login and no right, where `ping` would do with neither.
        let list = doc! {
            "listDatabases": 1, "nameOnly": true, "authorizedDatabases": true,
            "filter": { "name": "admin" },
        };
        self.server.run("admin", list).map(drop)
    }

    fn get_schema(&mut self, schema: &str) -> Result<Vec<Table>, Failure> {
        self.reload(schema)?;
        if self.strategy == Strategy::Timestamp {
            polling::warn(self);
        }
        Ok(self.collections.values().map(Collection::table).collect())
    }

    fn select_tables(&mut self, schema: &str, tables: &[String]) -> Result<(), Failure> {
        self.selection = Some(tables.iter().cloned().collect());
        if self.schema.as_deref() != Some(schema) {
            // For a copy the selection does not matter, and looking at every collection takes time.
            return Ok(());
        }
        let refused = self.selected().into_values().find_map(|known| known.refused.clone());
        refused.map_or(Ok(()), Err)
    }

    fn current_position(&mut self, schema: &str) -> Result<Position, Failure> {
        self.load(schema)?;
        match &self.start {
            Some(start) => position::Position::Log(start.clone()).encode(),
            None => polling::position_now(self, &self.database(schema))?.encode(),
        }
    }

    fn renew_tables(
        &mut self,
        _: &str,
        position: &[u8],
        tables: &[String],
    ) -> Result<Position, Failure> {
        let mut position = position::Position::decode(position)?;
        if let position::Position::Log(log) = &mut position {
            // What was kept of an old table of this name goes with the copy.
            log.dropped.retain(|name| !tables.contains(name));
        }
        position.encode()
    }

    fn plan_snapshot(
        &mut self,
        schema: &str,
        table: &str,
        start: &[u8],
        target_chunks: u32,
    ) -> Result<Vec<Chunk>, Failure> {
        let database = self.database(schema);
        snapshot::plan(self, &database, table, start, target_chunks)
    }

    fn get_full_snapshot(
        &mut self,
        schema: &str,
        table: &str,
        chunk: &Chunk,
        cursor: Option<&[u8]>,
        limits: Limits,
    ) -> Result<SnapshotBatch, Failure> {
        let database = self.database(schema);
        snapshot::read(self, &database, table, chunk, cursor, limits)
    }

    fn get_changes(
        &mut self,
        schema: &str,
        after: &[u8],
        limits: Limits,
    ) -> Result<ChangeBatch, Failure> {
        self.load(schema)?;
        let database = self.database(schema);
        let after = position::Position::of_form(after, &Form::of(&self.options))?;
        match (after, self.strategy) {
            (position::Position::Log(after), Strategy::Log) => {
                stream::get_changes(self, &database, after, limits)
            }
            (position::Position::Polling(places), Strategy::Timestamp) => {
                polling::get_changes(self, &database, places, limits)
            }
            _ => Err(Failure::resync(
                "other-strategy",
                "`change_detection_strategy` is another one than before, and the stored position \
                 means nothing to it; run again with --full-resync",
            )),
        }
    }

    fn lookup(
        &mut self,
        schema: &str,
        table: &str,
        keys: &TableRows,
        limits: Limits,
    ) -> Result<LookedUp, Failure> {
        let database = self.database(schema);
        snapshot::look_up(self, &database, table, keys, limits)
    }

    // `confirm` stays what it is, nothing: the server keeps its log by its own rules, whoever reads
    // it, so there is nobody to tell. `release` likewise: nothing is made there.

    fn backlog(
        &mut self,
        _: &str,
        position: Option<&[u8]>,
    ) -> Result<Option<RetainedLog>, Failure> {
        backlog::backlog(self, position)
    }
}

impl MongodbSource {
    /// The database of a schema.
    fn database(&self, schema: &str) -> String {
        self.database.clone().unwrap_or_else(|| schema.to_owned())
    }

    /// Makes sure that the collections are those of the schema.
    fn load(&mut self, schema: &str) -> Result<(), Failure> {
        if self.schema.as_deref() == Some(schema) { Ok(()) } else { self.reload(schema) }
    }

    fn reload(&mut self, schema: &str) -> Result<(), Failure> {
        let database = self.database(schema);
        // Before the list: what is not in it begins behind this place, so the stream has all of it. It also
        // tells whether changes can be followed, before anything is copied.
        self.start = match self.strategy {
            Strategy::Log => Some(stream::position_at_end(self, &database)?),
            Strategy::Timestamp => None,
        };
        self.collections = catalog::collections(&self.server, &database, &self.options)?;
        self.schema = Some(schema.to_owned());
        Ok(())
    }

    /// The collections that the operator selected, by name.
    fn selected(&self) -> BTreeMap<&String, &Collection> {
        let all = self.collections.iter();
        all.filter(|(name, _)| !self.is_unselected(name)).collect()
    }

    /// Collections that are known and were not selected.
    fn unselected(&self) -> BTreeSet<String> {
        self.collections.keys().filter(|name| self.is_unselected(name)).cloned().collect()
    }

    /// Whether the operator does not want a collection. Of one that is new nobody can say.
    fn is_unselected(&self, name: &str) -> bool {
        let is_selected = self.selection.as_ref().is_none_or(|names| names.contains(name));
        !is_selected && self.collections.contains_key(name)
    }

    /// Finds the primary anew, for whoever found that it is another one or was away.
    fn reopen(&mut self, patience: Duration) -> Result<(), Failure> {
        match Server::open(&self.settings, &self.runtime, patience) {
            Ok(server) => {
                self.settings.learn(&server.members);
                self.server = server;
                Ok(())
            }
            Err(failure) => {
                self.settings.turn();
                Err(failure)
            }
        }
    }
}

fn unknown_strategy(word: &str) -> Failure {
    Failure::config(
        "unknown-strategy",
        format!("`change_detection_strategy: {word}` is none of `log` and `timestamp`"),
    )
}
