//! Rows as numbers that are equal where the rows are, to compare two sides without holding either.
//!
//! A row's canonical form is its values one after the other, each with a byte in front that says whether there is
//! one. Values of a fixed size are their bytes, others have their length in front, so no two rows have one form. What
//! counts is the value: decimals of a column have one scale and moments one unit and zone, numbers that are none are
//! one number and so are both zeros, and JSON is what it says (`json`). Text is exact.
//!
//! The form is hashed by SHA-256 behind a secret of 32 bytes, of which 128 bits count. The secret is new for each
//! comparison, so that nobody, a connector or whoever writes rows, can choose rows whose hashes add up to those of
//! others.

mod column;
mod json;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, Field};
use sha2::{Digest, Sha256};

use self::column::Column;

/// What a row comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hashed {
    /// Its key alone.
    pub key: u128,
    /// All of it.
    pub row: u128,
}

/// Hashes rows of one comparison.
#[derive(Clone)]
pub struct RowHasher(Sha256);

impl RowHasher {
    pub fn new(secret: [u8; 32]) -> Self {
        Self(Sha256::new_with_prefix(secret))
    }

    /// Of rows whose first `keys` columns are their key.
    ///
    /// # Errors
    /// Where a column's type has no canonical form.
    pub fn rows(&self, rows: &RecordBatch, keys: usize) -> Result<Vec<Hashed>, ArrowError> {
        let columns = rows.schema_ref().fields().iter().zip(rows.columns());
        let columns = columns.map(|(field, values)| Column::of(field, values));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let (key, others) = columns.split_at(keys.min(columns.len()));
        let mut form = Vec::new();
        let hashed = (0..rows.num_rows()).map(|row| {
            form.clear();
            key.iter().for_each(|column| column.write(row, &mut form));
            let hash = self.of(&form);
            others.iter().for_each(|column| column.write(row, &mut form));
            Hashed { key: hash, row: self.of(&form) }
        });
        Ok(hashed.collect())
    }

    fn of(&self, form: &[u8]) -> u128 {
        let digest = self.0.clone().chain_update(form).finalize();
        let (half, _) = digest.split_at(size_of::<u128>());
        half.try_into().map_or(0, u128::from_be_bytes)
    }
}

/// Whether two values are one by their canonical form.
///
/// # Errors
/// Where the column's type has none.
pub fn is_same(
    field: &Field,
    one: (&ArrayRef, usize),
    other: (&ArrayRef, usize),
) -> Result<bool, ArrowError> {
    let form = |(values, row): (&ArrayRef, usize)| {
        let mut form = Vec::new();
        Column::of(field, values)?.write(row, &mut form);
        Ok::<_, ArrowError>(form)
    };
    Ok(form(one)? == form(other)?)
}

#[cfg(test)]
mod tests;
