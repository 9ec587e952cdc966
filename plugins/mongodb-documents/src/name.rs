//! From the name of a field to the name of a column.
//!
//! The column's name depends on the field's alone, never on which fields were seen before: instances
//! that read different documents must put the same field into the same column. Names that no
//! destination minds stay as they are, dots, dollars and capitals included.
//!
//! Two fields of different names never get one column by these rules, except by a collision of 64
//! bits of hash or of flattened paths (`a.b` and `a_b`); the shape refuses those when it meets them.

use std::borrow::Cow;

use cartridge_warp_sdk::naming::fitting;

/// Bytes of a column's name; PostgreSQL cuts longer ones.
const NAME_BYTES_MAX: usize = 63;

/// Words that no column is called, nor with underscores in front: nothing at all, and PostgreSQL's
/// system columns.
const RESERVED: [&str; 7] = ["", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"];
/// Words that no column is called with underscores in front: columns of the batch format, and the
/// key.
const RESERVED_BEHIND_UNDERSCORE: [&str; 4] = ["op", "ts", "unchanged", "id"];
/// Begins the names of columns that destinations add, behind an underscore.
const RESERVED_PREFIX: &str = "cartridge_";

/// The name of a column for a top-level field, or for a path of fields joined by `_`.
pub(crate) fn column(name: &str) -> Cow<'_, str> {
    // One more underscore keeps such names apart: `_op` is `__op`, and `__op` is `___op`.
    let name = match is_reserved(name) {
        true => Cow::Owned(format!("_{name}")),
        false => Cow::Borrowed(name),
    };
    match name {
        Cow::Borrowed(name) => fitting(name, NAME_BYTES_MAX),
        Cow::Owned(name) => Cow::Owned(fitting(&name, NAME_BYTES_MAX).into_owned()),
    }
}

fn is_reserved(name: &str) -> bool {
    let word = name.trim_start_matches('_');
    let behind_underscore = word.len() < name.len();
    RESERVED.contains(&word)
        || behind_underscore
            && (RESERVED_BEHIND_UNDERSCORE.contains(&word) || word.starts_with(RESERVED_PREFIX))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cartridge_warp_sdk::naming::is_name;

    use super::*;

    #[test]
    fn names_stay_where_they_can() {
        for name in
            ["name", "Name", "a.b", "$set", "größe", "with space", "op", "__v", "id", "_class"]
        {
            assert_eq!(column(name), name);
        }
        for (name, expect) in [
            ("", "_"),
            ("_", "__"),
            ("_op", "__op"),
            ("__op", "___op"),
            ("_ts", "__ts"),
            ("_unchanged", "__unchanged"),
            ("_cartridge_version", "__cartridge_version"),
            ("__cartridge_version", "___cartridge_version"),
            ("xmin", "_xmin"),
            ("_xmin", "__xmin"),
            ("__id", "___id"),
        ] {
            assert_eq!(column(name), expect);
        }
    }

    #[test]
    fn no_two_names_meet() {
        let long = "n".repeat(100);
        let names = [
            "",
            "_",
            "__",
            "_op",
            "__op",
            "___op",
            "a\nb",
            "a_b",
            "a\tb",
            "a\u{200b}b",
            "a\u{feff}b",
            "a\u{2028}b",
            "a\u{61c}b",
            "a\u{e0001}b",
            &long,
            &long[1..],
            &"ü".repeat(40),
            &"ü".repeat(41),
            "xmin",
            "_xmin",
            "_cartridge_x",
            "__cartridge_x",
        ];
        let columns: BTreeSet<String> =
            names.iter().map(|name| column(name).into_owned()).collect();
        assert_eq!(columns.len(), names.len());
        for column in columns {
            assert!(is_name(&column) && column.len() <= NAME_BYTES_MAX, "{column}");
        }
    }
}
