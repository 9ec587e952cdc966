//! Directory names for tables and schemas of any name, and column names that readers would mistake.

use cartridge_warp_sdk::Column;

use crate::options::PartitionBy;
use crate::row_facts::SEQUENCE;

/// Letters, digits, `-` and `.` stay; anything else, and a first `_` or `.`, becomes `%xx`. So a
/// name never leaves its directory and never meets the connector's own.
pub(crate) fn directory_name(name: &str) -> String {
    let mut out = String::new();
    for (at, byte) in name.bytes().enumerate() {
        let plain =
            byte.is_ascii_alphanumeric() || byte == b'-' || at > 0 && matches!(byte, b'_' | b'.');
        if plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02x}"));
        }
    }
    out
}

/// Why a table cannot be kept because of one of its columns: readers would find another in its place.
/// Upper and lower case are one to some.
pub(crate) fn refused_column(columns: &[Column], by: PartitionBy) -> Option<String> {
    let own = || by.columns().iter().chain([&SEQUENCE]);
    let column =
        columns.iter().find(|column| own().any(|own| own.eq_ignore_ascii_case(&column.name)))?;
    Some(format!(
        "its column {} is called like one that the files have for themselves; give it another name \
         (columns.rename)",
        column.name
    ))
}

#[cfg(test)]
mod tests {
    use cartridge_warp_sdk::ColumnType;

    use super::*;

    #[test]
    fn columns_of_our_own_are_refused_where_there_are_such() {
        for (name, by, is_refused) in [
            ("_seq", PartitionBy::None, true),
            ("_SEQ", PartitionBy::None, true),
            ("seq", PartitionBy::None, false),
            ("_date", PartitionBy::None, false),
            ("_date", PartitionBy::Day, true),
            ("_hour", PartitionBy::Day, false),
            ("_hour", PartitionBy::Hour, true),
            ("_month", PartitionBy::Month, true),
        ] {
            let columns =
                [Column::new("id", ColumnType::BigInt), Column::new(name, ColumnType::BigInt)];
            assert_eq!(refused_column(&columns, by).is_some(), is_refused, "{name} {by:?}");
        }
    }

    #[test]
    fn names_stay_in_their_directory() {
        for (name, directory) in [
            ("orders_2024.v1", "orders_2024.v1"),
            ("../x", "%2e.%2fx"),
            ("_cartridge", "%5fcartridge"),
            ("a b/ü", "a%20b%2f%c3%bc"),
        ] {
            assert_eq!(directory_name(name), directory);
        }
    }
}
