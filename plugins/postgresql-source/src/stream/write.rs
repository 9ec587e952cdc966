//! Changes to the batches of the host.

use std::collections::HashMap;
use std::rc::Rc;

use cartridge_warp_sdk::{DeadLetter, Failure, Operation, TableRows, TableWriter, ValueError};

use super::batch::Change;
use crate::catalog::SourceTable;
use crate::pgoutput::Field;
use crate::rejected;

/// Rows by table, in order within each, and the rows that cannot travel.
pub fn write(
    changes: &[Change],
    origin: &str,
) -> Result<(Vec<TableRows>, Vec<DeadLetter>), Failure> {
    let mut writers: Vec<(Rc<SourceTable>, TableWriter)> = Vec::new();
    // Shapes may differ within a batch only by being announced before it, so one writer a table.
    let mut places: HashMap<u32, usize> = HashMap::new();
    let mut rejected = Vec::new();
    for change in changes {
        let table = &change.fitting.table;
        let at = *places.entry(table.oid).or_insert_with(|| {
            writers.push((table.clone(), TableWriter::changes(&table.shape)));
            writers.len() - 1
        });
        if let Err(error) = write_row(&mut writers[at].1, change) {
            rejected.push(letter(change, &error, origin));
        }
    }
    let written = writers.iter_mut().filter(|(_, writer)| !writer.is_empty());
    let tables = written.map(|(_, writer)| writer.finish()).collect::<Result<_, _>>()?;
    Ok((tables, rejected))
}

fn write_row(writer: &mut TableWriter, change: &Change) -> Result<(), ValueError> {
    let table = &change.fitting.table;
    let key = if change.operation == Operation::Delete { table.key_indices() } else { Vec::new() };
    let mut row = writer.row(change.operation);
    let mut left_out = false;
    for (field, column) in change.tuple.0.iter().zip(&change.fitting.columns) {
        let Some(column) = *column else { continue };
        match field {
            _ if change.operation == Operation::Delete && !key.contains(&column) => {}
            Field::Null => {}
            Field::Cut(bytes) => return Err(rejected::too_large(table, column, *bytes)),
            Field::Text(text) => rejected::set(&mut row, table, column, text)?,
            Field::Unchanged => {
                if change.found.iter().all(|(found, _)| *found != column) {
                    row.unchanged(column)?;
                    left_out = true;
                }
            }
        }
    }
    if change.operation == Operation::Update {
        for hole in &change.fitting.holes {
            if change.found.iter().all(|(found, _)| found != hole) {
                row.unchanged(*hole)?;
            }
        }
    }
    for (column, field) in &change.found {
        match field {
            Field::Text(text) => rejected::set(&mut row, table, *column, text)?,
            Field::Cut(bytes) => return Err(rejected::too_large(table, *column, *bytes)),
            Field::Null | Field::Unchanged => {}
        }
    }
    if left_out {
        // Only an update leaves out values.
        row.set_operation(Operation::Update);
    }
    row.at(change.at_micros).commit();
    Ok(())
}

fn letter(change: &Change, error: &ValueError, origin: &str) -> DeadLetter {
    let table = &change.fitting.table;
    let fields = change.tuple.0.iter().zip(&change.fitting.columns);
    let fields = fields.filter_map(|(field, column)| {
        let name = table.columns[(*column)?].column.name.as_str();
        match field {
            Field::Unchanged | Field::Cut(_) => None,
            Field::Null => Some((name, None)),
            Field::Text(text) => Some((name, Some(&text[..]))),
        }
    });
    rejected::letter(table, fields, error, origin).operation(change.operation)
}
