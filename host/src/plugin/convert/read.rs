//! What a destination is asked about its rows, and what it answers.

use super::{
    bounds::{malformed, opaque},
    destination::table_plan,
    lookup::{self, Found},
    source::Kept,
};
use crate::{
    model::{TableBatch, TablePlan},
    plugin::{
        Cause, LookedUp, ReadBatch,
        bindings::in_full::exports::cartridge::warp::{
            destination as world, destination_read as export,
        },
        wire::WireError,
    },
};

/// The plan as the guest gets it.
pub(in crate::plugin) fn plan(plan: &TablePlan) -> Result<world::TablePlan, WireError> {
    let plan = table_plan(plan)?;
    let place =
        plan.place.map(|place| world::TablePlace { schema: place.schema, table: place.table });
    Ok(world::TablePlan {
        name: plan.name,
        place,
        arrow_schema: plan.arrow_schema,
        key: plan.key,
        write_mode: plan.write_mode,
        deletion: plan.deletion,
        soft_delete_column: plan.soft_delete_column,
    })
}

/// One step, whose rows are the plan's.
pub(in crate::plugin) fn batch(
    batch: export::ReadBatch,
    plan: &TablePlan,
    kept: &mut Kept,
    rows_max: u32,
) -> Result<ReadBatch, Cause> {
    let export::ReadBatch { rows, rejected, passed_over, next_cursor } = batch;
    let rows = kept.snapshot_rows(rows, rows_max)?;
    rows.iter().try_for_each(|rows| check(rows, plan))?;
    let rejected = kept.dead_letters(rejected, rows_max)?;
    if let Some(letter) = rejected.iter().find(|letter| letter.table != plan.name) {
        let (other, table) = (&letter.table, &plan.name);
        return Err(malformed(format!("a row of `{other}` among those of `{table}`")));
    }
    let next_cursor = next_cursor.map(|cursor| opaque("cursor", cursor)).transpose()?;
    Ok(ReadBatch { rows, rejected, passed_over, next_cursor })
}

/// What there is of some rows.
pub(in crate::plugin) fn found(
    answer: export::Found,
    plan: &TablePlan,
    keys: &TableBatch,
    kept: &mut Kept,
) -> Result<LookedUp, Cause> {
    let export::Found { answered, rows, rejected, absent } = answer;
    let found = lookup::found(Found { answered, rows, rejected, absent }, keys, kept)?;
    found.rows.iter().try_for_each(|rows| check(rows, plan))?;
    Ok(found)
}

/// Refuses rows that are not of the plan: of columns or types that it does not have, or without its key.
fn check(rows: &TableBatch, plan: &TablePlan) -> Result<(), Cause> {
    let (table, schema) = (&plan.name, rows.columns.schema_ref());
    if rows.table != *table {
        return Err(malformed(format!("rows of `{}` for those of `{table}`", rows.table)));
    }
    let is_planned = |field: &&arrow_schema::FieldRef| {
        let planned = plan.schema.field_with_name(field.name());
        planned.is_ok_and(|planned| planned.data_type() == field.data_type())
    };
    if let Some(other) = schema.fields().iter().find(|field| !is_planned(field)) {
        let (column, kind) = (other.name(), other.data_type());
        return Err(malformed(format!(
            "column `{column}` of `{table}` is read back as {kind}, which was not asked for"
        )));
    }
    match plan.key.iter().find(|column| schema.field_with_name(column).is_err()) {
        Some(column) => {
            Err(malformed(format!("rows of `{table}` without column `{column}` of its key")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, UInt8Array};
    use arrow_schema::{DataType, Field, Schema};

    use super::*;
    use crate::{
        model::{Deletion, WriteMode, batch::OP_COLUMN},
        plugin::{Bounds, Ledger, Role, encode_batch, table_schema},
    };

    fn planned() -> TablePlan {
        let fields = [("id", DataType::Int64), ("note", DataType::Utf8)];
        let fields = fields.map(|(name, kind)| Field::new(name, kind, true));
        TablePlan {
            name: "t".into(),
            place: None,
            schema: Arc::new(Schema::new(fields.to_vec())),
            key: vec!["id".into()],
            write_mode: WriteMode::Upsert,
            deletion: Deletion::Hard,
        }
    }

    fn rows(table: &str, columns: Vec<(&str, ArrayRef)>) -> TableBatch {
        let rows = RecordBatch::try_from_iter(columns).unwrap();
        let schema = table_schema(rows.schema()).unwrap();
        encode_batch(table, &schema, rows).unwrap()
    }

    #[test]
    fn only_rows_of_the_plan_are_taken() {
        let id = || ("id", Arc::new(Int64Array::from(vec![1])) as ArrayRef);
        let note = || ("note", Arc::new(StringArray::from(vec!["a"])) as ArrayRef);
        let narrow = ("id", Arc::new(Int32Array::from(vec![1])) as ArrayRef);
        let other = ("secret", Arc::new(Int64Array::from(vec![1])) as ArrayRef);
        let operation = (OP_COLUMN, Arc::new(UInt8Array::from(vec![0])) as ArrayRef);
        let cases = [
            ("all columns", "t", vec![id(), note()], true),
            ("not all that are asked for", "t", vec![id()], true),
            ("another table", "u", vec![id()], false),
            ("no key", "t", vec![note()], false),
            ("another type", "t", vec![narrow], false),
            ("a column that is none", "t", vec![id(), other], false),
            ("an operation", "t", vec![operation, id()], false),
        ];
        for (name, table, columns, is_right) in cases {
            let ledger = Ledger::new(Bounds::UNBOUNDED);
            let account = ledger.account(Role::Destination, "x", Bounds::UNBOUNDED);
            let rows = lookup::keys(&rows(table, columns));
            let answer = export::ReadBatch {
                rows: Some(rows),
                rejected: vec![],
                passed_over: 0,
                next_cursor: None,
            };
            let read = batch(answer, &planned(), &mut Kept::new(&account), 10);
            assert_eq!(read.is_ok(), is_right, "{name}");
        }
    }
}
