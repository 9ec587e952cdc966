//! Answers that lie, and one that does not.

use cartridge_warp_sdk::{
    ColumnType, Operation, Table, TableWriter,
    export::bindings::{
        cartridge::warp::types::{DeadLetter, Failure, SchemaChange, TableBatch, TableInfo},
        exports::cartridge::warp::{
            source::{ChangeBatch, Chunk},
            source_lookup::LookedUp,
        },
    },
    wire::{Encoder, encode_schema},
};

use crate::words;

fn table() -> Table {
    Table::new("items").column("id", ColumnType::BigInt).key(["id"])
}

pub(crate) fn identity(deed: &str) -> Result<Option<String>, Failure> {
    Ok(match deed {
        "identity-words" => Some("line\nbreak".to_owned()),
        "identity-bytes" => Some("x".repeat(513)),
        _ => None,
    })
}

pub(crate) fn tables(deed: &str) -> Result<Vec<TableInfo>, Failure> {
    let arrow_schema = encode_schema(&table().to_schema()).map_err(refused)?;
    let mut info = TableInfo {
        name: "items".to_owned(),
        arrow_schema,
        key: vec!["id".to_owned()],
        estimated_rows: Some(1),
    };
    Ok(match deed {
        "table-name" => {
            info.name = "a\0b".to_owned();
            vec![info]
        }
        "table-key" => {
            info.key.push("none".to_owned());
            vec![info]
        }
        "table-schema" => {
            info.arrow_schema = vec![7; 100];
            vec![info]
        }
        "table-twice" => vec![info.clone(), info],
        "many-tables" => vec![info; 20_000],
        _ => vec![info],
    })
}

pub(crate) fn position(deed: &str) -> Vec<u8> {
    vec![1; if deed == "position" { 64 * 1024 + 1 } else { 8 }]
}

pub(crate) fn chunks(deed: &str) -> Vec<Chunk> {
    let chunk = Chunk { id: "all".to_owned(), descriptor: Vec::new(), estimated_rows: None };
    match deed {
        "chunk-twice" => vec![chunk.clone(), chunk],
        "chunk-descriptor" => vec![Chunk { descriptor: vec![0; 1 << 20], ..chunk }],
        "chunk-id" => vec![Chunk { id: "x".repeat(129), ..chunk }],
        "large-chunks" => {
            let large =
                |n| Chunk { id: format!("{n}"), descriptor: vec![255; 65_000], ..chunk.clone() };
            (0..100).map(large).collect()
        }
        "many-chunks" => {
            let numbered = |n| Chunk { id: format!("{n}"), ..chunk.clone() };
            (0..100_000).map(numbered).collect()
        }
        _ => vec![chunk],
    }
}

pub(crate) fn changes(
    deed: &str,
    call: u32,
    encoder: &mut Encoder,
) -> Result<ChangeBatch, Failure> {
    let rows = if deed == "too-many-rows" { 5_000 } else { 3 };
    let mut batch = ChangeBatch {
        schema_changes: Vec::new(),
        tables: vec![batch(encoder, rows)?],
        rejected: Vec::new(),
        position: call.to_le_bytes().to_vec(),
        caught_up: true,
        within_transaction: false,
    };
    match deed {
        "dead-letter-flood" => words::flood(&mut batch, call),
        _ => spoil(deed, &mut batch),
    }
    Ok(batch)
}

fn spoil(deed: &str, batch: &mut ChangeBatch) {
    let Some(first) = batch.tables.first_mut() else { return };
    match deed {
        "garbage" => first.rows = vec![0xa5; 4096],
        "row-count" => first.row_count = 2,
        "cut" => first.rows.truncate(first.rows.len() / 2),
        "no-schema" => first.arrow_schema = None,
        "long-name" => first.table = "t".repeat(100_000),
        "long-schema-id" => first.schema_id = "i".repeat(100_000),
        "other-schema" => {
            let mut again = first.clone();
            again.arrow_schema = Some(vec![1, 2, 3]);
            batch.tables.push(again);
        }
        "change-position" => batch.position = vec![9; 1 << 20],
        "many-batches" => {
            let empty = TableBatch { arrow_schema: None, row_count: 0, ..first.clone() };
            batch.tables.extend(vec![empty; 20_000]);
        }
        "huge-answer" => first.rows = vec![0; 100 << 20],
        "change-kind" => batch.schema_changes.push(SchemaChange {
            kind: "explode_column".to_owned(),
            table: "items".to_owned(),
            column: None,
            new_name: None,
            after: None,
        }),
        "lookup-lies" => {
            let key = Some("{\"id\":\"1\"}".to_owned());
            batch.rejected = vec![DeadLetter { key, ..dead_letter("x") }];
        }
        "many-dead-letters" => batch.rejected = vec![dead_letter("x"); 20_000],
        "huge-dead-letter" => batch.rejected = vec![dead_letter(&"p".repeat(3 << 20))],
        _ => {}
    }
}

/// Keys that nobody asked for are absent.
pub(crate) fn looked_up() -> LookedUp {
    LookedUp { answered: 1 << 31, rows: None, rejected: Vec::new(), absent: vec![0; 1 << 20] }
}

pub(crate) fn dead_letter(payload: &str) -> DeadLetter {
    DeadLetter {
        table: "items".to_owned(),
        operation: "insert".to_owned(),
        payload: payload.to_owned(),
        code: "malformed-row".to_owned(),
        message: "not a row".to_owned(),
        origin: "items:1".to_owned(),
        key: None,
    }
}

pub(crate) fn batch(encoder: &mut Encoder, rows: i64) -> Result<TableBatch, Failure> {
    rows_of(&table(), encoder, rows)
}

/// Rows with a key and nothing else.
pub(crate) fn rows_of(
    table: &Table,
    encoder: &mut Encoder,
    rows: i64,
) -> Result<TableBatch, Failure> {
    rows_as(Operation::Insert, table, encoder, rows)
}

/// Keys of rows that are gone.
pub(crate) fn deletes(encoder: &mut Encoder) -> Result<TableBatch, Failure> {
    rows_as(Operation::Delete, &table(), encoder, 3)
}

fn rows_as(
    operation: Operation,
    table: &Table,
    encoder: &mut Encoder,
    rows: i64,
) -> Result<TableBatch, Failure> {
    let mut writer = TableWriter::changes(table);
    for id in 0..rows {
        let mut row = writer.row(operation);
        // The value fits its column.
        let _ = row.set("id", id);
        row.commit();
    }
    let encoded = writer.finish().and_then(|rows| encoder.encode(&rows)).map_err(refused)?;
    Ok(TableBatch {
        table: encoded.table,
        schema_id: encoded.schema_id,
        arrow_schema: encoded.arrow_schema,
        rows: encoded.rows,
        row_count: encoded.row_count,
    })
}

pub(crate) fn refused(failure: cartridge_warp_sdk::Failure) -> Failure {
    Failure {
        action: "stop".to_owned(),
        code: failure.code,
        message: failure.message,
        detail: None,
        retry_after_ms: None,
        tables: Vec::new(),
    }
}
