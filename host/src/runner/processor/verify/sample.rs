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

/// Says how two rows differ. `is_told` is false where the destination has one with a value that is none of its type.
pub fn sample(
    view: &View,
    table: &Table,
    key: &str,
    (source, destination): (Row<'_>, Row<'_>),
    is_told: bool,
    shows_values: bool,
) -> Result<Sample, RunError> {
    let drift = match (&source, &destination) {
        (Some(_), None) if is_told => Drift::Missing,
        (None, Some(_)) => Drift::Extra,
        _ => Drift::Different,
    };
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
