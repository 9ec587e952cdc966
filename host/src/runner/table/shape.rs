//! Gives rows the form the operator asked for: columns left out, masked, of another type, renamed, added.
//!
//! A table without such rules forwards its batches untouched. The steps of a schema are worked out
//! once, and applied to each of its batches (`steps`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arrow_schema::{Field, FieldRef, Schema};

use super::{
    masked::{fingerprint, masked_field},
    steps::{Pick, Step, Steps},
};
use crate::{
    config::{Columns, HashKey, Mask, TableSettings},
    model::{AddedValue, ColumnType, batch::is_reserved},
    schema::{fits_as_it_is, has_own_type},
};

/// The operator's rules for a table's columns (`tables[].columns`).
#[derive(Clone, Debug, Default)]
pub struct ColumnRules {
    columns: Columns,
    /// Columns that the source does not have.
    added: BTreeMap<String, AddedValue>,
    key: Vec<String>,
    hash_key: Option<HashKey>,
    /// What tells that key from others.
    hashed_by: Option<String>,
    /// Columns that came later and are excluded from evolution.
    left_out: BTreeSet<String>,
}

impl ColumnRules {
    pub fn new(settings: &TableSettings, key: Vec<String>) -> Self {
        let TableSettings { columns, added, hash_key, .. } = settings;
        let hashes = columns.mask.values().any(|mask| *mask == Mask::Hash);
        let hash_key = hash_key.clone().filter(|_| hashes);
        let hashed_by = hash_key.as_ref().and_then(fingerprint);
        let (columns, added) = (columns.clone(), added.clone());
        Self { columns, added, key, hash_key, hashed_by, left_out: BTreeSet::new() }
    }

    /// Rules that are only known: no values can be hashed by them.
    pub fn known(columns: Columns, key: Vec<String>, hashed_by: Option<String>) -> Self {
        Self { columns, key, hashed_by, ..Self::default() }
    }

    /// Tells the key of its hashes from others; none where nothing is hashed by one.
    pub fn hashed_by(&self) -> Option<&str> {
        self.hashed_by.as_deref()
    }

    /// Columns that the source does not have.
    pub fn added(&self) -> &BTreeMap<String, AddedValue> {
        &self.added
    }

    /// A column of the key has another name.
    pub fn rename_key(&mut self, column: &str, new_name: &str) {
        let key = self.key.iter_mut().filter(|key| *key == column);
        key.for_each(|key| new_name.clone_into(key));
    }

    pub fn leave_out(&mut self, column: String) {
        self.left_out.insert(column);
    }

    pub fn is_left_out(&self, column: &str) -> bool {
        self.left_out.contains(column)
    }

    pub fn left_out(&self) -> &BTreeSet<String> {
        &self.left_out
    }

    /// A column that does not travel has another name.
    pub fn rename_left_out(&mut self, column: &str, new_name: &str) {
        self.left_out.remove(column);
        self.left_out.insert(new_name.to_owned());
    }

    /// Whether every value may be seen, under its column's own name.
    fn shows_all(&self) -> bool {
        let Columns { include, exclude, mask, types: _, rename, add: _ } = &self.columns;
        include.is_empty()
            && exclude.is_empty()
            && mask.is_empty()
            && rename.is_empty()
            && self.left_out.is_empty()
    }

    /// What a column is called at the destination; none when it does not travel.
    pub fn destination_name<'a>(&'a self, column: &'a str) -> Option<&'a str> {
        let Columns { include, exclude, rename, .. } = &self.columns;
        let is_key = self.key.iter().any(|key| key == column);
        let travels = is_key
            || ((include.is_empty() || include.contains(column))
                && !exclude.contains(column)
                && !self.is_left_out(column));
        travels.then(|| rename.get(column).map_or(column, String::as_str))
    }

    /// Whether the rules give a column another name.
    pub fn has_rename(&self, column: &str) -> bool {
        self.columns.rename.contains_key(column)
    }

    /// What becomes of a column's values, in words. `field` is the column as its source describes it, maybe
    /// under another name.
    pub fn treatment(&self, column: &str, field: &Field) -> String {
        if self.destination_name(column).is_none() {
            return "left out".to_owned();
        }
        let how = match (self.mask(column), self.column_type(column, field)) {
            (None, None) => "copied".to_owned(),
            (None, Some(column_type)) => format!("made {column_type}"),
            (Some(Mask::Redact), _) => "redacted".to_owned(),
            (Some(Mask::Email), _) => "masked but for its domain".to_owned(),
            (Some(Mask::Keep { first, last }), _) => {
                format!("masked but for {first} characters in front and {last} at the end")
            }
            (Some(Mask::HashUnkeyed), _) => "hashed".to_owned(),
            // Releases before there were keys hashed without.
            (Some(Mask::Hash), _) => match &self.hashed_by {
                None => "hashed".to_owned(),
                Some(key) => format!("hashed by the key {key}"),
            },
        };
        match self.columns.rename.get(column) {
            Some(name) => format!("{how} as `{name}`"),
            None => how,
        }
    }

    /// The type that the operator gave a column, where it is another one than it has.
    pub fn column_type(&self, column: &str, field: &Field) -> Option<ColumnType> {
        let given = self.columns.types.get(column).copied()?;
        let is_that = fits_as_it_is(field, &given.field(column)) && !has_own_type(field);
        (!is_that).then_some(given)
    }

    pub fn mask(&self, column: &str) -> Option<Mask> {
        self.columns.mask.get(column).copied()
    }

    /// The columns that the rules name, with the key of the configuration that names each.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.columns.named()
    }

    /// Works out the steps from batches of a schema to a table's columns as they are `known` to be.
    /// Reserved columns stay as they are.
    pub fn steps(&self, schema: &Schema, known: &Schema) -> Steps {
        let mut picks = Vec::new();
        let mut fields: Vec<FieldRef> = Vec::new();
        let mut has_values = false;
        for (index, field) in schema.fields().iter().enumerate() {
            if is_reserved(field.name()) {
                picks.push(Pick::Column(index, Step::Keep));
                fields.push(Arc::clone(field));
            } else if let Some(name) = self.destination_name(field.name()) {
                let (step, shaped) = self.step(field, name, known);
                picks.push(Pick::Column(index, step));
                fields.push(Arc::new(shaped));
                has_values = true;
            }
        }
        // Rows without any column are truncates.
        for (name, value) in self.added.iter().filter(|_| has_values) {
            picks.push(Pick::Added(value.clone()));
            fields.push(Arc::new(value.field(name)));
        }
        Steps::new(schema, fields, picks)
    }

    /// The steps for rows that are whole: a column of the table that they lack is null in them.
    ///
    /// The key is left alone, since a row without one is no row; so are rows that carry no columns
    /// at all, which are truncates.
    pub fn steps_of_whole_rows(&self, schema: &Schema, known: &Schema) -> Steps {
        let steps = self.steps(schema, known);
        if schema.fields().iter().all(|field| is_reserved(field.name())) {
            return steps;
        }
        let lacking = known.fields().iter().filter(|field| {
            schema.field_with_name(field.name()).is_err() && !self.key.contains(field.name())
        });
        let fields = lacking.filter_map(|field| {
            let name = self.destination_name(field.name())?;
            Some(self.step(field, name, known).1)
        });
        steps.with_nulls(fields)
    }

    fn step(&self, field: &FieldRef, name: &str, known: &Schema) -> (Step, Field) {
        if let Some(mask) = self.mask(field.name()) {
            let key = self.hash_key.clone();
            let masked = masked_field(mask, field, name);
            return (Step::Mask { mask, from: Arc::clone(field), key }, masked);
        }
        let known = known.field_with_name(field.name()).ok();
        let own = known.filter(|known| !fits_as_it_is(field, known)).unwrap_or(field);
        match self.column_type(field.name(), own) {
            Some(to) => {
                let (from, known) = (Arc::clone(field), Arc::new(own.clone()));
                (Step::Convert { from, known, to }, to.field(name))
            }
            None if own == field.as_ref() => (Step::Keep, own.clone().with_name(name)),
            None => (Step::Fit(Arc::clone(field)), own.clone().with_name(name)),
        }
    }

    /// The rules for a dead letter's payload: what must not reach the destination as a column must
    /// not reach it as text either.
    pub fn redact_payload(&self, payload: &str) -> String {
        if self.shows_all() {
            return payload.to_owned();
        }
        let parsed: Option<serde_json::Map<_, _>> = serde_json::from_str(payload).ok();
        let Some(row) = parsed else {
            return "(withheld: columns of this table are masked or left out)".to_owned();
        };
        let shaped: serde_json::Map<_, _> = row
            .into_iter()
            .filter(|(column, _)| self.mask(column).is_none())
            .filter_map(|(column, value)| {
                self.destination_name(&column).map(|name| (name.to_owned(), value))
            })
            .collect();
        serde_json::Value::Object(shaped).to_string()
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Array, BinaryArray, Int64Array, RecordBatch, UInt8Array, cast::AsArray};
    use arrow_schema::DataType;

    use super::*;
    use crate::model::batch::{OP_COLUMN, UNCHANGED_COLUMN};

    fn schema(columns: &[(&str, DataType)]) -> Schema {
        let field = |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), true);
        Schema::new(columns.iter().map(field).collect::<Vec<_>>())
    }

    fn rules(columns: Columns) -> ColumnRules {
        ColumnRules::known(columns, vec!["id".into()], None)
    }

    /// Names of what a batch of these columns becomes, whole or not.
    fn shaped(rules: &ColumnRules, columns: &[(&str, DataType)], whole: bool) -> Vec<String> {
        use DataType::{Int64, Utf8};
        let known = schema(&[("id", Int64), ("a", Utf8), ("b", Int64)]);
        let arrived = schema(columns);
        let steps = match whole {
            true => rules.steps_of_whole_rows(&arrived, &known),
            false => rules.steps(&arrived, &known),
        };
        assert_eq!(steps.is_identity(), *steps.schema().as_ref() == arrived);
        steps.schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    #[test]
    fn whole_rows_have_every_column_that_the_destination_has() {
        use DataType::{Int64, UInt8, Utf8};
        let all = [("id", Int64), ("a", Utf8), ("b", Int64)];
        let some = [("id", Int64), ("b", Int64)];
        let plain = rules(Columns::default());
        assert_eq!(shaped(&plain, &all, true), ["id", "a", "b"]);
        assert_eq!(shaped(&plain, &some, false), ["id", "b"], "what is lacking keeps its value");
        assert_eq!(shaped(&plain, &some, true), ["id", "b", "a"]);
        assert_eq!(shaped(&plain, &[(OP_COLUMN, UInt8)], true), [OP_COLUMN], "a truncate");
        assert_eq!(shaped(&plain, &[("b", Int64)], true), ["b", "a"], "a key is never made up");
        let renamed = Columns { rename: [("a".into(), "x".into())].into(), ..Columns::default() };
        assert_eq!(shaped(&rules(renamed), &some, true), ["id", "b", "x"]);
        let excluded = Columns { exclude: "a".into(), ..Columns::default() };
        assert_eq!(shaped(&rules(excluded), &some, true), ["id", "b"]);
        let mut left_out = plain;
        left_out.leave_out("a".into());
        assert_eq!(shaped(&left_out, &some, true), ["id", "b"]);
    }

    #[test]
    fn padded_columns_are_null_and_no_bit_of_another_column_is_theirs() {
        use DataType::{Binary, Int64, UInt8, Utf8};
        let known = schema(&[("id", Int64), ("a", Utf8), ("b", Int64)]);
        let arrived =
            schema(&[(OP_COLUMN, UInt8), ("id", Int64), ("b", Int64), (UNCHANGED_COLUMN, Binary)]);
        let rows = RecordBatch::try_new(
            Arc::new(arrived.clone()),
            vec![
                Arc::new(UInt8Array::from(vec![1, 2])),
                Arc::new(Int64Array::from(vec![1, 2])),
                Arc::new(Int64Array::from(vec![Some(5), None])),
                Arc::new(BinaryArray::from(vec![Some([0b10_u8].as_slice()), None])),
            ],
        );
        let steps = rules(Columns::default()).steps_of_whole_rows(&arrived, &known);
        let rows = steps.apply(&rows.unwrap()).unwrap().rows;
        let padded = rows.column_by_name("a").unwrap();
        assert_eq!((padded.data_type(), padded.null_count()), (&Utf8, 2));
        let bits = rows.column_by_name(UNCHANGED_COLUMN).unwrap();
        let bits: Vec<_> = bits.as_binary::<i32>().iter().collect();
        assert_eq!(bits, [Some([0b10_u8].as_slice()), None], "of `b`, as before");
    }
}
