//! Checks of where tables are kept, as far as the file alone tells: what a destination makes of names
//! only it knows.

use std::collections::BTreeMap;

use super::Findings;
use crate::config::WarpConfig;
use crate::model::text::is_unnameable;

/// Longest name of a table or schema, in bytes: as of a connector's.
const NAME_BYTES_MAX: usize = 512;

pub(super) fn check(config: &WarpConfig, findings: &mut Findings<'_>) {
    for (position, schema) in config.schemas.iter().enumerate() {
        let at = format!("schemas.{position}");
        check_name(
            &format!("{at}.destination_schema"),
            schema.destination_schema.as_deref(),
            findings,
        );
        for (key, part) in
            [("table_prefix", &schema.table_prefix), ("table_suffix", &schema.table_suffix)]
        {
            check_name(
                &format!("{at}.{key}"),
                Some(part).filter(|part| !part.is_empty()),
                findings,
            );
        }
        if schema.name_at_destination() == config.destination.metadata_schema {
            let key = match schema.destination_schema {
                Some(_) => "destination_schema",
                None => "name",
            };
            let help = "keep the tables in a schema of their own, or change \
                        `destination.metadata_schema`";
            findings.conflict(
                &format!("{at}.{key}"),
                "is `destination.metadata_schema`, too",
                help,
            );
        }
        for (position, table) in schema.tables.iter().enumerate() {
            let key = format!("{at}.tables.{position}.destination_table");
            check_name(&key, table.destination_table.as_deref(), findings);
            if table.destination_table.is_some() && table.name.is_pattern() {
                let help =
                    "write `table_prefix` or `table_suffix` for the schema, or name one table";
                findings.conflict(&key, "would be the name of every table that matches", help);
            }
        }
    }
    check_apart(config, findings);
}

fn check_name(key: &str, name: Option<&(impl AsRef<str> + ?Sized)>, findings: &mut Findings<'_>) {
    let Some(name) = name.map(AsRef::as_ref) else { return };
    findings.not_empty(key, name);
    if name.len() > NAME_BYTES_MAX || name.chars().any(is_unnameable) {
        let message = format!("is longer than {NAME_BYTES_MAX} bytes or has invisible characters");
        findings.invalid(key, &message, "write a name that the destination can hold");
    }
}

/// Refuses two tables of the list in one place.
fn check_apart(config: &WarpConfig, findings: &mut Findings<'_>) {
    let mut seen = BTreeMap::new();
    for (position, schema) in config.schemas.iter().enumerate() {
        let named = schema.tables.iter().enumerate().filter(|(_, table)| !table.name.is_pattern());
        for (number, table) in named {
            let place =
                (schema.name_at_destination(), schema.table_at_destination(table.name.as_str()));
            let at = format!("schemas.{position}.tables.{number}");
            let named = (position, &table.name);
            let Some((other, first)) = seen.get(&place) else {
                seen.insert(place, (at, named));
                continue;
            };
            if named == *first {
                // The same name twice, which has its own words.
                continue;
            }
            let key = match table.destination_table {
                Some(_) => "destination_table",
                None => "name",
            };
            let (schema, name) = &place;
            let message = format!("leads to `{schema}.{name}`, where `{other}` is kept, too");
            let help = "give each a `destination_table` of its own, or their schemas another \
                        `destination_schema` or `table_prefix`: one place keeps one table, whatever \
                        `columns.add` says of its rows";
            findings.conflict(&format!("{at}.{key}"), &message, help);
        }
    }
}
