//! What both formats say of a row beside its values.

use cartridge_warp_sdk::{Failure, TableRows, Value};

/// The columns of every file that are not the table's; `_op`, `_ts` and `_unchanged` are no name of a
/// column anywhere.
pub(crate) const SEQUENCE: &str = "_seq";

/// Rows of one commit at most, so that numbers of two commits never meet.
const ROWS_OF_A_COMMIT_MAX: u64 = 10_000_000;

/// The commit time in the source.
pub(crate) fn timestamp(rows: &TableRows, row: usize) -> Option<String> {
    rows.timestamp(row).map(|micros| Value::TimestampTz(micros).to_string())
}

/// The columns that the source did not send, as a JSON list; none if it sent all.
pub(crate) fn unchanged(rows: &TableRows, row: usize) -> Option<String> {
    let columns = rows.columns().iter().enumerate();
    let names: Vec<serde_json::Value> = columns
        .filter(|(at, _)| rows.is_unchanged(row, *at))
        .map(|(_, column)| column.name.clone().into())
        .collect();
    (!names.is_empty()).then(|| serde_json::Value::Array(names).to_string())
}

/// The number of the first of some rows in the order of the log, in which commits come one after the
/// other and `before` rows of the same commit come first; the others' follow.
pub(crate) fn first_sequence(commit: u64, before: u64, rows: u64) -> Result<i64, Failure> {
    let first =
        commit.checked_mul(ROWS_OF_A_COMMIT_MAX).and_then(|first| first.checked_add(before));
    let first = first.filter(|_| before.saturating_add(rows) <= ROWS_OF_A_COMMIT_MAX);
    first.and_then(|first| i64::try_from(first).ok()).ok_or_else(|| {
        let message = format!(
            "commit {commit} has more rows than {ROWS_OF_A_COMMIT_MAX}, or comes \
                               after more commits than can be numbered; use smaller batches"
        );
        Failure::stop("too-many-rows", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_rows_grow_and_never_meet_those_of_the_next_commit() {
        assert_eq!(first_sequence(7, 3, 10).unwrap(), 70_000_003);
        assert_eq!(first_sequence(7, 9_999_999, 1).unwrap() + 1, first_sequence(8, 0, 1).unwrap());
        assert_eq!(first_sequence(7, 9_999_999, 2).unwrap_err().code, "too-many-rows");
        assert_eq!(first_sequence(u64::MAX, 0, 1).unwrap_err().code, "too-many-rows");
    }
}
