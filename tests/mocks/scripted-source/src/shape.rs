//! The shape of the tables, before and after it changes.

use cartridge_warp_sdk::{ColumnType, Failure, SchemaChange, Table};

use crate::options::{Options, Reshape, ReshapeKind};

/// Table `index` when the history stands at change `n`.
pub(crate) fn table(options: &Options, index: u64, n: u64) -> Result<Table, Failure> {
    let table = Table::new(format!("t{index}"))
        .column("id", ColumnType::BigInt)
        .column("value", ColumnType::BigInt)
        .key(["id"]);
    let Some(Reshape { at, kind, from, to }) = &options.reshape else { return Ok(table) };
    if n < *at {
        return Ok(table.column("note", column_type(from, ColumnType::String)?));
    }
    let to = |usual| column_type(to, usual);
    Ok(match kind {
        ReshapeKind::Drop => table,
        ReshapeKind::Rename => table.column("remark", to(ColumnType::String)?),
        ReshapeKind::Modify => table.column("note", to(ColumnType::Json)?),
        ReshapeKind::Recreate => table.column("note", to(ColumnType::String)?),
    })
}

fn column_type(word: &Option<String>, usual: ColumnType) -> Result<ColumnType, Failure> {
    Ok(word.as_deref().map(str::parse).transpose()?.unwrap_or(usual))
}

/// The changes of shape that come right before change `n`.
pub(crate) fn changes_at(options: &Options, n: u64) -> Result<Vec<SchemaChange>, Failure> {
    let Some(reshape) = options.reshape.as_ref().filter(|reshape| reshape.at == n) else {
        return Ok(Vec::new());
    };
    let mut changes = Vec::new();
    for index in 0..options.tables {
        let after = table(options, index, n)?;
        changes.extend(match reshape.kind {
            ReshapeKind::Drop => vec![SchemaChange::drop_column("note", after)],
            ReshapeKind::Rename => vec![SchemaChange::rename_column("note", "remark", after)],
            ReshapeKind::Modify => vec![SchemaChange::modify_column("note", after)],
            ReshapeKind::Recreate => {
                vec![SchemaChange::drop_table(after.name.clone()), SchemaChange::add_table(after)]
            }
        });
    }
    Ok(changes)
}

/// The end of a batch from `start` to at most `end`: a change of shape begins a batch of its own.
pub(crate) fn batch_end(options: &Options, start: u64, end: u64) -> u64 {
    match &options.reshape {
        Some(reshape) if start < reshape.at => end.min(reshape.at),
        _ => end,
    }
}
