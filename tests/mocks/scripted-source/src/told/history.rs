//! The files that somebody else writes: the history, and what it is about.

use std::{collections::BTreeMap, fs, path::Path};

use cartridge_warp_sdk::{ColumnType, Failure, Operation, Table, TableWriter};

use crate::unfit;

/// The table, and the file of its history.
const TOLD: &str = "told";
/// File of the name of a column that the table got.
const ADDED: &str = "added";
/// File that is longer by a byte for each time that connections were cut.
const CUTS: &str = "cuts";

/// A change: `STEP KEY VALUE ADDED END`, where `-` is no value and `.` the end of a transaction.
pub struct Line {
    pub operation: Operation,
    pub key: i64,
    pub row: Row,
    pub is_end: bool,
}

/// The values of a row beside its key.
#[derive(Clone, Copy)]
pub struct Row {
    value: Option<i64>,
    added: Option<i64>,
}

fn parsed(line: &str) -> Option<Line> {
    let [step, key, value, added, end] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let operation = match step {
        "insert" => Operation::Insert,
        "update" => Operation::Update,
        "delete" => Operation::Delete,
        _ => return None,
    };
    let row = Row { value: value.parse().ok(), added: added.parse().ok() };
    Some(Line { operation, key: key.parse().ok()?, row, is_end: end == "." })
}

/// All changes by now.
pub fn lines(directory: &Path) -> Result<Vec<Line>, Failure> {
    let text = fs::read_to_string(directory.join(TOLD)).unwrap_or_default();
    let lines: Option<Vec<Line>> = text.lines().map(parsed).collect();
    lines.ok_or_else(|| Failure::stop("history", "a line of the history is none"))
}

/// The rows after so many changes.
pub fn rows(directory: &Path, changes: u64) -> Result<BTreeMap<i64, Row>, Failure> {
    let mut rows = BTreeMap::new();
    let changes = usize::try_from(changes).unwrap_or(usize::MAX);
    for line in lines(directory)?.into_iter().take(changes) {
        match line.operation {
            Operation::Delete => rows.remove(&line.key),
            _ => rows.insert(line.key, line.row),
        };
    }
    Ok(rows)
}

/// The name of the column that the table got, if it did.
pub fn added(directory: &Path) -> Option<String> {
    fs::read_to_string(directory.join(ADDED)).ok()
}

/// How often connections were cut.
pub fn cuts(directory: &Path) -> u64 {
    fs::metadata(directory.join(CUTS)).map_or(0, |file| file.len())
}

pub fn table(added: Option<&str>) -> Table {
    let table =
        Table::new(TOLD).column("id", ColumnType::BigInt).column("value", ColumnType::BigInt);
    let table = match added {
        Some(added) => table.column(added, ColumnType::BigInt),
        None => table,
    };
    table.key(["id"])
}

pub fn write(
    writer: &mut TableWriter,
    operation: Operation,
    key: i64,
    values: Row,
    added: Option<&str>,
) -> Result<(), Failure> {
    let mut row = writer.row(operation);
    row.set("id", key).map_err(unfit)?;
    if let Some(value) = values.value {
        row.set("value", value).map_err(unfit)?;
    }
    if let (Some(name), Some(value)) = (added, values.added) {
        row.set(name, value).map_err(unfit)?;
    }
    row.commit();
    Ok(())
}
