//! Asks a batch of rows.

use arrow_array::{Array, BinaryArray, RecordBatch, cast::AsArray};
use arrow_schema::ArrowError;

use super::{
    binding::Test,
    cells::{Cells, Column},
    truth::Truth,
};
use crate::{
    model::batch::{UNCHANGED_COLUMN, is_reserved},
    schema::{fit, fits_as_it_is},
};

/// What a row is that comes without a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// It has no value of it.
    Null,
    /// Its value was not sent.
    Unsent,
}

/// Whether the test is true of each row.
pub fn evaluate(
    test: &Test,
    columns: &[Column],
    rows: &RecordBatch,
    lacking: Lacking,
) -> Result<Vec<Truth>, ArrowError> {
    let values = columns.iter().map(|column| Values::of(column, rows, lacking));
    let values = values.collect::<Result<Vec<_>, _>>()?;
    Ok(Asked { values: &values, rows: rows.num_rows() }.all(test))
}

/// The values of a column in a batch.
struct Values<'a> {
    /// None where the rows come without the column.
    cells: Option<Cells>,
    lacking: Lacking,
    /// The values that were not sent, and the place of the column among their bits.
    unsent: Option<(&'a BinaryArray, usize)>,
}

impl<'a> Values<'a> {
    fn of(column: &Column, rows: &'a RecordBatch, lacking: Lacking) -> Result<Self, ArrowError> {
        let schema = rows.schema_ref();
        let Some((at, own)) = schema.fields().find(&column.name) else {
            return Ok(Self { cells: None, lacking, unsent: None });
        };
        let values = rows.column(at);
        let cells = match &column.field {
            Some(known) if !fits_as_it_is(own, known) => {
                Cells::of(&fit(values, own, known)?, column.kind)?
            }
            _ => Cells::of(values, column.kind)?,
        };
        let in_front = schema.fields().iter().take(at);
        let ordinal = in_front.filter(|field| !is_reserved(field.name())).count();
        let bits = rows.column_by_name(UNCHANGED_COLUMN);
        let bits = bits.and_then(|bits| bits.as_binary_opt::<i32>());
        Ok(Self { cells: Some(cells), lacking, unsent: bits.map(|bits| (bits, ordinal)) })
    }

    /// The values, where this row's was sent; else what is known without it.
    fn sent(&self, row: usize) -> Result<&Cells, Truth> {
        let Some(cells) = &self.cells else {
            return Err(match self.lacking {
                Lacking::Null => Truth::Unknown,
                Lacking::Unsent => Truth::Unsent,
            });
        };
        let is_unsent = self.unsent.is_some_and(|(bits, at)| {
            let byte = bits.is_valid(row).then(|| bits.value(row).get(at / 8).copied()).flatten();
            byte.is_some_and(|byte| byte & (1 << (at % 8)) != 0)
        });
        if is_unsent { Err(Truth::Unsent) } else { Ok(cells) }
    }
}

struct Asked<'a> {
    values: &'a [Values<'a>],
    rows: usize,
}

impl Asked<'_> {
    fn all(&self, test: &Test) -> Vec<Truth> {
        match test {
            Test::Constant(value) => vec![Truth::of(*value); self.rows],
            Test::All(parts) => self.folded(parts, Truth::Yes, Truth::and),
            Test::Any(parts) => self.folded(parts, Truth::No, Truth::or),
            Test::Not(part) => self.all(part).into_iter().map(Truth::negated).collect(),
            Test::Valueless(column) => self.each(*column, |_, _| Truth::Unknown),
            Test::IsNull(column) => {
                let is_null = |row| match self.values[*column].sent(row) {
                    Ok(cells) => Truth::of(cells.is_null(row)),
                    Err(Truth::Unknown) => Truth::Yes,
                    Err(open) => open,
                };
                (0..self.rows).map(is_null).collect()
            }
            Test::Compare(column, comparison, constant) => self.each(*column, |cells, row| {
                known(constant.order(cells, row).map(|order| comparison.holds(order)))
            }),
            Test::Columns(one, comparison, other) => self.each(*one, |cells, row| {
                let other = match self.values[*other].sent(row) {
                    Ok(other) => other,
                    Err(open) => return open,
                };
                known(cells.order(other, row).map(|order| comparison.holds(order)))
            }),
            Test::OneOf(column, list) => self.each(*column, |cells, row| {
                if cells.is_null(row) {
                    return Truth::Unknown;
                }
                let is_it = |order: Option<std::cmp::Ordering>| order.is_some_and(|it| it.is_eq());
                Truth::of(list.iter().any(|constant| is_it(constant.order(cells, row))))
            }),
            Test::Like(column, pattern) => self.each(*column, |cells, row| {
                known(cells.text(row).map(|text| pattern.is_match(text)))
            }),
        }
    }

    fn each(&self, column: usize, ask: impl Fn(&Cells, usize) -> Truth) -> Vec<Truth> {
        let values = &self.values[column];
        let row = |row| values.sent(row).map_or_else(|open| open, |cells| ask(cells, row));
        (0..self.rows).map(row).collect()
    }

    fn folded(&self, parts: &[Test], start: Truth, fold: fn(Truth, Truth) -> Truth) -> Vec<Truth> {
        let mut truths = vec![start; self.rows];
        for part in parts {
            for (truth, more) in truths.iter_mut().zip(self.all(part)) {
                *truth = fold(*truth, more);
            }
        }
        truths
    }
}

fn known(holds: Option<bool>) -> Truth {
    holds.map_or(Truth::Unknown, Truth::of)
}
