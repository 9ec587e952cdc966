//! Gives rows the form the operator asked for: columns left out, masked and renamed.
//!
//! A table without such rules forwards its batches untouched. The steps of a schema are worked out
//! once; per batch only arrays are picked and, where masked, replaced.

use std::{collections::BTreeSet, sync::Arc};

use arrow_array::{
    Array, ArrayRef, BinaryArray, RecordBatch, StringArray, builder::BinaryBuilder, cast::AsArray,
    new_null_array,
};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};
use sha2::{Digest, Sha256};

use crate::{
    config::{Columns, Mask},
    model::batch::{UNCHANGED_COLUMN, is_reserved},
    plugin::hex,
    schema::{fit, fits_as_it_is, printable},
};

/// The operator's rules for a table's columns (`tables[].columns`).
#[derive(Clone, Debug, Default)]
pub struct ColumnRules {
    columns: Columns,
    key: Vec<String>,
    /// Columns that came later and are excluded from evolution.
    left_out: BTreeSet<String>,
}

/// What happens to the columns of one schema.
#[derive(Clone, Debug)]
pub struct Steps {
    schema: SchemaRef,
    /// Where the values of each column come from.
    picks: Vec<Pick>,
    /// Nothing happens at all.
    identity: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Pick {
    /// Index into the arriving columns, and what happens to the values.
    Column(usize, Step),
    /// The rows are whole, so what they lack is null.
    Lacking,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Keep,
    Mask(Mask),
    /// The table's column is wider than the one that arrived.
    Fit(FieldRef),
}

impl ColumnRules {
    pub fn new(columns: Columns, key: Vec<String>) -> Self {
        Self { columns, key, left_out: BTreeSet::new() }
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

    /// True when batches need no touch at all.
    pub fn is_identity(&self) -> bool {
        let Columns { include, exclude, mask, rename } = &self.columns;
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

    /// What becomes of a column's values, in words.
    pub fn treatment(&self, column: &str) -> String {
        if self.destination_name(column).is_none() {
            return "left out".to_owned();
        }
        let how = match self.mask(column) {
            None => "copied",
            Some(Mask::Redact) => "redacted",
            Some(Mask::Hash) => "hashed",
        };
        match self.columns.rename.get(column) {
            Some(name) => format!("{how} as `{name}`"),
            None => how.to_owned(),
        }
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
        for (index, field) in schema.fields().iter().enumerate() {
            if is_reserved(field.name()) {
                picks.push(Pick::Column(index, Step::Keep));
                fields.push(Arc::clone(field));
            } else if let Some(name) = self.destination_name(field.name()) {
                let (step, shaped) = self.step(field, name, known);
                picks.push(Pick::Column(index, step));
                fields.push(Arc::new(shaped));
            }
        }
        let identity = fields.iter().eq(schema.fields().iter())
            && picks.iter().all(|pick| matches!(pick, Pick::Column(_, Step::Keep)));
        let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
        Steps { schema, picks, identity }
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
        match self.mask(field.name()) {
            Some(Mask::Hash) => (Step::Mask(Mask::Hash), Field::new(name, DataType::Utf8, true)),
            Some(mask) => (Step::Mask(mask), field.as_ref().clone().with_name(name)),
            None => match known.field_with_name(field.name()) {
                Ok(known) if !fits_as_it_is(field, known) => {
                    (Step::Fit(Arc::clone(field)), known.clone().with_name(name))
                }
                _ => (Step::Keep, field.as_ref().clone().with_name(name)),
            },
        }
    }

    /// The rules for a dead letter's payload: what must not reach the destination as a column must
    /// not reach it as text either.
    pub fn redact_payload(&self, payload: &str) -> String {
        if self.is_identity() {
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

impl Steps {
    /// The schema of the shaped rows, reserved columns included.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// True when rows may go as they are.
    pub fn is_identity(&self) -> bool {
        self.identity
    }

    /// The same, and these columns without values at the end.
    fn with_nulls(mut self, lacking: impl Iterator<Item = Field>) -> Self {
        let mut fields = self.schema.fields().to_vec();
        for field in lacking {
            fields.push(Arc::new(field));
            self.picks.push(Pick::Lacking);
            self.identity = false;
        }
        self.schema = Arc::new(Schema::new_with_metadata(fields, self.schema.metadata().clone()));
        self
    }

    /// Shapes rows of the schema that the steps were made for.
    pub fn apply(&self, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let mut columns = Vec::with_capacity(self.picks.len());
        for (field, pick) in self.schema.fields().iter().zip(&self.picks) {
            let Pick::Column(index, step) = pick else {
                columns.push(new_null_array(field.data_type(), rows.num_rows()));
                continue;
            };
            let column = rows.column(*index);
            columns.push(match step {
                Step::Keep if field.name() == UNCHANGED_COLUMN => self.unchanged(rows, column)?,
                Step::Keep => Arc::clone(column),
                Step::Mask(Mask::Redact) => new_null_array(column.data_type(), column.len()),
                Step::Mask(Mask::Hash) => hashed(column)?,
                Step::Fit(arrived) => fit(column, arrived, field)?,
            });
        }
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }

    /// The bitmap counts data columns, so it follows them to their new places.
    fn unchanged(&self, rows: &RecordBatch, bits: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        let Some(bits) = bits.as_binary_opt::<i32>() else {
            return Err(ArrowError::SchemaError(format!("`{UNCHANGED_COLUMN}` is not binary")));
        };
        let schema = rows.schema_ref();
        let mut ordinals = vec![None; schema.fields().len()];
        let data = schema.fields().iter().enumerate().filter(|(_, f)| !is_reserved(f.name()));
        for (ordinal, (index, _)) in data.enumerate() {
            ordinals[index] = Some(ordinal);
        }
        let place = |pick: &Pick| match pick {
            Pick::Lacking => Some(None),
            Pick::Column(index, _) => ordinals.get(*index).copied().flatten().map(Some),
        };
        let kept: Vec<Option<usize>> = self.picks.iter().filter_map(place).collect();
        Ok(Arc::new(moved_bits(bits, &kept)))
    }
}

/// `kept` has the old place of each column; none where it had none and no bit.
fn moved_bits(bits: &BinaryArray, kept: &[Option<usize>]) -> BinaryArray {
    let mut moved = BinaryBuilder::new();
    for row in bits {
        let Some(row) = row else {
            moved.append_null();
            continue;
        };
        let mut out = vec![0_u8; kept.len().div_ceil(8)];
        for (to, from) in kept.iter().enumerate() {
            let Some(from) = from else { continue };
            if row.get(from / 8).is_some_and(|byte| byte & (1 << (from % 8)) != 0) {
                out[to / 8] |= 1 << (to % 8);
            }
        }
        moved.append_value(&out);
    }
    moved.finish()
}

fn hashed(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let options = FormatOptions::default();
    let column = printable(column)?;
    let text = ArrayFormatter::try_new(column.as_ref(), &options)?;
    let hash = |row: usize| -> Result<Option<String>, ArrowError> {
        if column.is_null(row) {
            return Ok(None);
        }
        let value = text.value(row).try_to_string()?;
        Ok(Some(hex(&Sha256::digest(value.as_bytes()))))
    };
    let hashes: StringArray = (0..column.len()).map(hash).collect::<Result<_, _>>()?;
    Ok(Arc::new(hashes))
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int64Array, UInt8Array};

    use super::*;
    use crate::model::batch::OP_COLUMN;

    fn schema(columns: &[(&str, DataType)]) -> Schema {
        let field = |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), true);
        Schema::new(columns.iter().map(field).collect::<Vec<_>>())
    }

    fn rules(columns: Columns) -> ColumnRules {
        ColumnRules::new(columns, vec!["id".into()])
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
        let rows = steps.apply(&rows.unwrap()).unwrap();
        let padded = rows.column_by_name("a").unwrap();
        assert_eq!((padded.data_type(), padded.null_count()), (&Utf8, 2));
        let bits = rows.column_by_name(UNCHANGED_COLUMN).unwrap();
        let bits: Vec<_> = bits.as_binary::<i32>().iter().collect();
        assert_eq!(bits, [Some([0b10_u8].as_slice()), None], "of `b`, as before");
    }
}
