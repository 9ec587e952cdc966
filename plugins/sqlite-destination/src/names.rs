//! Names of tables and columns, and how they are quoted.

use cartridge_warp_sdk::sql::{
    DEAD_LETTERS, EPOCHS, MARKERS, METADATA_SCHEMA, METADATA_TABLES, TABLES,
};
use cartridge_warp_sdk::{Failure, TablePlace};
use rusqlite::Connection;

/// How tables are named. SQLite has no schemas, so a schema becomes a prefix.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    metadata: String,
    schema_prefix: bool,
}

impl Names {
    pub(crate) fn new(metadata: Option<&str>, schema_prefix: bool) -> Result<Self, Failure> {
        let metadata = metadata.unwrap_or(METADATA_SCHEMA).to_owned();
        check("metadata_schema", &metadata)?;
        Ok(Self { metadata, schema_prefix })
    }

    pub(crate) fn epochs(&self) -> String {
        self.metadata_table(EPOCHS)
    }

    pub(crate) fn markers(&self) -> String {
        self.metadata_table(MARKERS)
    }

    pub(crate) fn dead_letters(&self) -> String {
        self.metadata_table(DEAD_LETTERS)
    }

    pub(crate) fn tables(&self) -> String {
        self.metadata_table(TABLES)
    }

    /// The name of a table in the file.
    pub(crate) fn physical(&self, place: &TablePlace) -> Result<String, Failure> {
        let TablePlace { schema, table } = place;
        // The host keeps tables of its own in the metadata schema, beside ours.
        let prefixed = self.schema_prefix || *schema == self.metadata;
        let name = if prefixed { format!("{schema}_{table}") } else { table.clone() };
        check("a table", &name)?;
        let mut ours = METADATA_TABLES.iter().map(|table| self.metadata_table(table));
        if ours.any(|metadata| metadata.eq_ignore_ascii_case(&name)) {
            return Err(Failure::config(
                "table-name-taken",
                format!("table {name} has the name of a metadata table; change metadata_schema"),
            ));
        }
        Ok(name)
    }

    fn metadata_table(&self, what: &str) -> String {
        format!("{}_{what}", self.metadata)
    }
}

/// What SQLite calls the file's own schema.
pub(crate) const MAIN: &str = "main";

/// Where a change of tables happens: in an open transaction, for one schema.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) names: &'a Names,
    pub(crate) schema: &'a str,
}

/// Refuses what SQLite cannot use as a name even when quoted.
pub(crate) fn check(what: &str, name: &str) -> Result<(), Failure> {
    let reserved = name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("sqlite_"));
    if name.is_empty() || name.contains('\0') || reserved {
        return Err(Failure::config(
            "invalid-name",
            format!("{what} cannot have the name {name:?} in SQLite; rename it"),
        ));
    }
    Ok(())
}

/// A name as SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(quoted("ü; DROP"), "\"ü; DROP\"");
    }

    #[test]
    fn names_that_sqlite_cannot_hold_are_refused() {
        let names = Names::new(None, true).unwrap();
        assert_eq!(names.physical(&TablePlace::new("shop", "orders")).unwrap(), "shop_orders");
        let bare = Names::new(Some("warp"), false).unwrap();
        assert_eq!(bare.physical(&TablePlace::new("shop", "sync_runs")).unwrap(), "sync_runs");
        assert_eq!(bare.physical(&TablePlace::new("warp", "sync_runs")).unwrap(), "warp_sync_runs");
        for (schema, table, code) in [
            ("shop", "a\0b", "invalid-name"),
            ("SQLite", "x", "invalid-name"),
            ("cartridge_warp_metadata", "EPOCHS", "table-name-taken"),
        ] {
            let refused = names.physical(&TablePlace::new(schema, table)).unwrap_err();
            assert_eq!(refused.code, code, "{schema}.{table}");
        }
    }
}
