//! A table as its two sides are compared: which of its columns and rows, and by which key.

use std::sync::Arc;

use arrow_array::{RecordBatch, StringArray};
use arrow_schema::{ArrowError, Field, Schema};

use super::{KeyTexts, Table, letter_keys::values, unencodable};
use crate::{
    model::{AddedValue, TableBatch, TablePlan, TableShape, WriteMode},
    plugin::{encode_batch, table_schema},
    runner::error::RunError,
};

/// Why a column is not compared.
pub type WhyNot = &'static str;

const NOT_CONSTANT: WhyNot = "the pipeline adds it, and it is another one in each row";
const GONE: WhyNot = "its source no longer has it";

impl Table {
    /// Why it cannot be compared with its source, if it cannot.
    pub fn why_not_compared(&self) -> Option<String> {
        if self.plan().write_mode == WriteMode::Append {
            return Some("it is a log".into());
        }
        if self.source.key.is_empty() {
            return Some("it has no key".into());
        }
        let schema = &self.source.schema;
        let has_one_text = |column: &String| {
            let kind = schema.field_with_name(column).map(Field::data_type);
            kind.is_ok_and(|kind| !kind.is_floating() && !kind.is_nested())
        };
        for column in &self.source.key {
            if self.rules.mask(column).is_some() {
                return Some(format!(
                    "column `{column}` of its key is masked, so the source knows no row by it"
                ));
            }
            if !has_one_text(column) {
                return Some(format!(
                    "column `{column}` of its key has no one text for each value"
                ));
            }
        }
        None
    }

    /// How the destination keeps what can be compared, the key in front, and the columns that cannot. `now` is what
    /// the source says of the table.
    pub fn compared(&self, now: &TableShape) -> (TablePlan, Vec<(String, WhyNot)>) {
        let plan = self.plan();
        let is_gone = |name: &str| {
            let mut kept = self.source.schema.fields().iter();
            let of = kept.find(|it| self.rules.destination_name(it.name()) == Some(name));
            of.is_some_and(|of| now.schema.field_with_name(of.name()).is_err())
        };
        let (mut fields, mut left_out) = (Vec::new(), Vec::new());
        let is_key = |name: &String| plan.key.contains(name);
        let key = plan.key.iter().filter_map(|name| plan.schema.fields().find(name));
        let key = key.map(|(_, field)| field);
        for field in key.chain(plan.schema.fields().iter().filter(|it| !is_key(it.name()))) {
            let why = match self.rules.added().get(field.name()) {
                Some(AddedValue::CommitTime) => Some(NOT_CONSTANT),
                Some(_) => None,
                None => is_gone(field.name()).then_some(GONE),
            };
            match why {
                Some(why) => left_out.push((field.name().clone(), why)),
                // A row of the source may come without it.
                None => fields.push(Arc::new(field.as_ref().clone().with_nullable(true))),
            }
        }
        let schema = Schema::new_with_metadata(fields, plan.schema.metadata().clone());
        (TablePlan { schema: Arc::new(schema), ..plan }, left_out)
    }

    /// Whether a column of the destination has masked values.
    pub fn is_masked(&self, column: &str) -> bool {
        let mut own = self.source.schema.fields().iter();
        own.any(|own| {
            self.rules.mask(own.name()).is_some()
                && self.rules.destination_name(own.name()) == Some(column)
        })
    }

    /// Keys as rows of the key columns that the destination has.
    pub fn kept_key_rows(
        &self,
        plan: &TablePlan,
        keys: &[&KeyTexts],
    ) -> Result<TableBatch, RunError> {
        let name = &self.source.name;
        let rows = key_columns(plan, keys).map_err(|cause| unencodable(name, cause))?;
        let schema = table_schema(rows.schema()).map_err(|cause| unencodable(name, cause))?;
        encode_batch(name, &schema, rows).map_err(|cause| unencodable(name, cause))
    }
}

fn key_columns(plan: &TablePlan, keys: &[&KeyTexts]) -> Result<RecordBatch, ArrowError> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (at, name) in plan.key.iter().enumerate() {
        let field: Field = plan.schema.field_with_name(name)?.clone().with_nullable(true);
        let texts = keys.iter().map(|texts| texts.get(at)).collect::<StringArray>();
        columns.push(values(&texts, &field)?);
        fields.push(field);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
