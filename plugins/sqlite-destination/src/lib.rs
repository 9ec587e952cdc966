//! Keeps a copy in one SQLite database file.
//!
//! Rows, markers, dead letters and the epoch check share one transaction (I2, I3, I5), and rows are
//! applied one by one in their order (I4). What a row means is decided in [`write`], what SQLite
//! calls things in [`vendor`], how a table is made, adopted or changed in [`cartridge_warp_sdk::sql`];
//! this module only connects the trait to them.

mod affinity;
mod apply;
mod bind;
mod catalog;
mod conversion;
mod database;
mod dead_letters;
mod existing;
mod extras;
mod failure;
mod letters;
mod lock;
mod metadata;
mod names;
mod options;
mod parking;
mod place;
mod readback;
mod row_number;
mod statement;
mod storage;
mod sweep;
mod text;
mod turns;
mod vendor;
mod write;

use std::collections::HashMap;

use cartridge_warp_sdk::sql::{self, Numbers, Schemas, Tables};
use cartridge_warp_sdk::{
    ChangeOutcome, Config, Description, Destination, ExtraOutcome, ExtraRequest, Failure,
    LetterFilter, LetterPage, Limits, Location, LookedUp, Marker, ReadBatch, SchemaChange,
    Settlement, SweepRequest, Swept, TablePlace, TablePlan, TableRows, WriteOutcome, WriteRequest,
    unread,
};

use database::{Database, Transaction};
use names::{Names, Scope};
pub use options::{Options, Synchronous};
use place::Place;

/// One connection to a database file.
pub struct SqliteDestination {
    session: Session,
    names: Names,
    /// What this connection was told about tables, by schema.
    schemas: Schemas,
    /// Of the rows of logs.
    numbers: Numbers,
    /// Tables that are being swept, and up to which row they are.
    swept: HashMap<TablePlace, i64>,
}

#[cfg(feature = "component")]
cartridge_warp_sdk::export_destination!(SqliteDestination);

/// The database, opened late, so that a dry run leaves no file behind.
struct Session {
    place: Place,
    options: Options,
    database: Option<Database>,
}

impl Session {
    /// The database, made if it is not there.
    fn database(&mut self) -> Result<&Database, Failure> {
        match &mut self.database {
            Some(database) => Ok(database),
            none => Ok(none.insert(Database::create(&self.place, &self.options)?)),
        }
    }

    /// The database, if there is a file.
    fn existing(&mut self) -> Result<Option<&Database>, Failure> {
        if self.database.is_none() && self.place.exists() {
            self.database = Some(Database::open(&self.place, &self.options)?);
        }
        Ok(self.database.as_ref())
    }

    /// Runs `work` in a transaction that commits only while `epoch` is the schema's.
    fn fenced<T>(
        &mut self,
        names: &Names,
        schema: &str,
        epoch: u64,
        work: impl FnOnce(Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.database()?.transaction(|transaction| {
            metadata::check_epoch(transaction.connection, names, schema, epoch)?;
            work(transaction)
        })
    }
}

impl SqliteDestination {
    /// Like [`Session::fenced`], for work that changes tables.
    fn reshape<T>(
        &mut self,
        schema: &str,
        epoch: u64,
        work: impl FnOnce(Scope<'_>, &mut Tables) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Self { session, names, schemas, .. } = self;
        schemas.reshape(schema, |tables| {
            session.fenced(names, schema, epoch, |transaction| {
                work(Scope { connection: transaction.connection, names, schema }, tables)
            })
        })
    }
}

impl SqliteDestination {
    /// Reads rows of a table; waits for writers.
    fn read_back<T>(
        &mut self,
        schema: &str,
        plan: &TablePlan,
        mut work: impl FnMut(Scope<'_>) -> rusqlite::Result<Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let Self { session, names, .. } = self;
        let database = session.existing()?;
        let database = database.ok_or_else(|| unread(&plan.name, "there is no database file"))?;
        database.read(|connection| work(Scope { connection, names, schema }))?
    }
}

impl Destination for SqliteDestination {
    type Options = Options;

    fn describe() -> Description {
        Description::new("sqlite", env!("CARGO_PKG_VERSION"), "A copy in an SQLite database file")
            .capability("transactions")
            .capability("append")
            .capability("change-log")
            .capability("soft-delete")
            .capability("dead-letters")
            .capability("metadata-schema")
            .capability("sweep")
            .capability("create:indexes")
            .wants(
                "write-file",
                concat!(
                    "${connection_string}?scheme=sqlite",
                    // Its journal, its lock, and a dead one's lock while it is taken away.
                    "&suffixes=-journal,.lock,.lock.stale-*"
                ),
                "the database file and its journal",
            )
    }

    fn connect(config: Config<Options>) -> Result<Self, Failure> {
        let place = Place::of(&config)?;
        let names = Names::new(config.setting("metadata_schema"), config.options.schema_prefix)?;
        let mut session = Session { place, options: config.options, database: None };
        session.existing()?;
        let (schemas, numbers, swept) = (Schemas::default(), Numbers::default(), HashMap::new());
        Ok(Self { session, names, schemas, numbers, swept })
    }

    fn test_connection(&mut self) -> Result<(), Failure> {
        match self.session.existing()? {
            Some(database) => database.probe(),
            None => self.session.place.probe(),
        }
    }

    fn locate(&mut self, _schema: &str, places: &[TablePlace]) -> Result<Vec<Location>, Failure> {
        let Self { session, names, .. } = self;
        let names: &Names = names;
        let physical = places.iter().map(|place| names.physical(place));
        let physical: Vec<String> = physical.collect::<Result<_, _>>()?;
        let Some(database) = session.existing()? else {
            return Ok(physical.iter().map(|name| catalog::nothing_at(name)).collect());
        };
        database.read(|connection| {
            physical.iter().map(|name| catalog::locate(connection, names, name)).collect()
        })
    }

    fn create_schema_if_not_exists(&mut self, _schema: &str) -> Result<(), Failure> {
        let Self { session, names, .. } = self;
        session.database()?.transaction(|tx| metadata::create(tx.connection, names))
    }

    fn claim_schema(&mut self, schema: &str, owner: &str) -> Result<u64, Failure> {
        let Self { session, names, .. } = self;
        session.database()?.transaction(|transaction| {
            metadata::create(transaction.connection, names)?;
            metadata::claim(transaction.connection, names, schema, owner)
        })
    }

    fn get_marker(&mut self, schema: &str, stream: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Self { session, names, .. } = self;
        let Some(database) = session.existing()? else { return Ok(None) };
        database.read(|connection| metadata::marker(connection, names, schema, stream))
    }

    fn update_marker(
        &mut self,
        schema: &str,
        markers: &[Marker],
        epoch: u64,
    ) -> Result<(), Failure> {
        let Self { session, names, .. } = self;
        session.fenced(names, schema, epoch, |transaction| {
            metadata::store_markers(transaction.connection, names, schema, markers, epoch)
        })
    }

    fn create_table_if_not_exists(
        &mut self,
        schema: &str,
        plan: &TablePlan,
        epoch: u64,
    ) -> Result<(), Failure> {
        let audit = self.session.options.audit_columns;
        self.reshape(schema, epoch, |scope, tables| {
            tables.insert(plan.name.clone(), sql::adopt(&scope, plan, audit)?);
            Ok(())
        })
    }

    fn apply_schema_changes(
        &mut self,
        schema: &str,
        changes: &[SchemaChange],
        epoch: u64,
    ) -> Result<Vec<ChangeOutcome>, Failure> {
        self.reshape(schema, epoch, |scope, tables| {
            changes.iter().map(|change| sql::evolve(&scope, change, tables)).collect()
        })
    }

    fn write_batch(&mut self, request: WriteRequest) -> Result<WriteOutcome, Failure> {
        let Self { session, names, schemas, numbers, .. } = self;
        let (schema, epoch) = (&request.schema, request.epoch);
        let none = Tables::new();
        let tables = schemas.of(schema).unwrap_or(&none);
        let mut write = |way: turns::Way| {
            session.fenced(names, schema, epoch, |transaction| {
                write::batch(transaction, names, &request, tables, numbers, way)
            })
        };
        match write(turns::at_once) {
            // Rolled back. Once more, with patience.
            Err(failure) if failure.code == turns::IN_THE_WAY => write(turns::one_after_the_other),
            written => written,
        }
    }

    fn list_letters(
        &mut self,
        schema: &str,
        filter: &LetterFilter,
        after: u64,
        limit: usize,
        bytes_max: u64,
    ) -> Result<LetterPage, Failure> {
        letters::list(self, schema, filter, after, limit, bytes_max)
    }

    fn count_open(&mut self, schema: &str) -> Result<Vec<(String, u64)>, Failure> {
        letters::count_open(self, schema)
    }

    fn settle(&mut self, schema: &str, settlement: &Settlement) -> Result<u64, Failure> {
        letters::settle(self, schema, settlement)
    }

    fn begin_sweep(&mut self, request: &SweepRequest) -> Result<Option<String>, Failure> {
        self.swept.remove(&TablePlace::new(&request.schema, &request.table));
        self.reshape(&request.schema, request.epoch, |scope, tables| {
            sweep::begin(scope, request, tables)
        })
    }

    fn sweep(&mut self, request: &SweepRequest) -> Result<Swept, Failure> {
        let which = TablePlace::new(&request.schema, &request.table);
        let from = self.swept.remove(&which).unwrap_or(i64::MIN);
        let (rows, more) = self.reshape(&request.schema, request.epoch, |scope, tables| {
            sweep::end(scope, request, tables, from)
        })?;
        self.swept.extend(more.map(|from| (which, from)));
        Ok(Swept { rows, done: more.is_none() })
    }

    fn make_extra(&mut self, request: &ExtraRequest) -> Result<ExtraOutcome, Failure> {
        self.reshape(&request.schema, request.epoch, |scope, _| extras::make(scope, request))
    }

    fn read(
        &mut self,
        schema: &str,
        plan: &TablePlan,
        cursor: Option<&[u8]>,
        limits: Limits,
    ) -> Result<ReadBatch, Failure> {
        self.read_back(schema, plan, |scope| readback::read(scope, plan, cursor, limits))
    }

    fn lookup(
        &mut self,
        schema: &str,
        plan: &TablePlan,
        keys: &TableRows,
        limits: Limits,
    ) -> Result<LookedUp, Failure> {
        self.read_back(schema, plan, |scope| readback::look_up(scope, plan, keys, limits))
    }
}
