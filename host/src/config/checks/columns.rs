//! Checks of the rules for columns, as far as they need no table.

use std::collections::BTreeSet;

use super::Findings;
use crate::config::{AddedColumn, Columns, Mask, RowFact, TableConfig, WarpConfig};
use crate::model::{batch::is_reserved, text::is_unnameable};

/// Longest name of a column, in bytes: as of a connector's.
const NAME_BYTES_MAX: usize = 512;

/// A text that is added stands in each row of a batch.
const TEXT_BYTES_MAX: usize = 1000;

/// Checks the rules of one entry of the list, whose key is `at`.
pub(super) fn check(
    at: &str,
    config: &WarpConfig,
    table: &TableConfig,
    findings: &mut Findings<'_>,
) {
    let (at, columns) = (format!("{at}.columns"), &table.columns);
    if !columns.include.is_empty() && !columns.exclude.is_empty() {
        let help = "keep one of the two: `include` names all that is moved";
        findings.conflict(&format!("{at}.exclude"), "can't stand beside `include`", help);
    }
    check_moved(&at, columns, findings);
    check_masks(&at, config, columns, findings);
    check_renames(&at, columns, findings);
    for (name, added) in &columns.add {
        let key = format!("{at}.add.{name}");
        check_added_name(&key, name, columns, findings);
        if matches!(added, AddedColumn::Text(text) if text.len() > TEXT_BYTES_MAX) {
            let message = format!("is longer than {TEXT_BYTES_MAX} bytes, in each row");
            findings.invalid(&key, &message, "write a short word");
        }
        let is_nameless = *added == AddedColumn::From { from: RowFact::Pipeline };
        if is_nameless && config.name.is_none() {
            let help = "give the pipeline a `name` at the root of the file";
            findings.conflict(&key, "takes the pipeline's name, and it has none", help);
        }
    }
}

/// What does not travel has no form.
fn check_moved(at: &str, columns: &Columns, findings: &mut Findings<'_>) {
    let is_dropped = |name: &str| {
        columns.exclude.contains(name)
            || (!columns.include.is_empty() && !columns.include.contains(name))
    };
    let formed = columns.named().filter(|(key, _)| !["include", "exclude"].contains(key));
    for (key, name) in formed.filter(|(_, name)| is_dropped(name)) {
        let message = format!("names `{name}`, which is not moved");
        let help = "remove it here, or move the column";
        findings.conflict(&format!("{at}.{key}"), &message, help);
    }
}

fn check_masks(at: &str, config: &WarpConfig, columns: &Columns, findings: &mut Findings<'_>) {
    let has_key = config.hash_key.is_some() || config.hash_key_file.is_some();
    for (name, mask) in &columns.mask {
        if *mask == Mask::Hash && !has_key {
            let help = "give the root of the file a `hash_key`, as `${HASH_KEY}` (a secret, such as \
                        `openssl rand -hex 32` makes), or write `hash-unkeyed` here for a plain \
                        SHA-256, which whoever guesses a value can check";
            let key = format!("{at}.mask.{name}");
            findings.conflict(&key, "is `hash`, and there is no `hash_key`", help);
        }
        if columns.types.contains_key(name) {
            let help = "keep one of the two: a masked value has no type of its own";
            findings.conflict(&format!("{at}.types.{name}"), "is a masked column", help);
        }
    }
}

fn check_renames(at: &str, columns: &Columns, findings: &mut Findings<'_>) {
    let mut targets = BTreeSet::new();
    for (name, target) in &columns.rename {
        check_name(&format!("{at}.rename.{name}"), target, findings);
        if !targets.insert(target) {
            let message = format!("gives two columns the name `{target}`");
            findings.conflict(&format!("{at}.rename"), &message, "give each a name of its own");
        }
    }
}

fn check_added_name(key: &str, name: &str, columns: &Columns, findings: &mut Findings<'_>) {
    check_name(key, name, findings);
    if columns.rename.values().any(|target| target == name) {
        findings.conflict(key, "is the name of a renamed column", "give one of them another name");
    }
}

/// Whether a name that the configuration gives can be a column's. How long they may be besides, only the
/// destination knows.
pub(super) fn check_name(key: &str, name: &str, findings: &mut Findings<'_>) {
    let is_long = name.trim().is_empty() || name.len() > NAME_BYTES_MAX;
    if is_long || name.chars().any(is_unnameable) || is_reserved(name) {
        let help = format!(
            "write 1 to {NAME_BYTES_MAX} bytes of visible text; `_op`, `_ts` and `_unchanged` are \
             the batch format's"
        );
        findings.invalid(key, "is no name of a column", &help);
    }
}
