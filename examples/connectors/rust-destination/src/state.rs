//! What a schema has, and what a batch makes of it. Values are kept as text.

use std::collections::{BTreeMap, BTreeSet};

use cartridge_warp_sdk::{
    ChangeKind, ChangeOutcome, DeadLetter, Failure, Marker, Operation, RejectedRow, SchemaChange,
    TablePlan, TableRows, Value, WriteOutcome, WriteRequest, key_text,
};
use serde::{Deserialize, Serialize};

/// The values of a row by column; none where there is no value.
type Row = BTreeMap<String, Option<String>>;

/// All of a schema.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    pub markers: BTreeMap<String, Vec<u8>>,
    pub tables: BTreeMap<String, Kept>,
    pub letters: Vec<Letter>,
}

/// A table: its rows by the text of their keys.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Kept {
    pub key: Vec<String>,
    pub columns: BTreeSet<String>,
    pub rows: BTreeMap<String, Row>,
}

/// A row that could not be written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Letter {
    pub table: String,
    pub operation: String,
    pub payload: String,
    pub code: String,
    pub message: String,
    pub origin: String,
}

impl State {
    /// Makes a table, or adds the columns that it lacks.
    pub fn plan(&mut self, plan: &TablePlan) {
        let kept = self.tables.entry(plan.name.clone()).or_default();
        kept.key.clone_from(&plan.key);
        kept.columns.extend(plan.columns.iter().map(|column| column.name.clone()));
    }

    /// Stores or removes positions.
    pub fn mark(&mut self, markers: &[Marker]) {
        for Marker { stream, value } in markers {
            match value {
                Some(value) => self.markers.insert(stream.clone(), value.clone()),
                None => self.markers.remove(stream),
            };
        }
    }

    /// Applies a batch. It comes again after a crash, and ends in the same rows then.
    pub fn write(&mut self, request: &WriteRequest) -> Result<WriteOutcome, Failure> {
        for table in &request.clear_tables {
            self.kept(table)?.rows.clear();
        }
        let mut outcome = WriteOutcome::default();
        for (batch, rows) in request.tables.iter().enumerate() {
            for row in 0..rows.len() {
                let Err(message) = self.kept(rows.table())?.apply(rows, row)? else {
                    outcome.rows_written += 1;
                    continue;
                };
                if !request.dead_letter_rejected {
                    let place = format!("row {row} of batch {batch} of {}", rows.table());
                    return Err(Failure::stop("row-rejected", format!("{place}: {message}")));
                }
                let code = "missing-row".to_owned();
                let payload =
                    key_text(rows, row, &self.kept(rows.table())?.key).unwrap_or_default();
                let letter = DeadLetter::new(rows.table(), &code, &message, &payload, "this batch");
                self.keep(&letter.operation(rows.op(row)));
                outcome.rejected.push(RejectedRow { batch, row, code, message });
            }
        }
        request.dead_letters.iter().for_each(|letter| self.keep(letter));
        self.mark(&request.markers);
        Ok(outcome)
    }

    /// Applies a change of shape; text holds values of any type, so each can be made.
    pub fn change(&mut self, change: &SchemaChange) -> ChangeOutcome {
        let (column, new_name) = (change.column.as_deref(), change.new_name.as_deref());
        if change.kind == ChangeKind::DropTable {
            return applied(self.tables.remove(&change.table).is_some());
        }
        let Some(kept) = self.tables.get_mut(&change.table) else {
            return ChangeOutcome::Unchanged;
        };
        match (&change.kind, column, new_name) {
            (ChangeKind::AddColumn, Some(column), _) => {
                applied(kept.columns.insert(column.to_owned()))
            }
            (ChangeKind::DropColumn, Some(column), _) => {
                kept.rows.values_mut().for_each(|row| drop(row.remove(column)));
                applied(kept.columns.remove(column))
            }
            (ChangeKind::RenameColumn, Some(column), Some(new)) => {
                for row in kept.rows.values_mut() {
                    let value = row.remove(column);
                    row.extend(value.map(|value| (new.to_owned(), value)));
                }
                kept.key
                    .iter_mut()
                    .filter(|key| *key == column)
                    .for_each(|key| new.clone_into(key));
                applied(kept.columns.remove(column) && kept.columns.insert(new.to_owned()))
            }
            (ChangeKind::ModifyColumn | ChangeKind::AddTable, ..) => ChangeOutcome::Unchanged,
            (kind, ..) => ChangeOutcome::Refused(format!("{} is not known here", kind.as_str())),
        }
    }

    fn kept(&mut self, table: &str) -> Result<&mut Kept, Failure> {
        let unknown = || Failure::stop("unknown-table", format!("there is no table {table}"));
        self.tables.get_mut(table).ok_or_else(unknown)
    }

    fn keep(&mut self, letter: &DeadLetter) {
        self.letters.push(Letter {
            table: letter.table.clone(),
            operation: letter.operation.clone(),
            payload: letter.payload.clone(),
            code: letter.code.clone(),
            message: letter.message.clone(),
            origin: letter.origin.clone(),
        });
    }
}

impl Kept {
    /// Applies one row; a text says why it cannot be.
    fn apply(&mut self, rows: &TableRows, row: usize) -> Result<Result<(), String>, Failure> {
        let operation = rows.op(row);
        if operation == Operation::Truncate {
            self.rows.clear();
            return Ok(Ok(()));
        }
        let key = self.key_of(rows, row)?;
        if operation == Operation::Delete {
            self.rows.remove(&key);
            return Ok(Ok(()));
        }
        let there = self.rows.contains_key(&key);
        let mut after = self.rows.get(&key).cloned().unwrap_or_default();
        for (at, column) in rows.columns().iter().enumerate() {
            if !self.columns.contains(&column.name) {
                let what = format!("{} has no column {}", rows.table(), column.name);
                return Err(Failure::stop("unknown-column", what));
            }
            match rows.is_unchanged(row, at) {
                true if !there => return Ok(Err(format!("{} was not sent", column.name))),
                true => {}
                false => drop(after.insert(column.name.clone(), text(&rows.value(row, at)))),
            }
        }
        self.rows.insert(key, after);
        Ok(Ok(()))
    }

    fn key_of(&self, rows: &TableRows, row: usize) -> Result<String, Failure> {
        let value = |column: &String| {
            let at = rows.index_of(column)?;
            text(&rows.value(row, at))
        };
        let key: Option<Vec<String>> = self.key.iter().map(value).collect();
        let none = || Failure::stop("no-key", format!("a row of {} has no key", rows.table()));
        let key = key.ok_or_else(none)?;
        serde_json::to_string(&key).map_err(|_| none())
    }
}

/// None for no value; zeros of either sign are one value.
fn text(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Null => None,
        Value::F64(number) => Some(Value::F64(number + 0.0).to_string()),
        value => Some(value.to_string()),
    }
}

fn applied(changed: bool) -> ChangeOutcome {
    if changed { ChangeOutcome::Applied } else { ChangeOutcome::Unchanged }
}
