//! What a table that is already in the file looks like.

use cartridge_warp_sdk::Failure;

use crate::failure;
use crate::names::Scope;

/// A column as SQLite describes it.
pub(crate) struct ExistingColumn {
    pub(crate) name: String,
    pub(crate) declared: String,
    /// NOT NULL without a default: every insert has to bring it.
    pub(crate) demanded: bool,
    /// Computed by SQLite; cannot be written.
    pub(crate) generated: bool,
    in_primary_key: bool,
}

/// A table as SQLite describes it.
pub(crate) struct Existing {
    pub(crate) columns: Vec<ExistingColumn>,
    /// Column sets that are unique byte for byte.
    pub(crate) unique: Vec<Vec<String>>,
}

impl Existing {
    /// Looks a table up; views and virtual tables are a failure.
    pub(crate) fn find(scope: Scope<'_>, physical: &str) -> Result<Option<Self>, Failure> {
        let kinds = "SELECT type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' FROM sqlite_schema
                     WHERE name = ?1 COLLATE NOCASE";
        let kinds: Vec<bool> = rows(scope, kinds, physical, |row| row.get(0))?;
        match kinds.first() {
            None => Ok(None),
            Some(false) => Err(Failure::config(
                "not-a-table",
                format!("{physical} is there already and is no ordinary table; rename one of them"),
            )),
            Some(true) => {
                let columns = columns(scope, physical)?;
                let unique = unique(scope, physical, &columns)?;
                Ok(Some(Self { columns, unique }))
            }
        }
    }

    pub(crate) fn column(&self, name: &str) -> Option<&ExistingColumn> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// Whether these columns, in any order, are unique.
    pub(crate) fn is_unique(&self, key: &[String]) -> bool {
        let has = |set: &[String], name: &String| set.iter().any(|n| n.eq_ignore_ascii_case(name));
        self.unique.iter().any(|set| set.len() == key.len() && key.iter().all(|k| has(set, k)))
    }
}

fn columns(scope: Scope<'_>, physical: &str) -> Result<Vec<ExistingColumn>, Failure> {
    let sql = "SELECT name, type, \"notnull\" AND dflt_value IS NULL, pk > 0, hidden > 1
               FROM pragma_table_xinfo(?1)";
    rows(scope, sql, physical, |row| {
        Ok(ExistingColumn {
            name: row.get(0)?,
            declared: row.get(1)?,
            demanded: row.get(2)?,
            in_primary_key: row.get(3)?,
            generated: row.get(4)?,
        })
    })
}

/// Unique indexes with binary collation: one that ignores case would merge rows.
fn unique(
    scope: Scope<'_>,
    physical: &str,
    columns: &[ExistingColumn],
) -> Result<Vec<Vec<String>>, Failure> {
    let indexes = "SELECT name FROM pragma_index_list(?1) WHERE \"unique\" AND NOT partial";
    let mut unique = Vec::new();
    for index in rows(scope, indexes, physical, |row| row.get::<_, String>(0))? {
        let parts = "SELECT CASE coll WHEN 'BINARY' THEN name END FROM pragma_index_xinfo(?1)
                     WHERE key";
        let parts = rows(scope, parts, &index, |row| row.get::<_, Option<String>>(0))?;
        unique.extend(parts.into_iter().collect::<Option<Vec<_>>>());
    }
    // An INTEGER PRIMARY KEY is the row id and has no index.
    let mut primary = columns.iter().filter(|column| column.in_primary_key);
    if let (Some(only), None) = (primary.next(), primary.next())
        && only.declared.eq_ignore_ascii_case("INTEGER")
    {
        unique.push(vec![only.name.clone()]);
    }
    Ok(unique)
}

fn rows<T>(
    scope: Scope<'_>,
    sql: &str,
    name: &str,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, Failure> {
    scope
        .connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_map([name], read)?.collect())
        .map_err(|error| failure::of(&error))
}
