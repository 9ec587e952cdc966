//! Short words for tables and rows.

use serde_json::Value;

use crate::{
    ColumnType, Deletion, Marker, Operation, Table, TablePlan, TableRows, TableWriter, WriteMode,
};

/// `orders(id bigint, name string, price decimal(10,2))` with key `id`.
pub fn orders() -> Table {
    Table::new("orders")
        .column("id", ColumnType::BigInt)
        .column("name", ColumnType::String)
        .column("price", ColumnType::Decimal { precision: 10, scale: 2 })
        .key(["id"])
}

/// One row per key; deletes remove it.
pub fn upsert(table: &Table) -> TablePlan {
    TablePlan::new(table, WriteMode::Upsert)
}

/// One row per operation.
pub fn append(table: &Table) -> TablePlan {
    TablePlan::new(table, WriteMode::Append)
}

/// One row per key; deletes mark it in `is_deleted`.
pub fn soft(table: &Table) -> TablePlan {
    TablePlan {
        deletion: Deletion::Soft {
            column: "is_deleted".to_owned(),
            deleted_at: "deleted_at".to_owned(),
        },
        ..upsert(table)
    }
}

/// A marker.
pub fn marker(stream: &str, value: &[u8]) -> Marker {
    Marker { stream: stream.to_owned(), value: Some(value.to_vec()) }
}

/// Rows of 2024-05-01 12:00 UTC from JSON objects; the value `"~"` stands for one that the source did
/// not send.
pub fn rows(table: &Table, rows: &[(Operation, Value)]) -> TableRows {
    let mut writer = TableWriter::changes(table);
    for (operation, object) in rows {
        let mut row = writer.row(*operation);
        for (name, value) in object.as_object().unwrap() {
            if value == "~" {
                row.unchanged(name.as_str()).unwrap();
            } else {
                row.set_json(name.as_str(), value).unwrap();
            }
        }
        row.at(1_714_564_800_000_000).commit();
    }
    writer.finish().unwrap()
}
