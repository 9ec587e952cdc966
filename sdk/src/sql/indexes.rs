//! Indexes that a table is given.

use super::metadata::fingerprint;
use super::table::Table;
use crate::TableIndex;

/// Why a table cannot have an index: a column that it lacks.
pub fn lacks(table: &Table, index: &TableIndex) -> Option<String> {
    let mut columns = index.columns.iter();
    let lacking = columns.find(|column| table.column(&column.name).is_none())?;
    Some(format!("the table has no column {}", lacking.name))
}

/// What an index is called: as at the source, where the database can have that name, which has so many bytes at most,
/// and nothing else has it; then the same each time.
///
/// # Errors
/// When it cannot be told who has a name.
pub fn index_name<E>(
    table: &Table,
    index: &TableIndex,
    bytes_max: usize,
    is_taken: impl FnOnce(&str) -> Result<bool, E>,
) -> Result<String, E> {
    let name = &index.name;
    if name.len() <= bytes_max && !is_taken(name)? {
        return Ok(name.clone());
    }
    let place = &table.physical;
    let number = fingerprint([place.schema.as_str(), place.table.as_str(), name.as_str()]);
    let number = format!("_{number:016x}");
    let end = bytes_max.saturating_sub(number.len()).min(name.len());
    let end = (0..=end).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    Ok(format!("{}{number}", &name[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, ColumnType, Deletion, IndexColumn, TablePlace, TablePlan, WriteMode};

    fn table() -> Table {
        let plan = TablePlan {
            name: "t".to_owned(),
            place: None,
            columns: vec![Column::new("id", ColumnType::BigInt)],
            key: vec!["id".to_owned()],
            write_mode: WriteMode::Upsert,
            deletion: Deletion::Hard,
        };
        Table::of(&plan, TablePlace::new("s", "t"), "t".to_owned(), false)
    }

    fn index(name: &str, column: &str) -> TableIndex {
        let column = IndexColumn { name: column.to_owned(), ..IndexColumn::default() };
        TableIndex { name: name.to_owned(), columns: vec![column], unique: true }
    }

    #[test]
    fn a_name_is_the_sources_where_it_can_be() {
        let named = |name: &str, taken: bool| {
            index_name::<()>(&table(), &index(name, "id"), 30, |_| Ok(taken)).unwrap()
        };
        assert_eq!(named("by_id", false), "by_id");
        let other = named("by_id", true);
        assert!(other.starts_with("by_id_") && other.len() == 22, "{other}");
        assert_eq!(named("by_id", true), other);
        assert_ne!(named("by_ie", true)[6..], other[6..]);
        let long = named(&"ü".repeat(20), false);
        assert!(long.starts_with("üüüüüü_") && long.len() == 29, "{long}");
    }

    #[test]
    fn an_index_needs_its_columns() {
        assert_eq!(lacks(&table(), &index("a", "id")), None);
        assert!(lacks(&table(), &index("a", "ie")).is_some_and(|why| why.contains("column ie")));
    }
}
