//! The keys of the contract that this release does not implement yet.
//!
//! A key that would be accepted and ignored is worse than an error, so these are refused when
//! present, and missing from `env-help` and `validate`. Implementing one means deleting its row.

use super::path::KeyPath;

/// Path (`*` is any one step) and why.
const ROWS: &[(&str, &str)] = &[
    ("schemas.*.tables.*.mode", "a table runs in its schema's mode"),
    (
        "schema_evolution.detection_interval_seconds",
        "changes are seen when a source announces them",
    ),
    (
        "schema_evolution.max_data_loss_percentage",
        "no change of shape loses values: one that no longer fits its column is a dead letter, of which \
         `dead_letter_limit` lets so many be, or such a share",
    ),
    ("schema_evolution.migration_timeout_seconds", "a change is bound by `limits.call_deadline`"),
    (
        "schema_evolution.enable_type_narrowing",
        "columns are never narrowed: a destination is not asked whether all of its rows would fit, and the \
         wider column holds whatever may still come",
    ),
];

/// Why the key at this path is refused; `None` where it is not.
pub(super) fn reason(path: &KeyPath) -> Option<&'static str> {
    ROWS.iter().find(|(pattern, _)| path.has_form(pattern)).map(|(_, reason)| *reason)
}
