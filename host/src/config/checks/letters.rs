//! Checks of what becomes of dead letters.

use super::Findings;
use crate::config::{DeadLetterLimit, WarpConfig};

/// A limit of what is never kept would say nothing.
pub(super) fn check(config: &WarpConfig, findings: &mut Findings<'_>) {
    if config.error_handling.dead_letter_queue {
        return;
    }
    let mut limits = Vec::new();
    let mut add = |at: String, limit: Option<DeadLetterLimit>| {
        limits.extend(limit.map(|_| format!("{at}.dead_letter_limit")));
    };
    add("error_handling".to_owned(), config.error_handling.dead_letter_limit);
    for (position, schema) in config.schemas.iter().enumerate() {
        let at = format!("schemas.{position}");
        for (position, table) in schema.tables.iter().enumerate() {
            add(format!("{at}.tables.{position}"), table.dead_letter_limit);
        }
        add(at, schema.dead_letter_limit);
    }
    for limit in limits {
        let message = "counts dead letters, and `error_handling.dead_letter_queue` is false";
        let help = "remove the limit: the first row that is refused stops its table already; or set \
                    `error_handling.dead_letter_queue: true`";
        findings.conflict(&limit, message, help);
    }
}
