//! A destination for tests: the SQLite connector, with faults where the script says so.
//!
//! On demand it makes the field's oldest mistake: it commits rows first and positions afterwards.

mod mutant;

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    time::Duration,
};

use cartridge_warp_sdk::{
    ChangeOutcome, Config, Description, Destination, Failure, Location, Marker, RejectedRow,
    SchemaChange, TablePlace, TablePlan, WriteOutcome, WriteRequest, export_destination, secrets,
};
use mutant::Mutant;
use schemars::JsonSchema;
use script::{Fault, Script};
use serde::Deserialize;
use sqlite_destination::SqliteDestination;

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Commit positions in a transaction of their own, this many milliseconds after their rows.
    pub positions_later_ms: Option<u64>,
    /// Report a rejected row that was never sent.
    pub lies: bool,
    /// A mistake to make all the time.
    pub mutant: Option<Mutant>,
    /// Calls that fail.
    pub faults: Vec<Fault>,
}

/// The schema of the host's journal: what it writes there is no part of a script.
const JOURNAL: &str = "cartridge_warp_metadata";

pub struct ScriptedDestination {
    script: Script,
    positions_later: Option<Duration>,
    lies: bool,
    mutant: Option<Mutant>,
    /// How often connections had been cut when this one was made.
    cuts: u64,
    inner: SqliteDestination,
}

impl ScriptedDestination {
    fn call(&self, schema: &str, call: &str) -> Result<(), Failure> {
        if schema == JOURNAL { Ok(()) } else { self.script.call(call) }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// The epoch of a request, or one that nobody else has.
    fn epoch(&mut self, schema: &str, epoch: u64) -> Result<u64, Failure> {
        match self.is(Mutant::Unfenced) {
            true => self.inner.claim_schema(schema, "mutant"),
            false => Ok(epoch),
        }
    }

    /// A batch that comes again is refused by the mutant that cannot tell.
    fn must_be_new(&self, request: &WriteRequest) -> Result<(), Failure> {
        if !self.is(Mutant::RefusesAgain) {
            return Ok(());
        }
        let rows: Vec<_> = request.tables.iter().map(|rows| rows.record_batch()).collect();
        let mut hasher = DefaultHasher::new();
        format!("{rows:?}").hash(&mut hasher);
        let seen = format!("{}seen-{:x}", self.script.prefix, hasher.finish());
        let seen = self.script.directory.join(seen);
        match fs::File::create_new(seen) {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::stop("again", error.to_string())),
        }
    }

    /// How often somebody said that connections are cut: by a byte each.
    fn cuts(script: &Script) -> u64 {
        let file = script.directory.join(format!("{}cuts", script.prefix));
        fs::metadata(file).map_or(0, |file| file.len())
    }

    fn must_be_connected(&self) -> Result<(), Failure> {
        if Self::cuts(&self.script) == self.cuts {
            return Ok(());
        }
        Err(match self.is(Mutant::StopsWhenCut) {
            true => Failure::stop("cut", "the connection was cut"),
            false => Failure::reconnect("cut", "the connection was cut"),
        })
    }

    fn write(&mut self, mut request: WriteRequest) -> Result<WriteOutcome, Failure> {
        let Some(mutant) = self.mutant else { return self.inner.write_batch(request) };
        let asked_to_fail = !request.dead_letter_rejected;
        self.must_be_new(&request)?;
        request.epoch = self.epoch(&request.schema, request.epoch)?;
        mutant.mistake(&mut request)?;
        mutant.answer(asked_to_fail, self.inner.write_batch(request)?)
    }
}

/// What no connector may do.
#[allow(clippy::print_stdout)]
fn print(secret: &str) {
    println!("claimed with {secret}");
}

impl Destination for ScriptedDestination {
    type Options = Options;

    fn describe() -> Description {
        let mut description = Description {
            name: "scripted".to_owned(),
            description: "SQLite with scripted faults, for tests".to_owned(),
            ..SqliteDestination::describe()
        };
        // Calls are counted beside the database.
        for wanted in &mut description.wanted_grants {
            wanted.value.push_str(",.calls-*");
        }
        description
    }

    fn connect(config: Config<Options>) -> Result<Self, Failure> {
        let Config { connection_string, options, settings, paths } = config;
        let inner = sqlite_destination::Options::default();
        let inner = Config { connection_string, options: inner, settings, paths };
        let file = Path::new(&inner.path("connection_string")?.guest_path);
        let directory = file.parent().unwrap_or(Path::new("/")).to_owned();
        let mutant = options.mutant;
        let (lies, later) = (options.lies, options.positions_later_ms.map(Duration::from_millis));
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!("{name}.calls-");
        let script = Script { directory, prefix, faults: options.faults };
        script.call("connect")?;
        let cuts = Self::cuts(&script);
        let inner = SqliteDestination::connect(inner)?;
        Ok(Self { script, positions_later: later, lies, mutant, cuts, inner })
    }

    fn test_connection(&mut self) -> Result<(), Failure> {
        self.script.call("test-connection")?;
        self.inner.test_connection()
    }

    fn locate(&mut self, schema: &str, places: &[TablePlace]) -> Result<Vec<Location>, Failure> {
        self.call(schema, "locate")?;
        self.inner.locate(schema, places)
    }

    fn create_schema_if_not_exists(&mut self, schema: &str) -> Result<(), Failure> {
        self.call(schema, "create-schema-if-not-exists")?;
        self.inner.create_schema_if_not_exists(schema)
    }

    fn claim_schema(&mut self, schema: &str, owner: &str) -> Result<u64, Failure> {
        self.call(schema, "claim-schema")?;
        if self.is(Mutant::PrintsSecrets) {
            print(&secrets::get("token")?);
        }
        self.inner.claim_schema(schema, owner)
    }

    fn get_marker(&mut self, schema: &str, stream: &str) -> Result<Option<Vec<u8>>, Failure> {
        self.call(schema, "get-marker")?;
        self.inner.get_marker(schema, stream)
    }

    fn update_marker(
        &mut self,
        schema: &str,
        markers: &[Marker],
        epoch: u64,
    ) -> Result<(), Failure> {
        self.call(schema, "update-marker")?;
        let epoch = self.epoch(schema, epoch)?;
        self.inner.update_marker(schema, markers, epoch)
    }

    fn create_table_if_not_exists(
        &mut self,
        schema: &str,
        plan: &TablePlan,
        epoch: u64,
    ) -> Result<(), Failure> {
        self.call(schema, "create-table-if-not-exists")?;
        let epoch = self.epoch(schema, epoch)?;
        self.inner.create_table_if_not_exists(schema, plan, epoch)?;
        if !self.is(Mutant::EmptiesTables) {
            return Ok(());
        }
        let clear_tables = vec![plan.name.clone()];
        let request = WriteRequest {
            schema: schema.to_owned(),
            clear_tables,
            tables: Vec::new(),
            dead_letters: Vec::new(),
            markers: Vec::new(),
            epoch,
            dead_letter_rejected: false,
            retry: None,
        };
        self.inner.write_batch(request).map(drop)
    }

    fn apply_schema_changes(
        &mut self,
        schema: &str,
        changes: &[SchemaChange],
        epoch: u64,
    ) -> Result<Vec<ChangeOutcome>, Failure> {
        self.call(schema, "apply-schema-changes")?;
        self.inner.apply_schema_changes(schema, changes, epoch)
    }

    /// Fails before the commit (`write-batch`) or after it (`write-batch-committed`): then the host
    /// does not know that the rows are there.
    fn write_batch(&mut self, mut request: WriteRequest) -> Result<WriteOutcome, Failure> {
        self.call(&request.schema, "write-batch")?;
        self.must_be_connected()?;
        let Some(later) = self.positions_later else {
            let schema = request.schema.clone();
            let mut outcome = self.write(request)?;
            self.call(&schema, "write-batch-committed")?;
            if self.lies && schema != JOURNAL {
                let (code, message) = ("lie".to_owned(), "no such row".to_owned());
                outcome.rejected.push(RejectedRow { batch: 7, row: 1 << 30, code, message });
            }
            return Ok(outcome);
        };
        let (schema, epoch) = (request.schema.clone(), request.epoch);
        let markers = std::mem::take(&mut request.markers);
        let outcome = self.inner.write_batch(request)?;
        std::thread::sleep(later);
        self.inner.update_marker(&schema, &markers, epoch)?;
        Ok(outcome)
    }
}

export_destination!(ScriptedDestination);
