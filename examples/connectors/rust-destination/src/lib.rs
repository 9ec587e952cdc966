//! Keeps a schema's tables in one JSON file in a directory of the operator's.

mod state;
mod store;

use std::fs;
use std::path::PathBuf;

use cartridge_warp_sdk::*;

pub use state::State;
use store::Store;

pub struct Connector {
    root: PathBuf,
    /// What this connection claimed.
    claimed: Option<(String, Store)>,
}

export_destination!(Connector);

impl Connector {
    /// The folder of a schema.
    fn folder(&self, schema: &str) -> Result<PathBuf, Failure> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if schema.is_empty() || schema.len() > 64 || !schema.chars().all(is_plain) {
            let what =
                format!("schema {schema:?} would be a folder: 1 to 64 letters, digits and `_`");
            return Err(Failure::config("schema-name", what));
        }
        Ok(self.root.join(schema))
    }

    /// The schema, if this connection claimed it with this epoch.
    fn claimed(&mut self, schema: &str, epoch: u64) -> Result<&mut Store, Failure> {
        let claimed = self.claimed.as_mut().filter(|(name, _)| name == schema);
        let Some((_, store)) = claimed else {
            return Err(Failure::stop("not-claimed", format!("schema {schema} was not claimed")));
        };
        match store.epoch() {
            current if current == epoch => Ok(store),
            current => Err(fenced(schema, epoch, current)),
        }
    }

    /// Commits what this makes of the state.
    fn commit<T>(
        &mut self,
        schema: &str,
        epoch: u64,
        change: impl FnOnce(&mut State) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let store = self.claimed(schema, epoch)?;
        let mut state = store.state().clone();
        let answer = change(&mut state)?;
        store.commit(state)?;
        Ok(answer)
    }
}

impl Destination for Connector {
    type Options = NoOptions;

    fn describe() -> Description {
        Description::new("starter", env!("CARGO_PKG_VERSION"), "Tables in a JSON file a schema")
            .capability("transactions")
            .capability("dead-letters")
            .wants(
                "write-directory",
                "${connection_string}",
                "keeps a folder for each schema there",
            )
    }

    fn connect(config: Config<NoOptions>) -> Result<Self, Failure> {
        let root = PathBuf::from(&config.path("connection_string")?.guest_path);
        Ok(Self { root, claimed: None })
    }

    fn test_connection(&mut self) -> Result<(), Failure> {
        let probe = self.root.join(".probe");
        let written = fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe));
        written.map_err(|error| store::failure(&self.root, &error))
    }

    fn create_schema_if_not_exists(&mut self, schema: &str) -> Result<(), Failure> {
        let folder = self.folder(schema)?;
        fs::create_dir_all(&folder).map_err(|error| store::failure(&folder, &error))?;
        store::sync(&self.root)
    }

    fn claim_schema(&mut self, schema: &str, owner: &str) -> Result<u64, Failure> {
        let store = Store::claim(&self.folder(schema)?, schema)?;
        let epoch = store.epoch();
        log::info(
            "claimed",
            &[("schema", schema), ("owner", owner), ("epoch", &epoch.to_string())],
        );
        self.claimed = Some((schema.to_owned(), store));
        Ok(epoch)
    }

    fn get_marker(&mut self, schema: &str, stream: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(store::read(&self.folder(schema)?)?.markers.remove(stream))
    }

    fn update_marker(
        &mut self,
        schema: &str,
        markers: &[Marker],
        epoch: u64,
    ) -> Result<(), Failure> {
        self.commit(schema, epoch, |state| {
            state.mark(markers);
            Ok(())
        })
    }

    fn create_table_if_not_exists(
        &mut self,
        schema: &str,
        plan: &TablePlan,
        epoch: u64,
    ) -> Result<(), Failure> {
        if plan.place.as_ref().is_some_and(|place| *place != TablePlace::new(schema, &plan.name)) {
            let what = format!("table {} can only have its own name here", plan.name);
            return Err(Failure::config("other-name", what));
        }
        self.commit(schema, epoch, |state| {
            state.plan(plan);
            Ok(())
        })
    }

    fn apply_schema_changes(
        &mut self,
        schema: &str,
        changes: &[SchemaChange],
        epoch: u64,
    ) -> Result<Vec<ChangeOutcome>, Failure> {
        self.commit(schema, epoch, |state| {
            Ok(changes.iter().map(|change| state.change(change)).collect())
        })
    }

    fn write_batch(&mut self, request: WriteRequest) -> Result<WriteOutcome, Failure> {
        self.commit(&request.schema, request.epoch, |state| state.write(&request))
    }
}
