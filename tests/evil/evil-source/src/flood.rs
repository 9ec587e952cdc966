//! Answers that are well-formed and too many: what the host's quotas and pauses are for.

use cartridge_warp_sdk::{
    ColumnType, Table,
    export::bindings::{
        cartridge::warp::types::{DeadLetter, Failure, SchemaChange, TableInfo},
        exports::cartridge::warp::source::{ChangeBatch, SnapshotBatch},
    },
    wire::{Encoder, encode_schema},
};

use crate::answers::{batch, dead_letter, refused};

/// The answer of a deed `flood:…` or `idle:…`: never caught up, and always further.
pub(crate) fn changes(
    deed: &str,
    call: u32,
    encoder: &mut Encoder,
) -> Result<ChangeBatch, Failure> {
    let mut answer = ChangeBatch {
        schema_changes: Vec::new(),
        tables: Vec::new(),
        rejected: Vec::new(),
        position: call.to_le_bytes().to_vec(),
        caught_up: false,
        within_transaction: false,
    };
    match deed {
        "flood:dead-letters" => answer.rejected = letters(call),
        "flood:columns" => answer.schema_changes.push(added_column("items", call)?),
        "flood:columns-in-rows" => answer.tables.push(wider(call, encoder)?),
        "flood:tables" => answer.schema_changes.push(added_table(call, 1)?),
        "flood:wide-tables" => answer.schema_changes.push(added_table(call, 500)?),
        "idle:zero-rows" => answer.tables.push(batch(encoder, 0)?),
        "idle:unselected-rows" => {
            let mut rows = batch(encoder, 3)?;
            rows.table = "hidden".to_owned();
            answer.tables.push(rows);
        }
        "idle:announcements" => answer.schema_changes.push(change("add_table", "items", None, 1)?),
        "idle:unselected-announcements" => {
            answer.schema_changes.push(added_column("hidden", call)?);
        }
        _ => {}
    }
    Ok(answer)
}

/// Four rows of 1 MiB that nobody can read, each from a place of its own.
fn letters(call: u32) -> Vec<DeadLetter> {
    let letter = dead_letter(&"p".repeat(1 << 20));
    let placed = |n| DeadLetter { origin: format!("items:{call}.{n}"), ..letter.clone() };
    (0..4).map(placed).collect()
}

/// A step of a chunk that never ends.
pub(crate) fn snapshot(call: u32) -> SnapshotBatch {
    let next_cursor = Some(call.to_le_bytes().to_vec());
    SnapshotBatch { rows: None, rejected: Vec::new(), next_cursor }
}

fn added_column(table: &str, number: u32) -> Result<SchemaChange, Failure> {
    let mut change = change("add_column", table, Some(number), 1)?;
    change.column = Some(format!("c{number}"));
    Ok(change)
}

fn added_table(number: u32, columns: u32) -> Result<SchemaChange, Failure> {
    change("add_table", &format!("t{number}"), Some(0), columns)
}

/// A change after which the table has a key and these columns.
fn change(
    kind: &str,
    name: &str,
    first: Option<u32>,
    columns: u32,
) -> Result<SchemaChange, Failure> {
    let mut table = Table::new(name).column("id", ColumnType::BigInt).key(["id"]);
    if let Some(first) = first {
        table = (first..first + columns)
            .fold(table, |table, n| table.column(format!("c{n}"), ColumnType::String));
    }
    let after = TableInfo {
        name: name.to_owned(),
        arrow_schema: encode_schema(&table.to_schema()).map_err(refused)?,
        key: vec!["id".to_owned()],
        estimated_rows: None,
    };
    Ok(SchemaChange {
        kind: kind.to_owned(),
        table: name.to_owned(),
        column: None,
        new_name: None,
        after: Some(after),
    })
}

/// A row with a column that no row had before.
fn wider(
    number: u32,
    encoder: &mut Encoder,
) -> Result<cartridge_warp_sdk::export::bindings::cartridge::warp::types::TableBatch, Failure> {
    let table = Table::new("items")
        .column("id", ColumnType::BigInt)
        .column(format!("c{number}"), ColumnType::String)
        .key(["id"]);
    crate::answers::rows_of(&table, encoder, 1)
}
