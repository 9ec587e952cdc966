//! A row that drifted, for a person: its key, and which of its columns differ.

use arrow_array::{Array, ArrayRef, cast::AsArray};
use arrow_schema::{ArrowError, FieldRef};

use super::{
    report::{Drift, Sample},
    view::{Rows, View},
};
use crate::{
    model::{ColumnType, text},
    runner::{
        error::RunError,
        table::{Table, unencodable},
    },
    schema::{fit, is_same},
};

/// What is shown of a value.
const VALUE_BYTES_MAX: usize = 256;

type Row<'a> = Option<(&'a Rows, usize)>;

/// Says how two rows differ, with the columns where both sides tell theirs.
pub fn sample(
    view: &View,
    table: &Table,
    (key, drift): (&str, Drift),
    (source, destination): (Row<'_>, Row<'_>),
    shows_values: bool,
) -> Result<Sample, RunError> {
    let mut columns = Vec::new();
    if let (Some((source, at)), Some((destination, place))) = (source, destination) {
        let failed = |cause: ArrowError| unencodable(&view.plan.name, cause);
        let (source, destination) = (&source.columns, &destination.columns);
        let fields = source.schema_ref().fields().iter();
        for ((field, one), other) in fields.zip(source.columns()).zip(destination.columns()) {
            if is_same(field, (one, at), (other, place)).map_err(failed)? {
                continue;
            }
            let is_shown = shows_values && !table.is_masked(field.name());
            let values = is_shown.then(|| (shown(field, one, at), shown(field, other, place)));
            columns.push((field.name().clone(), values));
        }
    }
    Ok(Sample { drift, key: key.to_owned(), columns })
}

fn shown(field: &FieldRef, values: &ArrayRef, row: usize) -> String {
    if values.is_null(row) {
        return "NULL".to_owned();
    }
    let written = fit(&values.slice(row, 1), field, &ColumnType::Text.field(field.name()));
    match written {
        Ok(written) => {
            let written = written.as_string::<i32>();
            text::one_line(&format!("{:?}", written.value(0)), VALUE_BYTES_MAX)
        }
        Err(_) => "(a value without a text)".to_owned(),
    }
}
