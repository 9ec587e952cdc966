//! Checks of the list of schemas and their tables.

use std::collections::BTreeSet;

use super::{Findings, columns, globs, places};
use crate::config::nearest::suggest;
use crate::config::{
    Code, DeletionStrategy, Interval, Mode, SchemaConfig, SyncMode, TableConfig, TableSettings,
    WarpConfig,
};

pub(super) fn check(config: &WarpConfig, findings: &mut Findings<'_>) {
    if config.schemas.is_empty() {
        findings.invalid("schemas", "is empty", "list at least one schema, as `- name: public`");
    }
    check_single(config, findings);
    check_resync(config, findings);
    let mut seen = BTreeSet::new();
    for (position, schema) in config.schemas.iter().enumerate() {
        let at = format!("schemas.{position}");
        check_name(&at, &schema.name, seen.insert(schema.name.as_str()), findings);
        check_schema(&at, schema, findings);
        check_tables(&at, config, schema, findings);
        globs::check(&at, schema, findings);
    }
    places::check(config, findings);
}

fn check_single(config: &WarpConfig, findings: &mut Findings<'_>) {
    let names = config.schemas.iter().map(|schema| schema.name.as_str());
    match &config.single_schema_name {
        Some(name) if !names.clone().any(|known| known == name) && !config.schemas.is_empty() => {
            let message = format!("is `{name}`, which is not in `schemas`");
            findings.invalid("single_schema_name", &message, &suggest(name, names));
        }
        None if config.mode == Mode::Single => {
            let all: Vec<&str> = names.collect();
            let help = format!(
                "name one of the schemas ({}), or write `mode: multi` to move all",
                all.join(", ")
            );
            let message = "is missing, and `mode` is single";
            findings.report(Code::MissingKey, "single_schema_name", message, &help);
        }
        _ => {}
    }
}

/// With several schemas a table's name alone may mean more than one table.
fn check_resync(config: &WarpConfig, findings: &mut Findings<'_>) {
    for (message, help) in config.unqualified(&config.full_resync) {
        findings.invalid("full_resync", &message, &help);
    }
}

fn check_schema(at: &str, schema: &SchemaConfig, findings: &mut Findings<'_>) {
    if schema.schedule.is_some() && schema.mode == SyncMode::Stream {
        let help = "write `mode: batch` beside it, or remove the schedule";
        findings.conflict(&format!("{at}.schedule"), "is for `mode: batch` only", help);
    }
    check_polling(
        &format!("{at}.default_polling_interval"),
        Some(schema.default_polling_interval),
        findings,
    );
}

fn check_tables(at: &str, config: &WarpConfig, schema: &SchemaConfig, findings: &mut Findings<'_>) {
    let mut seen = BTreeSet::new();
    for (position, table) in schema.tables.iter().enumerate() {
        let at = format!("{at}.tables.{position}");
        let name = table.name.as_str();
        check_name(&at, name, seen.insert(name), findings);
        let key = format!("{at}.polling_interval_seconds");
        check_polling(&key, table.polling_interval_seconds, findings);
        check_soft_delete(&at, table, &config.settings_in(schema, name), findings);
        columns::check(&at, config, table, findings);
    }
}

/// `settings` are the values that hold for the table, or, of a glob, for what it says alone.
fn check_soft_delete(
    at: &str,
    table: &TableConfig,
    settings: &TableSettings,
    findings: &mut Findings<'_>,
) {
    let strategy = match table.name.is_pattern() {
        // The tables that match may say the rest.
        true => table.deletion_strategy.unwrap_or(DeletionStrategy::Soft),
        false => settings.deletion_strategy,
    };
    for (name, own) in
        SOFT_COLUMNS.into_iter().zip([&table.soft_delete_column, &table.deleted_at_column])
    {
        let Some(own) = own else { continue };
        let key = format!("{at}.{name}");
        columns::check_name(&key, own, findings);
        if strategy == DeletionStrategy::Hard {
            let help = "write `deletion_strategy: soft` beside it, or remove it";
            findings.conflict(&key, "is for `deletion_strategy: soft` only", help);
        }
    }
    let says_one = table.soft_delete_column.is_some() || table.deleted_at_column.is_some();
    if says_one && settings.soft_delete_column == settings.deleted_at_column {
        let help = "give it a name of its own";
        findings.conflict(
            &format!("{at}.{}", SOFT_COLUMNS[1]),
            "is `soft_delete_column`, too",
            help,
        );
    }
}

/// The columns that soft deletes write.
const SOFT_COLUMNS: [&str; 2] = ["soft_delete_column", "deleted_at_column"];

fn check_name(at: &str, name: &str, is_first: bool, findings: &mut Findings<'_>) {
    let key = format!("{at}.name");
    findings.not_empty(&key, name);
    if !is_first {
        let message = format!("is `{name}`, which is in the list already");
        findings.conflict(&key, &message, "keep one of the two entries");
    }
}

fn check_polling(key: &str, interval: Option<Interval>, findings: &mut Findings<'_>) {
    if interval.is_some_and(|interval| interval.duration().is_zero()) {
        let help = "write how long to wait when there is nothing new, such as 250ms";
        findings.invalid(key, "can't be zero, it would ask without pause", help);
    }
}
