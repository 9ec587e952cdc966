//! One table as the runner keeps it: what the source says, what the destination gets.

use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
    sync::Arc,
};

use arrow_array::{ArrayRef, RecordBatch, UInt8Array, new_null_array};
use arrow_schema::{DataType, Field, Schema};

mod added;
mod arrivals;
mod compared;
mod copied;
mod decisions;
mod faults;
mod filtered;
mod keys;
mod letter_keys;
mod masked;
mod misfit;
mod promises;
mod readers;
mod refused;
mod rules;
mod shape;
mod steps;
#[cfg(test)]
mod tests;

pub use self::{
    decisions::{DECISIONS_MAX, Decision, Decisions, Subject},
    faults::Past,
    filtered::{Outside, WITHHELD},
    keys::Keys,
    letter_keys::{KeyTexts, key_of},
    promises::Promises,
    rules::TableRules,
};
use self::{
    filtered::{Filtered, Known},
    refused::{stretches, unconverted},
    shape::ColumnRules,
    steps::{Shaped, Steps},
};
use crate::{
    config::{self, TableSettings},
    model::{
        ChangeKind, DeadLetter, Deletion, Operation, SchemaChange, TableBatch, TablePlace,
        TablePlan, TableSchema, TableShape, WriteMode, batch::OP_COLUMN,
    },
    plugin::{WireError, encode_batch, table_schema},
    runner::error::RunError,
    schema::{
        News, TypeStep, compare, compare_whole, identity, is_first_value, merge, settled,
        type_step, without,
    },
};

/// How many schemas of a table are remembered; a source that sends more is worked out anew (I7).
const KNOWN_SCHEMAS_MAX: usize = 1024;

/// The selected tables by name.
pub type Tables = BTreeMap<String, Table>;

/// A selected table.
#[derive(Debug)]
pub struct Table {
    pub settings: TableSettings,
    /// As the source describes it, with what was learned from its rows.
    pub source: TableShape,
    /// Counts the shapes that it has had.
    pub version: u32,
    /// The source dropped it. Should it come back, it is another table of the same name.
    pub dropped: bool,
    /// What a person decided about changes of its shape.
    pub decisions: Decisions,
    /// Where the keys of its rows go, while it is copied and the rows of before stay.
    pub keys: Option<Keys>,
    rules: ColumnRules,
    promises: Promises,
    /// Memory that `source` takes.
    shape_bytes: usize,
    /// Schemas whose columns the destination has, by id; none where batches go untouched.
    known: HashMap<String, Option<(Steps, Arc<TableSchema>)>>,
    /// Memory that `known` takes.
    known_bytes: usize,
    /// Which rows the destination has, for batches of the last schema.
    filter: Option<Known>,
}

/// What became of a batch.
pub struct Taken {
    /// What the destination gets, in order.
    pub batches: Vec<TableBatch>,
    pub letters: Vec<DeadLetter>,
}

impl Table {
    /// A table that has no shape at the destination yet.
    pub fn new(source: TableShape, settings: TableSettings, promises: Promises) -> Self {
        let rules = ColumnRules::new(&settings, source.key.clone());
        let shape_bytes = source.byte_count();
        Self {
            settings,
            source,
            shape_bytes,
            version: 0,
            dropped: false,
            decisions: Decisions::default(),
            keys: None,
            rules,
            promises,
            known: HashMap::new(),
            known_bytes: 0,
            filter: None,
        }
    }

    /// How the destination is to keep it.
    pub fn plan(&self) -> TablePlan {
        let name = |column: &String| self.rules.destination_name(column).map(str::to_owned);
        let settings = &self.settings;
        TablePlan {
            name: self.source.name.clone(),
            place: settings.place.clone(),
            schema: Arc::clone(self.rules.steps(&self.source.schema, &self.source.schema).schema()),
            key: self.source.key.iter().filter_map(name).collect(),
            write_mode: match settings.write_mode {
                config::WriteMode::Upsert => WriteMode::Upsert,
                config::WriteMode::Append => WriteMode::Append,
            },
            deletion: match settings.deletion_strategy {
                config::DeletionStrategy::Hard => Deletion::Hard,
                config::DeletionStrategy::Soft => Deletion::Soft {
                    column: settings.soft_delete_column.clone(),
                    deleted_at: settings.deleted_at_column.clone(),
                },
            },
        }
    }

    /// What one of its columns is called at the destination, if it is there.
    pub fn column_at_destination<'a>(&'a self, column: &str) -> Option<&'a str> {
        let (_, field) = self.source.schema.fields().find(column)?;
        self.rules.destination_name(field.name())
    }

    /// Where the destination keeps it, in a schema of this name at the source.
    pub fn place(&self, schema: &str) -> TablePlace {
        let own = || TablePlace { schema: schema.to_owned(), table: self.source.name.clone() };
        self.settings.place.clone().unwrap_or_else(own)
    }

    /// Goes on from a remembered shape; what the source says now is returned.
    pub fn remember(&mut self, stored: TableShape) -> TableShape {
        let now = std::mem::replace(&mut self.source, stored);
        self.reshaped();
        now
    }

    /// Columns that the destination has of it.
    pub fn column_count(&self) -> usize {
        let columns = self.source.schema.fields().iter();
        columns.filter(|field| self.rules.destination_name(field.name()).is_some()).count()
            + self.rules.added().len()
    }

    /// Columns that came later and that the destination will not have.
    pub fn left_out_count(&self) -> usize {
        self.rules.left_out().len()
    }

    /// Memory that its shape takes.
    pub fn shape_bytes(&self) -> usize {
        self.shape_bytes
    }

    /// Memory that is kept to shape further batches faster.
    pub fn known_bytes(&self) -> usize {
        self.known_bytes
    }

    /// Gives that memory back.
    pub fn forget_known(&mut self) {
        self.known = HashMap::new();
        self.known_bytes = 0;
        self.filter = None;
    }

    /// The shape is another one now.
    fn reshaped(&mut self) {
        self.forget_known();
        self.shape_bytes = self.source.byte_count();
    }

    /// The table gets its next shape. The count so far is what the destination gave back.
    pub fn count_shape(&mut self) {
        self.version = self.version.saturating_add(1);
    }

    /// What a batch of this schema brings that the table does not have yet, in the source's terms.
    pub fn news(&self, schema: &TableSchema) -> News {
        if self.known.contains_key(&schema.id) {
            return News::default();
        }
        self.compare_with(&schema.arrow).of_rows()
    }

    /// What these columns bring that the table does not have yet, in the source's terms.
    fn compare_with(&self, arrow: &Schema) -> News {
        self.but_left_out(compare(&self.source, arrow))
    }

    /// The same of all columns that the table has at its source, so that what is gone is told, too.
    pub fn compare_whole(&self, now: &Schema) -> News {
        self.but_left_out(compare_whole(&self.source, now))
    }

    /// Columns that are left out bring nothing.
    fn but_left_out(&self, mut news: News) -> News {
        news.changes.retain(|change| match &change.kind {
            ChangeKind::AddColumn { column } | ChangeKind::ModifyColumn { column } => {
                !self.rules.is_left_out(column)
            }
            _ => true,
        });
        news
    }

    /// Takes over what the source says of which column is which; whether it is news.
    pub fn adopt(&mut self, now: &Schema) -> bool {
        let adopted = identity::adopt(&self.source.schema, now);
        if adopted == self.source.schema {
            return false;
        }
        self.source.schema = adopted;
        self.shape_bytes = self.source.byte_count();
        true
    }

    /// Takes over a change of a column that is none to the destination: the source says something
    /// else of which column it is.
    pub fn learn(&mut self, change: &SchemaChange) -> bool {
        let (ChangeKind::ModifyColumn { column }, Some(after)) = (&change.kind, &change.after)
        else {
            return false;
        };
        let known = self.source.schema.field_with_name(column).ok();
        let fields = known.zip(after.schema.field_with_name(column).ok());
        let Some((old, now)) = fields else { return false };
        if is_first_value(old, now) && type_step(old, now) == TypeStep::Same {
            // The guess was right.
            self.source.schema = merge(&self.source.schema, &Arc::new(now.clone()));
            self.reshaped();
            return true;
        }
        let is_same = identity::is_same_but_for_identity(old, now);
        if is_same {
            self.adopt(&after.schema);
        }
        is_same
    }

    /// The column that gets its first value by a change, as it was guessed to be.
    pub fn guess(&self, change: &SchemaChange) -> Option<Field> {
        let (ChangeKind::ModifyColumn { column }, Some(after)) = (&change.kind, &change.after)
        else {
            return None;
        };
        let known = self.source.schema.field_with_name(column).ok()?;
        let now = after.schema.field_with_name(column).ok()?;
        is_first_value(known, now).then(|| known.clone())
    }

    /// A column keeps the type that was guessed.
    pub fn settle(&mut self, guess: &Field) {
        self.source.schema = merge(&self.source.schema, &Arc::new(settled(guess)));
        self.reshaped();
    }

    /// Whether the destination may have another column of the name that a change brings.
    pub fn is_taken(&self, change: &SchemaChange) -> bool {
        let name = match &change.kind {
            ChangeKind::AddColumn { column } => column,
            ChangeKind::RenameColumn { new_name, .. } => new_name,
            _ => return false,
        };
        self.source.schema.field_with_name(name).is_ok()
    }

    /// A column that the source has and the destination will not.
    pub fn leave_out(&mut self, column: String) {
        self.rules.leave_out(column);
        self.forget_known();
    }

    /// Whether a change is one of a column that is left out.
    pub fn leaves_out(&self, change: &SchemaChange) -> bool {
        match &change.kind {
            ChangeKind::AddColumn { column }
            | ChangeKind::ModifyColumn { column }
            | ChangeKind::DropColumn { column }
            | ChangeKind::RenameColumn { column, .. } => self.rules.is_left_out(column),
            ChangeKind::AddTable | ChangeKind::DropTable => false,
        }
    }

    /// The rules by which its rows get their form.
    pub fn rules(&self) -> TableRules {
        TableRules::new(&self.settings, self.rules.left_out().clone())
    }

    /// Takes a change over; the destination's side of it, if it has one.
    pub fn accept(&mut self, change: &SchemaChange) -> Option<SchemaChange> {
        let kind = match &change.kind {
            ChangeKind::AddColumn { column } => {
                let column = self.take_column(change, column)?;
                ChangeKind::AddColumn { column }
            }
            ChangeKind::ModifyColumn { column } => {
                let column = self.take_column(change, column)?;
                ChangeKind::ModifyColumn { column }
            }
            ChangeKind::DropColumn { column } => {
                let name = self.rules.destination_name(column).map(str::to_owned);
                self.source.schema = without(&self.source.schema, column);
                ChangeKind::DropColumn { column: name? }
            }
            ChangeKind::RenameColumn { column, new_name } => {
                let old = self.rules.destination_name(column).map(str::to_owned);
                self.source.schema = without(&self.source.schema, column);
                let key = self.source.key.iter_mut().filter(|key| *key == column);
                key.for_each(|key| new_name.clone_into(key));
                self.rules.rename_key(column, new_name);
                if self.rules.is_left_out(column) {
                    self.rules.rename_left_out(column, new_name);
                    self.decisions.rename(column, new_name);
                }
                let new_name = self.take_column(change, new_name)?;
                ChangeKind::RenameColumn { column: old?, new_name }
            }
            ChangeKind::AddTable | ChangeKind::DropTable => change.kind.clone(),
        };
        self.reshaped();
        let plan = self.plan();
        let after = TableShape {
            name: plan.name,
            schema: plan.schema,
            key: plan.key,
            estimated_rows: None,
        };
        Some(SchemaChange { table: self.source.name.clone(), kind, after: Some(after) })
    }

    fn take_column(&mut self, change: &SchemaChange, column: &str) -> Option<String> {
        let after = change.after.as_ref()?;
        let (_, field) = after.schema.fields().find(column)?;
        self.source.schema = merge(&self.source.schema, field);
        self.reshaped();
        self.rules.destination_name(column).map(str::to_owned)
    }

    /// Gives changes the form the operator asked for. Their columns are known by now. Rows that have no such
    /// form are among the dead letters, in the source's terms; the others follow each other as they did.
    pub fn shape(&mut self, batch: TableBatch) -> Result<Taken, RunError> {
        let outside = self.outside(false);
        self.shape_as(batch, outside)
    }

    /// The same of any rows.
    pub fn shape_as(&mut self, batch: TableBatch, outside: Outside) -> Result<Taken, RunError> {
        let Filtered { batch, letters: undecided } = self.filtered(batch, outside)?;
        if batch.row_count() == 0 {
            return Ok(Taken { batches: Vec::new(), letters: undecided });
        }
        let mut taken = self.formed(batch)?;
        taken.letters.splice(..0, undecided);
        Ok(taken)
    }

    fn formed(&mut self, batch: TableBatch) -> Result<Taken, RunError> {
        if self.known.len() >= KNOWN_SCHEMAS_MAX {
            self.forget_known();
        }
        let failed = |cause| unencodable(&batch.table, cause);
        self.learn_steps(&batch.schema).map_err(|cause| unencodable(&batch.table, cause))?;
        let Some(Some((steps, schema))) = self.known.get(&batch.schema.id) else {
            return Ok(Taken { batches: vec![batch], letters: Vec::new() });
        };
        let Shaped { rows, refused } = steps.apply(&batch.columns).map_err(failed)?;
        let letters = unconverted(&batch, &refused, &self.source.key).map_err(failed)?;
        let parts = if refused.is_empty() { vec![rows] } else { stretches(&rows, &refused) };
        let encoded = parts.into_iter().map(|rows| encode_batch(&batch.table, schema, rows));
        let batches = encoded.collect::<Result<_, _>>();
        let batches = batches.map_err(|cause| unencodable(&batch.table, cause))?;
        Ok(Taken { batches, letters })
    }

    /// Works out what happens to batches of a schema, once.
    fn learn_steps(&mut self, schema: &TableSchema) -> Result<(), WireError> {
        if self.known.contains_key(&schema.id) {
            return Ok(());
        }
        let (arrived, known) = (&schema.arrow, &self.source.schema);
        let steps = if self.promises.whole_rows {
            self.rules.steps_of_whole_rows(arrived, known)
        } else {
            self.rules.steps(arrived, known)
        };
        let steps = if steps.is_identity() {
            None
        } else {
            let shaped = table_schema(Arc::clone(steps.schema()))?;
            Some((steps, shaped))
        };
        let bytes = steps
            .as_ref()
            .map_or(0, |(_, schema)| 2 * schema.arrow.fields().size() + schema.message.len());
        self.known_bytes += size_of_val(&steps) + schema.id.len() + bytes;
        self.known.insert(schema.id.clone(), steps);
        Ok(())
    }

    /// Whether the destination writes down what happened to its rows, so that no row of it is removed.
    pub fn is_change_log(&self) -> bool {
        self.promises.change_log
    }

    /// A row that says that all rows before it are gone.
    pub fn truncation(&mut self) -> Result<Vec<TableBatch>, RunError> {
        let name = self.source.name.clone();
        let operation = Field::new(OP_COLUMN, DataType::UInt8, false);
        let fields = std::iter::once(Arc::new(operation));
        let fields: Vec<_> = fields.chain(self.source.schema.fields().iter().cloned()).collect();
        let schema = table_schema(Arc::new(Schema::new(fields)))
            .map_err(|cause| unencodable(&name, cause))?;
        let data = schema.arrow.fields().iter().skip(1);
        let nothing = data.map(|field| new_null_array(field.data_type(), 1));
        let operation: ArrayRef = Arc::new(UInt8Array::from(vec![Operation::Truncate as u8]));
        let columns = std::iter::once(operation).chain(nothing).collect();
        let rows = RecordBatch::try_new(Arc::clone(&schema.arrow), columns)
            .map_err(|cause| unencodable(&name, cause))?;
        let batch = encode_batch(&name, &schema, rows);
        Ok(self.shape(batch.map_err(|cause| unencodable(&name, cause))?)?.batches)
    }

    /// What of a dead letter's row may reach the destination.
    pub fn redact_payload(&self, payload: &str) -> String {
        self.rules.redact_payload(payload)
    }

    /// The same of its key, which has no masked column and the destination's names then.
    pub fn redact_key(&self, key: &str) -> Option<String> {
        letter_keys::at_destination(&self.rules, &self.source, key)
    }
}

/// An error of Arrow or of the wire.
pub fn unencodable(table: &str, cause: impl Error + Send + Sync + 'static) -> RunError {
    RunError::Encode { table: table.to_owned(), cause: Box::new(cause) }
}
