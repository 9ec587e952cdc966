//! Writes to a destination as a pipeline would, and knows what its tables must come to.

use std::sync::Arc;

use arrow_schema::{Field, Schema};

use super::batches::sent;
use crate::{
    config::{KitCase, KitTable},
    kit::{
        bench::Bench,
        finding::{Broken, Checked},
        sample,
        state::{self, Change, State, apply},
    },
    model::{Deletion, Marker, Operation, TablePlan, WriteMode},
    plugin::{DestinationConnection, PluginError, WriteOutcome, WriteRequest},
};

/// An instance of the destination that has claimed the schema.
pub struct Writer {
    pub connection: DestinationConnection,
    pub epoch: u64,
    pub case: Arc<KitCase>,
    write_mode: WriteMode,
}

impl Writer {
    /// Claims the schema and makes the tables.
    pub async fn open(bench: &Bench, owner: &str) -> Checked<Self> {
        let connection = bench.destination(bench.settings.clone()).await?;
        let case = Arc::clone(&bench.case);
        connection.create_schema_if_not_exists(&case.schema).await?;
        let epoch = connection.claim_schema(&case.schema, owner).await?;
        let write_mode = match keeps_logs(bench) {
            true => WriteMode::Append,
            false => WriteMode::Upsert,
        };
        let writer = Self { connection, epoch, case, write_mode };
        writer.make_tables().await?;
        Ok(writer)
    }

    pub async fn make_tables(&self) -> Result<(), PluginError> {
        for (name, table) in &self.case.tables {
            let plan = plan(name, table, self.write_mode);
            let schema = &self.case.schema;
            self.connection.create_table_if_not_exists(schema, &plan, self.epoch).await?;
        }
        Ok(())
    }

    /// A request with the same changes of each table.
    pub fn request(
        &self,
        changes: impl Fn(&KitTable) -> Vec<Change>,
        markers: Vec<Marker>,
    ) -> Checked<WriteRequest> {
        let tables = self.case.tables.iter();
        let tables = tables.map(|(name, table)| sent(name, table, &changes(table)));
        Ok(WriteRequest {
            schema_name: self.case.schema.clone(),
            clear_tables: Vec::new(),
            tables: tables.collect::<Checked<_>>()?,
            dead_letters: Vec::new(),
            markers,
            epoch: self.epoch,
            dead_letter_rejected: true,
            retry: None,
        })
    }

    /// Writes changes that nothing may refuse, and makes them of `state`, too.
    pub async fn write(
        &self,
        state: &mut State,
        changes: impl Fn(&KitTable) -> Vec<Change>,
    ) -> Checked {
        let outcome = self.send(self.request(&changes, Vec::new())?).await?;
        if let Some(refused) = outcome.rejected.first() {
            let seen = format!("row {} is refused: {}", refused.row, refused.message);
            let advice = "look at the row's values: the case says that its columns have this type";
            return Err(Broken::new("every row of the case is written", &seen, advice));
        }
        self.expect(state, changes)
    }

    /// Makes changes of `state` alone: what comes back has the form of what travels, not of the samples.
    pub fn expect(&self, state: &mut State, changes: impl Fn(&KitTable) -> Vec<Change>) -> Checked {
        for (name, table) in &self.case.tables {
            let rows = state.entry(name.clone()).or_default();
            for change in state::changes(table, &sent(name, table, &changes(table))?)? {
                apply(table, rows, change)?;
            }
        }
        Ok(())
    }

    pub async fn send(&self, request: WriteRequest) -> Result<WriteOutcome, PluginError> {
        self.connection.write_batch(request).await
    }

    pub async fn marker(&self, stream: &str) -> Checked<Option<Vec<u8>>> {
        Ok(self.connection.get_marker(&self.case.schema, stream).await?)
    }

    pub async fn close(self) {
        self.connection.close().await;
    }
}

/// Whether it keeps logs of changes and no tables: its driver tells the rows that a log comes to.
pub fn keeps_logs(bench: &Bench) -> bool {
    bench.plugin.info.has("append-only")
}

/// A row with all its values.
pub fn put(operation: Operation, table: &KitTable, n: usize, version: usize) -> Change {
    Change { operation, row: sample::row(table, n, version) }
}

pub fn insert(table: &KitTable, n: usize) -> Change {
    put(Operation::Insert, table, n, 0)
}

pub fn delete(table: &KitTable, n: usize) -> Change {
    Change { operation: Operation::Delete, row: sample::key_only(table, n) }
}

/// An update that sends the key alone.
pub fn touch(table: &KitTable, n: usize) -> Change {
    Change { operation: Operation::Update, row: sample::key_only(table, n) }
}

pub fn marker(stream: &str, value: Option<&[u8]>) -> Marker {
    Marker { stream: stream.to_owned(), value: value.map(<[u8]>::to_vec) }
}

fn plan(name: &str, table: &KitTable, write_mode: WriteMode) -> TablePlan {
    let fields: Vec<Field> = table.columns.iter().map(|(name, kind)| kind.field(name)).collect();
    TablePlan {
        name: name.to_owned(),
        place: None,
        schema: Arc::new(Schema::new(fields)),
        key: table.key.clone(),
        write_mode,
        deletion: Deletion::Hard,
    }
}
