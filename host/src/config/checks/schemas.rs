//! Checks of the list of schemas and their tables.

use std::collections::BTreeSet;

use super::{Findings, places};
use crate::config::nearest::suggest;
use crate::config::{
    Code, Columns, DeletionStrategy, Interval, Mode, SchemaConfig, SyncMode, TableConfig,
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
    if config.mode == Mode::Single {
        return;
    }
    for name in config.full_resync.named().iter().filter(|name| config.schema_of(name).is_none()) {
        let message = format!("names `{name}` without its schema, and `mode` is multi");
        let schemas: Vec<&str> = config.schemas.iter().map(|schema| schema.name.as_str()).collect();
        let help = format!("write SCHEMA.{name} with one of {}", schemas.join(", "));
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
    let mut seen = BTreeSet::new();
    for (position, table) in schema.tables.iter().enumerate() {
        let at = format!("{at}.tables.{position}");
        check_name(&at, &table.name, seen.insert(table.name.as_str()), findings);
        check_table(&at, table, findings);
    }
}

fn check_table(at: &str, table: &TableConfig, findings: &mut Findings<'_>) {
    let key = format!("{at}.polling_interval_seconds");
    check_polling(&key, table.polling_interval_seconds, findings);
    check_soft_delete(at, table, findings);
    check_columns(&format!("{at}.columns"), &table.columns, findings);
}

fn check_soft_delete(at: &str, table: &TableConfig, findings: &mut Findings<'_>) {
    let default = TableConfig::new(&table.name);
    let (own, default) = (
        [&table.soft_delete_column, &table.deleted_at_column],
        [default.soft_delete_column, default.deleted_at_column],
    );
    for ((name, own), default) in SOFT_COLUMNS.into_iter().zip(own).zip(&default) {
        let key = format!("{at}.{name}");
        findings.not_empty(&key, own);
        if table.deletion_strategy == DeletionStrategy::Hard && own != default {
            let help = "write `deletion_strategy: soft` beside it, or remove it";
            findings.conflict(&key, "is for `deletion_strategy: soft` only", help);
        }
    }
    if own[0] == own[1] {
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

fn check_columns(at: &str, columns: &Columns, findings: &mut Findings<'_>) {
    if !columns.include.is_empty() && !columns.exclude.is_empty() {
        let help = "keep one of the two: `include` names all that is moved";
        findings.conflict(&format!("{at}.exclude"), "can't stand beside `include`", help);
    }
    let is_dropped = |name: &str| {
        columns.exclude.contains(name)
            || (!columns.include.is_empty() && !columns.include.contains(name))
    };
    let masked = columns.mask.keys().map(|name| ("mask", name));
    let renamed = columns.rename.keys().map(|name| ("rename", name));
    for (key, name) in masked.chain(renamed).filter(|(_, name)| is_dropped(name)) {
        let message = format!("names `{name}`, which is not moved");
        let help = "remove it here, or move the column";
        findings.conflict(&format!("{at}.{key}"), &message, help);
    }
    let mut targets = BTreeSet::new();
    for (name, target) in &columns.rename {
        findings.not_empty(&format!("{at}.rename.{name}"), target);
        if !targets.insert(target) {
            let message = format!("gives two columns the name `{target}`");
            findings.conflict(&format!("{at}.rename"), &message, "give each a name of its own");
        }
    }
}
