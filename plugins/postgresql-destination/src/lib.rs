//! Keeps a copy in a PostgreSQL database.
//!
//! Rows, markers, dead letters and the epoch check share one transaction (I2, I3, I5), and the rows
//! of a key keep their order (I4). What a batch does is decided in [`write`], what PostgreSQL
//! calls things in [`vendor`], how a table is made, adopted or changed in [`cartridge_warp_sdk::sql`];
//! this module only connects the trait to them.

mod apply;
mod array;
mod binary;
mod catalog;
mod cells;
mod collapse;
mod conversion;
mod copy;
mod dead_letters;
mod emptying;
mod encode;
mod epoch;
mod equality;
mod existing;
mod extras;
mod indexes;
mod kept;
mod letters;
mod metadata;
mod names;
mod numeric;
mod options;
mod ordered;
mod parking;
mod part;
mod raw;
mod read;
mod readback;
mod references;
mod refusal;
mod rescue;
mod rights;
mod scope;
mod session;
mod shape;
mod stage;
mod stages;
mod statement;
mod stopped;
mod sweep;
mod vendor;
mod write;

use std::collections::{BTreeSet, HashMap, HashSet};

use cartridge_warp_sdk::sql::{self, Numbers, Schemas, Tables};
use cartridge_warp_sdk::{
    ChangeOutcome, Config, Description, Destination, ExtraOutcome, ExtraRequest, Failure,
    LetterFilter, LetterPage, Limits, Location, LookedUp, Marker, ReadBatch, SchemaChange,
    Settlement, SweepRequest, Swept, TablePlace, TablePlan, TableRows, WriteOutcome, WriteRequest,
};
use postgresql_client::{HOST_GRANT, Settings};

use epoch::Fence;
use indexes::Building;
use names::Names;
pub use options::Options;
use part::Pauses;
use refusal::Refusal;
use scope::Scope;
use session::Session;

/// One connection to a database.
pub struct PostgresqlDestination {
    session: Session,
    /// For a connection beside it.
    settings: Settings,
    names: Names,
    options: Options,
    /// What this connection was told about tables, by schema.
    schemas: Schemas,
    /// Of the rows of logs.
    numbers: Numbers,
    pauses: Pauses,
    /// Schemas that will be written to, as far as somebody asked about them.
    asked: BTreeSet<String>,
    /// Places of tables that will be written to, in the same way.
    located: HashSet<TablePlace>,
    /// Tables that are being swept, and up to which block they are.
    swept: HashMap<TablePlace, i64>,
    /// An index that takes longer than a call.
    building: Option<Building>,
}

cartridge_warp_sdk::export_destination!(PostgresqlDestination);

impl PostgresqlDestination {
    /// Runs work that changes tables in a transaction of the schema's owner.
    fn reshape<T>(
        &mut self,
        schema: &str,
        epoch: u64,
        work: impl FnOnce(Scope<'_>, &mut Tables) -> Result<T, Refusal>,
    ) -> Result<T, Failure> {
        let Self { session, names, schemas, .. } = self;
        let result = schemas.reshape(schema, |tables| {
            epoch::transaction(session, names, (schema, epoch), Fence::Alone, || {
                work(Scope { session, names, schema }, tables)
            })
        })?;
        session.forget_statements();
        Ok(result)
    }
}

impl Destination for PostgresqlDestination {
    type Options = Options;

    fn describe() -> Description {
        Description::new("postgresql", env!("CARGO_PKG_VERSION"), "A copy in a PostgreSQL database")
            .capability("transactions")
            .capability("append")
            .capability("change-log")
            .capability("soft-delete")
            .capability("dead-letters")
            .capability("metadata-schema")
            .capability("sweep")
            .capability("shared-epoch")
            .capability("create:indexes")
            .capability("create:comments")
            .wants("host", HOST_GRANT, "the server of the database")
    }

    fn connect(config: Config<Options>) -> Result<Self, Failure> {
        let settings = Settings::parse(&config.connection_string)?;
        let names = Names::new(config.setting("metadata_schema"))?;
        let session = Session::open(&settings)?;
        Ok(Self {
            session,
            settings,
            names,
            options: config.options,
            schemas: Schemas::default(),
            numbers: Numbers::default(),
            pauses: Pauses::new(),
            asked: BTreeSet::new(),
            located: HashSet::new(),
            swept: HashMap::new(),
            building: None,
        })
    }

    fn test_connection(&mut self) -> Result<(), Failure> {
        epoch::probe(&self.session, &self.settings, &self.names)?;
        let check = |schema: &String| rights::check(&self.session, schema);
        self.asked.iter().try_for_each(check)?;
        Ok(rights::check_tables(&self.session, &self.located)?)
    }

    fn identify(&mut self, schema: &str) -> Result<Option<String>, Failure> {
        self.asked.insert(schema.to_owned());
        postgresql_client::identify(self.session.connection(), schema)
    }

    fn locate(&mut self, _schema: &str, places: &[TablePlace]) -> Result<Vec<Location>, Failure> {
        let located = catalog::locate(&self.session, &self.names, places)?;
        self.located.extend(places.iter().cloned());
        Ok(located)
    }

    fn create_schema_if_not_exists(&mut self, schema: &str) -> Result<(), Failure> {
        names::check_schema(schema)?;
        let Self { session, names, .. } = self;
        Ok(session.transaction(None, |_| {
            metadata::create(session, names)?;
            metadata::create_schema(session, schema)
        })?)
    }

    fn claim_schema(&mut self, schema: &str, owner: &str) -> Result<u64, Failure> {
        let Self { settings, session, names, .. } = self;
        // Apart: a claim may wait for long, and all others would wait with it to make the tables.
        session.transaction(None, |_| metadata::create(session, names))?;
        Ok(session
            .transaction(None, |_| epoch::claim(session, settings, names, (schema, owner)))?)
    }

    fn get_marker(&mut self, schema: &str, stream: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(metadata::marker(&self.session, &self.names, schema, stream)?)
    }

    fn update_marker(
        &mut self,
        schema: &str,
        markers: &[Marker],
        epoch: u64,
    ) -> Result<(), Failure> {
        let Self { session, names, .. } = self;
        Ok(epoch::transaction(session, names, (schema, epoch), Fence::Shared, || {
            metadata::store_markers(session, names, schema, markers, epoch)
        })?)
    }

    fn create_table_if_not_exists(
        &mut self,
        schema: &str,
        plan: &TablePlan,
        epoch: u64,
    ) -> Result<(), Failure> {
        let audit = self.options.audit_columns;
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
        let Self { session, names, schemas, numbers, pauses, .. } = self;
        let scope = Scope { session, names, schema: &request.schema };
        let none = Tables::new();
        let tables = schemas.of(&request.schema).unwrap_or(&none);
        write::batch(scope, &request, tables, numbers, pauses)
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
        sweep::begin(self, request)
    }

    fn sweep(&mut self, request: &SweepRequest) -> Result<Swept, Failure> {
        sweep::go_on(self, request)
    }

    fn make_extra(&mut self, request: &ExtraRequest) -> Result<ExtraOutcome, Failure> {
        extras::make(self, request)
    }

    fn read(
        &mut self,
        schema: &str,
        plan: &TablePlan,
        cursor: Option<&[u8]>,
        limits: Limits,
    ) -> Result<ReadBatch, Failure> {
        let Self { session, names, .. } = self;
        Ok(readback::read(Scope { session, names, schema }, plan, cursor, limits)?)
    }

    fn lookup(
        &mut self,
        schema: &str,
        plan: &TablePlan,
        keys: &TableRows,
        limits: Limits,
    ) -> Result<LookedUp, Failure> {
        let Self { session, names, .. } = self;
        Ok(readback::look_up(Scope { session, names, schema }, plan, keys, limits)?)
    }
}
