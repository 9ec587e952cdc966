//! Where the connector's own tables are, and which names tables may have.

use cartridge_warp_sdk::sql::{
    DEAD_LETTERS, EPOCHS, MARKERS, METADATA_SCHEMA, METADATA_TABLES, TABLES,
};
use cartridge_warp_sdk::{Failure, TablePlace};
use postgresql_client::names::{check, qualified};

/// The names of the metadata tables, ready for SQL.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) metadata: String,
    pub(crate) epochs: String,
    pub(crate) markers: String,
    pub(crate) dead_letters: String,
    pub(crate) tables: String,
}

impl Names {
    pub(crate) fn new(metadata: Option<&str>) -> Result<Self, Failure> {
        let metadata = metadata.unwrap_or(METADATA_SCHEMA).to_owned();
        check("metadata_schema", &metadata)?;
        reserved("metadata_schema", &metadata)?;
        let table = |name| qualified(&metadata, name);
        let (epochs, markers) = (table(EPOCHS), table(MARKERS));
        let (dead_letters, tables) = (table(DEAD_LETTERS), table(TABLES));
        Ok(Self { metadata, epochs, markers, dead_letters, tables })
    }

    /// Refuses a table whose name is impossible or taken by the metadata.
    pub(crate) fn check_place(&self, place: &TablePlace) -> Result<(), Failure> {
        let TablePlace { schema, table } = place;
        check_schema(schema)?;
        check("a table", table)?;
        let own = METADATA_TABLES.contains(&table.as_str());
        if own && *schema == self.metadata {
            return Err(Failure::config(
                "table-name-taken",
                format!("table {schema}.{table} is the connector's own; change metadata_schema"),
            ));
        }
        Ok(())
    }
}

/// Refuses a schema whose name is impossible.
pub(crate) fn check_schema(schema: &str) -> Result<(), Failure> {
    check("a schema", schema)?;
    reserved("a schema", schema)
}

fn reserved(what: &str, schema: &str) -> Result<(), Failure> {
    if schema.starts_with("pg_") || schema == "information_schema" {
        return Err(Failure::config(
            "invalid-name",
            format!("{what} cannot have the name {schema:?}, which PostgreSQL keeps for itself"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_taken_are_refused() {
        let names = Names::new(None).unwrap();
        names.check_place(&TablePlace::new("shop", "epochs")).unwrap();
        for (schema, table, code) in [
            ("shop", "", "invalid-name"),
            ("cartridge_warp_metadata", "epochs", "table-name-taken"),
        ] {
            let refused = names.check_place(&TablePlace::new(schema, table)).unwrap_err();
            assert_eq!(refused.code, code, "{schema}");
        }
        assert_eq!(Names::new(Some("pg_x")).unwrap_err().code, "invalid-name");
        assert!(check_schema("information_schema").is_err());
    }
}
