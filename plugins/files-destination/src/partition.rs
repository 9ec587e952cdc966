//! In which folder of its table a row lies: by the source's commit time, in Hive's form.
//!
//! A folder's name is `column=value`, and no table's name has an equals sign there.

use std::collections::BTreeMap;
use std::ops::Range;

use cartridge_warp_sdk::{TableRows, Value};

use crate::options::PartitionBy;

/// What readers take for no value: rows of a first copy, whose commit time the source does not know.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";
const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// Rows in order, by their folder.
pub(crate) type Folders = BTreeMap<String, Vec<Range<usize>>>;

/// Which rows go where; one folder without a name where there are none.
pub(crate) fn split(rows: &TableRows, by: PartitionBy) -> Folders {
    if by == PartitionBy::None {
        let all = 0..rows.len();
        return [(String::new(), vec![all])].into();
    }
    let mut folders = Folders::new();
    let hour = |row: usize| rows.timestamp(row).map(|at| at.div_euclid(MICROS_PER_HOUR));
    let mut start = 0;
    for end in 1..=rows.len() {
        if end == rows.len() || hour(end) != hour(start) {
            let ranges = folders.entry(folder(by, rows.timestamp(start))).or_default();
            match ranges.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => ranges.push(start..end),
            }
            start = end;
        }
    }
    folders
}

/// The folder of a commit time in microseconds since 1970 UTC.
fn folder(by: PartitionBy, micros: Option<i64>) -> String {
    let text = micros.map(|micros| Value::TimestampTz(micros).to_string());
    let (day, hour) = text.as_deref().and_then(day_and_hour).unwrap_or((NO_VALUE, NO_VALUE));
    let month = if day == NO_VALUE { day } else { &day[..7] };
    match by {
        PartitionBy::None => String::new(),
        PartitionBy::Month => format!("_month={month}"),
        PartitionBy::Day => format!("_date={day}"),
        PartitionBy::Hour => format!("_date={day}/_hour={hour}"),
    }
}

/// `2026-11-29` and `05` of a time; nothing of one outside the years that dates of four digits have.
fn day_and_hour(text: &str) -> Option<(&str, &str)> {
    let (day, time) = text.split_once('T')?;
    (day.len() == 10 && day.as_bytes()[4] == b'-').then_some((day, time.get(..2)?))
}

/// Whether a folder's name is one of a partition.
pub(crate) fn is_folder(name: &str) -> bool {
    name.contains('=')
}

/// The table's folder that a file lies in, or a part of.
pub(crate) fn table_folder(path: &str) -> &str {
    let mut folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    while let Some((outer, _)) = folder.rsplit_once('/').filter(|(_, name)| is_folder(name)) {
        folder = outer;
    }
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_its_folder_in_utc() {
        let moment = 1_795_928_399_999_999; // 2026-11-29T04:59:59.999999Z
        for (by, at, expected) in [
            (PartitionBy::None, Some(moment), ""),
            (PartitionBy::Month, Some(moment), "_month=2026-11"),
            (PartitionBy::Day, Some(moment), "_date=2026-11-29"),
            (PartitionBy::Hour, Some(moment), "_date=2026-11-29/_hour=04"),
            (PartitionBy::Hour, Some(moment + 1), "_date=2026-11-29/_hour=05"),
            (PartitionBy::Day, Some(-1), "_date=1969-12-31"),
            (PartitionBy::Day, None, "_date=__HIVE_DEFAULT_PARTITION__"),
            (PartitionBy::Day, Some(i64::MAX), "_date=__HIVE_DEFAULT_PARTITION__"),
            (PartitionBy::Month, Some(i64::MIN), "_month=__HIVE_DEFAULT_PARTITION__"),
            (
                PartitionBy::Hour,
                None,
                "_date=__HIVE_DEFAULT_PARTITION__/_hour=__HIVE_DEFAULT_PARTITION__",
            ),
        ] {
            assert_eq!(folder(by, at), expected, "{by:?} {at:?}");
        }
    }

    #[test]
    fn a_table_keeps_its_folder_whatever_the_partition() {
        for (path, expected) in [
            ("orders/part-1.parquet", "orders"),
            ("orders/_date=2026-11-29/part-1.parquet", "orders"),
            ("orders/_date=2026-11-29/_hour=05/part-1.parquet", "orders"),
            ("../all/sales/_date=x/part-1.parquet", "../all/sales"),
            ("_cartridge/part-1.ndjson", "_cartridge"),
        ] {
            assert_eq!(table_folder(path), expected);
        }
    }
}
