//! Which field of a row is which column, by names, and whether names tell.
//!
//! A name that a row has may be that of a column which was dropped since, or got another name, while another
//! column has it by now. What tells is the order in which columns were made, and since when the catalog says
//! what it says (`catalog::entries`). Invariant: a field is given to a column only if it is the column's; where
//! nothing tells, the column's value is looked up like one that the row did not have yet, or the failure has the
//! table copied again.

use std::collections::BTreeMap;
use std::rc::Rc;

use cartridge_warp_sdk::Failure;

use crate::catalog::{SourceColumn, SourceTable};
use crate::pgoutput::{Begin, Relation};

/// Names that a table's columns have had, with their numbers.
pub type Names = BTreeMap<String, i16>;

/// How rows of a relation become rows of a table.
#[derive(Debug)]
pub struct Fitting {
    /// The table as the host knows it.
    pub table: Rc<SourceTable>,
    /// For each field of a row its column; none for columns that are gone.
    pub columns: Vec<Option<usize>>,
    /// Columns that the relation does not have yet, or not for sure.
    pub holes: Vec<usize>,
}

impl Fitting {
    /// Fits rows of a relation into the table as it is now; `row` is the transaction that wrote the first.
    pub fn new(
        table: Rc<SourceTable>,
        relation: &Relation,
        row: &Begin,
        names: Option<&Names>,
    ) -> Result<Self, Failure> {
        let columns = match by_order(&table, relation, row) {
            Some(columns) => columns,
            None => by_names(&table, relation, row, names)?,
        };
        let holes = holes(&table, &columns);
        Ok(Self { table, columns, holes })
    }
}

fn holes(table: &SourceTable, columns: &[Option<usize>]) -> Vec<usize> {
    (0..table.columns.len()).filter(|at| !columns.contains(&Some(*at))).collect()
}

/// Tells columns by the order in which they were made, whatever they are called, where that tells: of a table
/// that has lost none since, a row has the first; and one that has as many fields as there are and were columns
/// has a field of each.
fn by_order(table: &SourceTable, relation: &Relation, row: &Begin) -> Option<Vec<Option<usize>>> {
    let fields = relation.columns.len();
    let dropped = table.entries.dropped_since(row);
    let here = table.columns.iter().enumerate().map(|(at, column)| (column.number, Some(at)));
    let mut all: Vec<_> = here.chain(dropped.iter().map(|number| (*number, None))).collect();
    all.sort_unstable();
    let has_all = fields == all.len();
    let has_first = dropped.is_empty() && fields < all.len();
    if !sees_all(table) || !(has_all || has_first) {
        return None;
    }
    let columns: Vec<Option<usize>> = all.into_iter().map(|(_, at)| at).take(fields).collect();
    let mut called = vec![None; table.columns.len()];
    for (at, theirs) in columns.iter().zip(&relation.columns) {
        at.iter().for_each(|at| called[*at] = Some(&theirs.name));
    }
    // A column that was generated then had no field.
    let is_so = |(column, called): (&SourceColumn, Option<&String>)| {
        called == Some(&column.name) || table.entries.is_changed_since(column.number, row)
    };
    table.columns.iter().zip(called).all(is_so).then_some(columns)
}

/// Tells columns by the names that they have or had.
fn by_names(
    table: &SourceTable,
    relation: &Relation,
    row: &Begin,
    names: Option<&Names>,
) -> Result<Vec<Option<usize>>, Failure> {
    let is_called = |name: &str| relation.columns.iter().any(|column| column.name == name);
    let place = |name: &str| {
        let number = *names?.get(name)?;
        let called_otherwise =
            |column: &SourceColumn| column.number == number && !is_called(&column.name);
        table.columns.iter().position(called_otherwise)
    };
    let by_name = |name: &str| table.columns.iter().position(|column| column.name == name);
    let columns: Vec<Option<usize>> = relation
        .columns
        .iter()
        .map(|column| by_name(&column.name).or_else(|| place(&column.name)))
        .collect();
    let holes = holes(table, &columns);
    let is_stranger = |name: &&str| {
        by_name(name).is_none() && names.is_none_or(|names| !names.contains_key(*name))
    };
    let mut called = relation.columns.iter().map(|column| column.name.as_str());
    // A name that is unknown and a column without a value: the one may be the other.
    if let (Some(name), Some(hole)) = (called.find(is_stranger), holes.first()) {
        let what = format!(
            "a column {name}, which is gone or was renamed while nobody read the log; whether it is now {} \
             cannot be told",
            table.columns[*hole].name,
        );
        return Err(unclear(table, &what));
    }
    let doubtful = doubtful(table, &columns, row);
    let key = table.key_indices();
    // Without its key nothing is looked up, and a row that is gone by then would lack what is required.
    let is_needed = |at: &usize| key.contains(at) || !table.columns[*at].column.nullable;
    if have_other_names(table, &columns, &holes) || doubtful.iter().any(is_needed) {
        let what = "columns whose names belong to others by now; which is which cannot be told";
        return Err(unclear(table, what));
    }
    let is_told = |at: &usize| !doubtful.contains(at);
    Ok(columns.into_iter().map(|at| at.filter(is_told)).collect())
}

/// Whether columns cannot be those of the same names. A relation lists its columns in the order in which they
/// were made, and has each that is there by now and was made before one of its own.
fn have_other_names(table: &SourceTable, columns: &[Option<usize>], holes: &[usize]) -> bool {
    let number = |at: usize| table.columns[at].number;
    let numbers: Vec<i16> = columns.iter().flatten().map(|at| number(*at)).collect();
    let last = numbers.last().copied().unwrap_or_default();
    !numbers.is_sorted_by(|one, next| one < next) || holes.iter().any(|hole| number(*hole) < last)
}

/// Columns whose field may be that of a column which was dropped since the row was written, and whose name they
/// have by now. Those that were made before all such columns have the first fields.
fn doubtful(table: &SourceTable, columns: &[Option<usize>], row: &Begin) -> Vec<usize> {
    let number = |at: usize| table.columns[at].number;
    let Some(first) = table.entries.dropped_since(row).into_iter().min() else { return Vec::new() };
    let before = table.columns.iter().filter(|column| column.number < first).count();
    let have_first_fields = sees_all(table)
        && columns.iter().take(before).enumerate().all(|(field, at)| *at == Some(field));
    let is_doubtful = |at: &usize| {
        let is_first = have_first_fields && number(*at) < first;
        !is_first && table.entries.is_changed_since(number(*at), row)
    };
    columns.iter().flatten().copied().filter(is_doubtful).collect()
}

/// Whether the log has just the columns that are followed: it may have generated ones and those that are kept
/// from us, or not.
fn sees_all(table: &SourceTable) -> bool {
    table.hidden.is_empty() && table.withheld.is_empty()
}

/// The failure for rows whose columns nobody knows any more.
fn unclear(table: &SourceTable, what: &str) -> Failure {
    let failure = Failure::reconnect(
        "shape-unclear",
        format!(
            "table {}: the log has rows with {what}, so only a new copy of the table helps",
            table.qualified()
        ),
    );
    failure.about([&table.shape.name])
}
