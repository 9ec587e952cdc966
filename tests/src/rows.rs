//! Reads back what a run wrote.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, OpenFlags, types::ValueRef};
use serde_json::{Value, json};

/// A row: column name to value.
pub type Row = BTreeMap<String, Value>;

/// All rows of a table of a SQLite file, in the order of this expression.
pub fn sqlite_rows(database: &Path, table: &str, order: &str) -> Vec<Row> {
    let sql = format!("SELECT * FROM \"{table}\" ORDER BY {order}");
    sqlite_query(database, &sql)
}

/// The rows of a query.
///
/// # Panics
/// When the database or the query is wrong.
pub fn sqlite_query(database: &Path, sql: &str) -> Vec<Row> {
    // Read and write: a journal that a killed process left has to be rolled back first. So this is
    // for databases that nobody writes any more.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let connection = Connection::open_with_flags(database, flags).expect("the database opens");
    let mut statement = connection.prepare(sql).expect("the query is valid");
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let rows = statement.query_map([], |row| {
        let value = |(index, name): (usize, &String)| {
            let value = match row.get_ref(index)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => json!(number),
                ValueRef::Real(number) => json!(number),
                ValueRef::Text(text) => json!(String::from_utf8_lossy(text)),
                ValueRef::Blob(bytes) => json!(bytes),
            };
            Ok((name.clone(), value))
        };
        columns.iter().enumerate().map(value).collect::<rusqlite::Result<Row>>()
    });
    rows.expect("the query runs").collect::<rusqlite::Result<_>>().expect("every row reads")
}

/// The number of rows of a table while a pipeline may be writing: looks on and changes nothing.
/// None while there is nothing to see.
pub fn sqlite_count_live(database: &Path, table: &str) -> Option<i64> {
    let connection =
        Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    let sql = format!("SELECT count(*) FROM \"{table}\"");
    connection.query_row(&sql, [], |row| row.get(0)).ok()
}

/// The number of rows of a table.
pub fn sqlite_count(database: &Path, table: &str) -> u64 {
    let rows = sqlite_query(database, &format!("SELECT count(*) AS n FROM \"{table}\""));
    rows[0]["n"].as_u64().expect("a count")
}
