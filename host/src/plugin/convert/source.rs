//! What sources answer, and what they are asked.

use std::collections::HashSet;

use super::{
    bounds::{bounded_name, count, dead_letters, malformed, name, opaque, position},
    kept::{self, Told},
    rows::Schemas,
};
use crate::{
    model::{
        ChangeKind, Chunk, DeadLetter, SchemaChange, TableBatch, TableShape, batch::is_reserved,
    },
    plugin::{
        Cause, ChangeBatch, ReadLimits, SnapshotBatch,
        bindings::source::{
            cartridge::warp::types as wit, exports::cartridge::warp::source as export,
        },
        ledger::Account,
        limits::{
            CHUNK_ID_BYTES_MAX, CHUNKS_MAX, COLUMNS_MAX, PLAN_BYTES_MAX, SCHEMA_CHANGES_MAX,
            TABLES_MAX,
        },
        text, wire,
    },
};

pub(in crate::plugin) fn limits(limits: ReadLimits) -> wit::Limits {
    wit::Limits {
        rows_max: limits.rows_max.max(1),
        bytes_max: limits.bytes_max,
        wait_ms: u32::try_from(limits.wait.as_millis()).unwrap_or(u32::MAX),
    }
}

/// What the host keeps of one source's answers.
pub(in crate::plugin) struct Kept {
    pub(in crate::plugin) schemas: Schemas,
    pub(in crate::plugin) told: Told,
    account: Account,
}

impl Kept {
    pub(in crate::plugin) fn new(account: &Account) -> Self {
        let (schemas, told) = (Schemas::new(account.clone()), Told::new(account.clone()));
        Self { schemas, told, account: account.clone() }
    }

    /// Rows that are there, as those of a copy.
    pub(super) fn snapshot_rows(
        &mut self,
        rows: Option<wit::TableBatch>,
        rows_max: u32,
    ) -> Result<Option<TableBatch>, Cause> {
        let rows = self.schemas.batches(rows.into_iter().collect(), rows_max)?.pop();
        if rows.as_ref().is_some_and(|rows| rows.present().is_some()) {
            return Err(malformed("a deleted row in a snapshot"));
        }
        Ok(rows)
    }

    pub(super) fn dead_letters(
        &self,
        letters: Vec<wit::DeadLetter>,
        rows_max: u32,
    ) -> Result<Vec<DeadLetter>, Cause> {
        let mut letters = dead_letters(letters, rows_max)?;
        kept::letters(&mut letters, &self.account)?;
        Ok(letters)
    }
}

pub(in crate::plugin) fn tables(
    tables: Vec<wit::TableInfo>,
    told: &mut Told,
) -> Result<Vec<TableShape>, Cause> {
    count("tables", tables.len(), TABLES_MAX)?;
    let shape = |table| told_shape(table, told);
    let shapes: Vec<TableShape> = tables.into_iter().map(shape).collect::<Result<_, _>>()?;
    let mut names = HashSet::new();
    match shapes.iter().find(|shape| !names.insert(shape.name.as_str())) {
        Some(twice) => Err(malformed(format!("table `{}` is there twice", twice.name))),
        None => Ok(shapes),
    }
}

fn told_shape(table: wit::TableInfo, told: &mut Told) -> Result<TableShape, Cause> {
    let shape = table_shape(table)?;
    told.shape(&shape)?;
    Ok(shape)
}

fn table_shape(table: wit::TableInfo) -> Result<TableShape, Cause> {
    let table_name = name("table", table.name)?;
    let schema = wire::decode_shape(table.arrow_schema.into())
        .map_err(|error| malformed(format!("table `{table_name}`: {error}")))?;
    let schema = schema.arrow.clone();
    if let Some(field) = schema.fields().iter().find(|field| is_reserved(field.name())) {
        let column = field.name();
        return Err(malformed(format!("table `{table_name}` has the reserved column `{column}`")));
    }
    count("key columns", table.key.len(), COLUMNS_MAX)?;
    let mut seen = HashSet::new();
    for column in &table.key {
        if schema.column_with_name(column).is_none() || !seen.insert(column.as_str()) {
            let column = text::one_line(column, 64);
            return Err(malformed(format!(
                "key column `{column}` of table `{table_name}` is not one of its columns, or twice"
            )));
        }
    }
    Ok(TableShape {
        name: table_name,
        schema,
        key: table.key,
        estimated_rows: table.estimated_rows,
    })
}

pub(in crate::plugin) fn chunks(chunks: Vec<export::Chunk>) -> Result<Vec<Chunk>, Cause> {
    count("chunks", chunks.len(), CHUNKS_MAX)?;
    let bytes = chunks.iter().fold(0_usize, |sum, chunk| {
        sum.saturating_add(chunk.id.len()).saturating_add(chunk.descriptor.len())
    });
    if bytes > PLAN_BYTES_MAX {
        return Err(malformed(format!("chunks of {bytes} bytes, {PLAN_BYTES_MAX} are allowed")));
    }
    let mut ids = HashSet::new();
    let mut result = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let id = bounded_name("chunk id", chunk.id, CHUNK_ID_BYTES_MAX)?;
        if !ids.insert(id.clone()) {
            return Err(malformed(format!("chunk id `{id}` is there twice")));
        }
        let descriptor = opaque("chunk descriptor", chunk.descriptor)?;
        result.push(Chunk { id, descriptor, estimated_rows: chunk.estimated_rows });
    }
    Ok(result)
}

pub(in crate::plugin) fn chunk_out(chunk: &Chunk) -> export::Chunk {
    export::Chunk {
        id: chunk.id.clone(),
        descriptor: chunk.descriptor.clone(),
        estimated_rows: chunk.estimated_rows,
    }
}

pub(in crate::plugin) fn snapshot_batch(
    batch: export::SnapshotBatch,
    kept: &mut Kept,
    rows_max: u32,
) -> Result<SnapshotBatch, Cause> {
    Ok(SnapshotBatch {
        rows: kept.snapshot_rows(batch.rows, rows_max)?,
        rejected: kept.dead_letters(batch.rejected, rows_max)?,
        next_cursor: batch.next_cursor.map(|cursor| opaque("cursor", cursor)).transpose()?,
    })
}

pub(in crate::plugin) fn change_batch(
    batch: export::ChangeBatch,
    kept: &mut Kept,
    rows_max: u32,
) -> Result<ChangeBatch, Cause> {
    count("schema changes", batch.schema_changes.len(), SCHEMA_CHANGES_MAX)?;
    let told = &mut kept.told;
    let changes = batch.schema_changes.into_iter().map(|change| schema_change(change, told));
    Ok(ChangeBatch {
        schema_changes: changes.collect::<Result<_, _>>()?,
        tables: kept.schemas.batches(batch.tables, rows_max)?,
        rejected: kept.dead_letters(batch.rejected, rows_max)?,
        position: position(batch.position)?,
        caught_up: batch.caught_up,
        // Nothing follows where there is no more: what says both would never be committed.
        within_transaction: batch.within_transaction && !batch.caught_up,
    })
}

fn schema_change(change: wit::SchemaChange, told: &mut Told) -> Result<SchemaChange, Cause> {
    let table = name("table", change.table)?;
    let missing = |what: &str| malformed(format!("a schema change of `{table}` without {what}"));
    let mut column = change.column;
    let mut column = || {
        let column = column.take().ok_or_else(|| missing("its column"))?;
        name("column", column)
    };
    let kind = match change.kind.as_str() {
        "add_column" => ChangeKind::AddColumn { column: column()? },
        "drop_column" => ChangeKind::DropColumn { column: column()? },
        "modify_column" => ChangeKind::ModifyColumn { column: column()? },
        "rename_column" => {
            let new_name = change.new_name.ok_or_else(|| missing("its new name"))?;
            ChangeKind::RenameColumn { column: column()?, new_name: name("column", new_name)? }
        }
        "add_table" => ChangeKind::AddTable,
        "drop_table" => ChangeKind::DropTable,
        other => {
            let shown = text::one_line(other, 64);
            return Err(malformed(format!("`{shown}` is no kind of schema change")));
        }
    };
    let after = change.after.map(|after| told_shape(after, told)).transpose()?;
    match &after {
        None if kind != ChangeKind::DropTable => return Err(missing("the table afterwards")),
        // Which tables are selected is asked by the one name, and what is made has the other.
        Some(after) if after.name != table => {
            let other = &after.name;
            return Err(malformed(format!("a schema change of `{table}` describes `{other}`")));
        }
        _ => {}
    }
    Ok(SchemaChange { table, kind, after })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::{DataType, Field, Schema};

    use super::*;
    use crate::plugin::{Bounds, Ledger, Role};

    fn info(name: &str) -> wit::TableInfo {
        let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true)]));
        wit::TableInfo {
            name: name.to_owned(),
            arrow_schema: wire::table_schema(schema).unwrap().message.to_vec(),
            key: vec!["id".to_owned()],
            estimated_rows: None,
        }
    }

    #[test]
    fn a_change_describes_the_table_that_it_names() {
        let cases = [
            ("the same", "add_table", Some("orders"), true),
            ("another, which nobody may have selected", "add_table", Some("payroll"), false),
            ("another in passing", "drop_table", Some("payroll"), false),
            ("none where one is due", "add_table", None, false),
            ("none where none is", "drop_table", None, true),
        ];
        let ledger = Ledger::new(Bounds::UNBOUNDED);
        let mut told = Told::new(ledger.account(Role::Source, "x", Bounds::UNBOUNDED));
        for (name, kind, after, accepted) in cases {
            let change = wit::SchemaChange {
                kind: kind.to_owned(),
                table: "orders".to_owned(),
                column: None,
                new_name: None,
                after: after.map(info),
            };
            assert_eq!(schema_change(change, &mut told).is_ok(), accepted, "{name}");
        }
    }
}
