//! The keys of rows that are copied while those of before stay: whoever has none of them is left over.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};
use arrow_select::filter::filter_record_batch;
use sha2::{Digest, Sha256};

use super::{Table, unencodable};
use crate::{
    model::{Deletion, TableBatch, TablePlace, TablePlan, TableSchema, WriteMode},
    plugin::{encode_batch, hex, table_schema},
    runner::error::RunError,
};

/// What the destination's table of keys is called, before the name of the table.
pub(super) const PREFIX: &str = "_cartridge_keys_";
/// The longest name that every destination takes, in bytes; PostgreSQL's.
const NAME_BYTES_MAX: usize = 63;
/// Hex digits of the hash that stands for a longer name.
const HASH_DIGITS: usize = 32;

/// Where the keys of a table go.
#[derive(Debug)]
pub struct Keys {
    /// The table of keys.
    pub plan: TablePlan,
    schema: Arc<TableSchema>,
    /// The key columns at the destination, which are `k0`, `k1`, … there.
    columns: Vec<String>,
}

impl Keys {
    /// The keys of a table that has one row for each, at a destination that knows what to do with them.
    pub fn of(table: &Table) -> Result<Option<Self>, RunError> {
        let TablePlan { name, place, schema, key, write_mode, .. } = table.plan();
        if !table.promises.sweep || write_mode != WriteMode::Upsert || key.is_empty() {
            return Ok(None);
        }
        let fields = key.iter().enumerate().map(|(at, column)| {
            let field = schema.field_with_name(column)?.clone();
            // What is wrong with a key is told of its row.
            Ok(field.with_name(format!("k{at}")).with_nullable(true))
        });
        let fields = fields.collect::<Result<Vec<Field>, arrow_schema::ArrowError>>();
        let fields = fields.map_err(|cause| unencodable(&name, cause))?;
        let keys = Arc::new(Schema::new(fields));
        let encoded = table_schema(Arc::clone(&keys)).map_err(|cause| unencodable(&name, cause))?;
        let plan = TablePlan {
            name: keys_of(&name),
            place: place.as_ref().map(beside),
            key: keys.fields().iter().map(|field| field.name().clone()).collect(),
            schema: keys,
            write_mode,
            deletion: Deletion::Hard,
        };
        Ok(Some(Self { plan, schema: encoded, columns: key }))
    }

    /// Where the table of keys is, given where the other is.
    pub fn place(&self, of_table: &TablePlace) -> TablePlace {
        beside(of_table)
    }

    /// The keys of rows that are there, as the destination gets them; none where they are other columns by now.
    pub fn of_rows(&self, rows: &TableBatch) -> Result<Option<TableBatch>, RunError> {
        let columns = self.columns.iter().zip(self.schema.arrow.fields()).map(|(name, key)| {
            let column = rows.columns.column_by_name(name)?;
            (column.data_type() == key.data_type()).then(|| Arc::clone(column))
        });
        let Some(columns) = columns.collect() else { return Ok(None) };
        let keys = RecordBatch::try_new(Arc::clone(&self.schema.arrow), columns);
        let keys = keys.and_then(|keys| match rows.present() {
            Some(present) => filter_record_batch(&keys, &present),
            None => Ok(keys),
        });
        let keys = keys.map_err(|cause| unencodable(&rows.table, cause))?;
        let batch = encode_batch(&self.plan.name, &self.schema, keys);
        batch.map(Some).map_err(|cause| unencodable(&rows.table, cause))
    }
}

fn beside(TablePlace { schema, table }: &TablePlace) -> TablePlace {
    TablePlace { schema: schema.clone(), table: keys_of(table) }
}

fn keys_of(table: &str) -> String {
    if PREFIX.len() + table.len() <= NAME_BYTES_MAX {
        return format!("{PREFIX}{table}");
    }
    let digest = hex(&Sha256::digest(table.as_bytes()));
    format!("{PREFIX}{}", digest.get(..HASH_DIGITS).unwrap_or(&digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_what_destinations_take() {
        assert_eq!(keys_of("orders"), "_cartridge_keys_orders");
        let (one, other) = ("o".repeat(63), "o".repeat(62) + "p");
        assert!(keys_of(&one).len() <= NAME_BYTES_MAX);
        assert_ne!(keys_of(&one), keys_of(&other));
    }
}
