//! Writes to a destination as a pipeline would, and knows what its tables must come to.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch, UInt8Array};
use arrow_schema::{DataType, Field, Schema};

use crate::{
    config::{KitCase, KitTable},
    kit::{
        bench::Bench,
        finding::{Broken, Checked},
        sample,
        state::{self, Change, State, apply},
        values::{Row, Text, column},
    },
    model::{
        Deletion, Marker, Operation, TableBatch, TablePlan, WriteMode,
        batch::{OP_COLUMN, UNCHANGED_COLUMN},
    },
    plugin::{
        DestinationConnection, PluginError, WriteOutcome, WriteRequest, encode_batch, table_schema,
    },
};

/// An instance of the destination that has claimed the schema.
pub struct Writer {
    pub connection: DestinationConnection,
    pub epoch: u64,
    pub case: Arc<KitCase>,
}

impl Writer {
    /// Claims the schema and makes the tables.
    pub async fn open(bench: &Bench, owner: &str) -> Checked<Self> {
        let connection = bench.destination(bench.settings.clone()).await?;
        let case = Arc::clone(&bench.case);
        connection.create_schema_if_not_exists(&case.schema).await?;
        let epoch = connection.claim_schema(&case.schema, owner).await?;
        let writer = Self { connection, epoch, case };
        writer.make_tables().await?;
        Ok(writer)
    }

    pub async fn make_tables(&self) -> Result<(), PluginError> {
        for (name, table) in &self.case.tables {
            let plan = plan(name, table);
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

fn plan(name: &str, table: &KitTable) -> TablePlan {
    let fields: Vec<Field> = table.columns.iter().map(|(name, kind)| kind.field(name)).collect();
    TablePlan {
        name: name.to_owned(),
        place: None,
        schema: Arc::new(Schema::new(fields)),
        key: table.key.clone(),
        write_mode: WriteMode::Upsert,
        deletion: Deletion::Hard,
    }
}

fn sent(name: &str, table: &KitTable, changes: &[Change]) -> Checked<TableBatch> {
    batch(name, table, changes).map_err(|seen| {
        Broken::new("the kit can write its rows in these types", &seen, "take another type")
    })
}

/// Changes as they travel: an update's columns that have no value are marked as unchanged.
fn batch(name: &str, table: &KitTable, changes: &[Change]) -> Result<TableBatch, String> {
    let operations = changes.iter().map(|change| change.operation as u8);
    let mut fields = vec![Field::new(OP_COLUMN, DataType::UInt8, false)];
    let mut columns: Vec<ArrayRef> = vec![Arc::new(operations.collect::<UInt8Array>())];
    for (column_name, kind) in &table.columns {
        let texts: Vec<Text> =
            changes.iter().map(|change| change.row.get(column_name).cloned().flatten()).collect();
        fields.push(kind.field(column_name));
        columns.push(column(column_name, &texts, *kind)?);
    }
    let unchanged = changes.iter().map(|change| {
        let is_partial = change.operation == Operation::Update;
        is_partial
            .then(|| unsent(table, &change.row))
            .filter(|bits| bits.iter().any(|bits| *bits > 0))
    });
    let unchanged: Vec<Option<Vec<u8>>> = unchanged.collect();
    if unchanged.iter().any(Option::is_some) {
        fields.push(Field::new(UNCHANGED_COLUMN, DataType::Binary, true));
        let bits: Vec<Option<&[u8]>> = unchanged.iter().map(Option::as_deref).collect();
        columns.push(Arc::new(BinaryArray::from(bits)));
    }
    let schema = Arc::new(Schema::new(fields));
    let rows =
        RecordBatch::try_new(Arc::clone(&schema), columns).map_err(|error| error.to_string())?;
    let schema = table_schema(schema).map_err(|error| error.to_string())?;
    encode_batch(name, &schema, rows).map_err(|error| error.to_string())
}

/// A bit for each column that a row does not have, the first column in the lowest bit.
fn unsent(table: &KitTable, row: &Row) -> Vec<u8> {
    let mut bits = vec![0; table.columns.len().div_ceil(8)];
    for (position, column) in table.columns.keys().enumerate() {
        if !row.contains_key(column)
            && let Some(byte) = bits.get_mut(position / 8)
        {
            *byte |= 1 << (position % 8);
        }
    }
    bits
}
