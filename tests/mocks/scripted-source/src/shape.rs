//! The shape of the tables, before and after it changes.

use cartridge_warp_sdk::{ColumnType, SchemaChange, Table};

use crate::options::{Options, ReshapeKind};

/// Table `index` when the history stands at change `n`.
pub(crate) fn table(options: &Options, index: u64, n: u64) -> Table {
    let table = Table::new(format!("t{index}"))
        .column("id", ColumnType::BigInt)
        .column("value", ColumnType::BigInt)
        .key(["id"]);
    match options.reshape.as_ref().map(|reshape| (reshape.kind, n >= reshape.at)) {
        None | Some((ReshapeKind::Drop, true)) => table,
        Some((_, false)) => table.column("note", ColumnType::String),
        Some((ReshapeKind::Rename, true)) => table.column("remark", ColumnType::String),
        Some((ReshapeKind::Modify, true)) => table.column("note", ColumnType::Json),
        Some((ReshapeKind::Recreate, true)) => table.column("note", ColumnType::String),
    }
}

/// The changes of shape that come right before change `n`.
pub(crate) fn changes_at(options: &Options, n: u64) -> Vec<SchemaChange> {
    let Some(reshape) = options.reshape.as_ref().filter(|reshape| reshape.at == n) else {
        return Vec::new();
    };
    let change = |index| {
        let after = table(options, index, n);
        match reshape.kind {
            ReshapeKind::Drop => vec![SchemaChange::drop_column("note", after)],
            ReshapeKind::Rename => vec![SchemaChange::rename_column("note", "remark", after)],
            ReshapeKind::Modify => vec![SchemaChange::modify_column("note", after)],
            ReshapeKind::Recreate => {
                vec![SchemaChange::drop_table(after.name.clone()), SchemaChange::add_table(after)]
            }
        }
    };
    (0..options.tables).flat_map(change).collect()
}

/// The end of a batch from `start` to at most `end`: a change of shape begins a batch of its own.
pub(crate) fn batch_end(options: &Options, start: u64, end: u64) -> u64 {
    match &options.reshape {
        Some(reshape) if start < reshape.at => end.min(reshape.at),
        _ => end,
    }
}
