//! What a guest may cost the host: memory, computing, and what its answers leave behind.

use std::hint::black_box;

use cartridge_warp_sdk::{
    ColumnType, Operation, Table, TableWriter, Value,
    export::bindings::{
        cartridge::warp::types::{DeadLetter, Failure, SchemaChange, TableBatch, TableInfo},
        exports::cartridge::warp::source::ChangeBatch,
    },
    wire::{Encoder, encode_schema},
};

use crate::answers::refused;

/// Memory that stays.
const HELD_BYTES: usize = 48 << 20;

/// Takes memory as soon as it connects.
pub(crate) fn hold(deed: &str) {
    if deed.starts_with("held") {
        std::mem::forget(black_box(vec![1_u8; HELD_BYTES]));
    }
}

/// Computes for a while, and ends.
pub(crate) fn work() {
    let mut state = 1_u64;
    for n in 0..300_000_000_u64 {
        state = black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(n));
    }
    black_box(state);
}

/// Answers that the host has to keep; none for another deed.
pub(crate) fn answer(deed: &str, call: u32) -> Option<Result<ChangeBatch, Failure>> {
    let mut batch = ChangeBatch {
        schema_changes: Vec::new(),
        tables: Vec::new(),
        rejected: Vec::new(),
        position: call.to_le_bytes().to_vec(),
        caught_up: false,
        within_transaction: false,
    };
    match deed {
        "large-rows" => match rows(1, 4 << 20) {
            Ok(rows) => batch.tables.push(rows),
            Err(failure) => return Some(Err(failure)),
        },
        "new-schemas" => match rows(call, 1) {
            Ok(rows) => batch.tables.push(rows),
            Err(failure) => return Some(Err(failure)),
        },
        "new-tables" => match announcements(call) {
            Ok(changes) => batch.schema_changes = changes,
            Err(failure) => return Some(Err(failure)),
        },
        "large-letters" => batch.rejected = vec![letter(); 40],
        _ => return None,
    }
    Some(Ok(batch))
}

/// One row, in a schema of its own for each number.
fn rows(number: u32, bytes: usize) -> Result<TableBatch, Failure> {
    let mut table = Table::new("items").column("id", ColumnType::BigInt);
    let texts = if bytes == 1 { 2_000 } else { 1 };
    for column in 0..texts {
        table = table.column(format!("text_{number}_{column}"), ColumnType::String);
    }
    let mut writer = TableWriter::changes(&table);
    let text = "x".repeat(bytes);
    let values = std::iter::once(Value::I64(1)).chain((0..texts).map(|_| Value::Str(&text)));
    let _ = writer.push(Operation::Insert, values);
    let encoded = writer.finish().and_then(|rows| Encoder::default().encode(&rows));
    let encoded = encoded.map_err(refused)?;
    Ok(TableBatch {
        table: encoded.table,
        schema_id: format!("number-{number}"),
        arrow_schema: encoded.arrow_schema,
        rows: encoded.rows,
        row_count: encoded.row_count,
    })
}

fn announcements(call: u32) -> Result<Vec<SchemaChange>, Failure> {
    let mut table = Table::new("wide").column("id", ColumnType::BigInt).key(["id"]);
    for column in 0..500 {
        table = table.column(format!("column_{column}"), ColumnType::String);
    }
    let arrow_schema = encode_schema(&table.to_schema()).map_err(refused)?;
    let change = |number: u32| {
        let name = format!("table_{call}_{number}");
        SchemaChange {
            kind: "add_table".to_owned(),
            table: name.clone(),
            column: None,
            new_name: None,
            after: Some(TableInfo {
                name,
                arrow_schema: arrow_schema.clone(),
                key: vec!["id".to_owned()],
                estimated_rows: None,
            }),
        }
    };
    Ok((0..20).map(change).collect())
}

fn letter() -> DeadLetter {
    DeadLetter {
        table: "items".to_owned(),
        operation: "insert".to_owned(),
        payload: "p".repeat(100_000),
        code: "malformed-row".to_owned(),
        message: "not a row".to_owned(),
        origin: "items:1".to_owned(),
        key: None,
    }
}
