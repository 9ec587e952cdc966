//! Names of columns and tables, from what fields and files are called.
//!
//! A name depends on what it is made of alone, so that whoever reads a row puts it into the same
//! column. What no table can have for a name is replaced; nothing else is.

use std::borrow::Cow;

use cartridge_warp_sdk::naming::{NAME_BYTES_MAX, fitting};

/// The name of a column, or of a table, for what is called so.
pub fn column(name: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.len() <= NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(plain)
    {
        return Cow::Borrowed(name);
    }
    let word = name.trim_start_matches('_');
    let underscores = name.len() - word.len();
    // One more underscore keeps such names apart: `_unchanged` is `__unchanged`, and that is
    // `___unchanged`; no name at all is `_`. `_op` and `_ts` themselves are no columns.
    let reserved = match word {
        "" => true,
        "unchanged" => underscores > 0,
        "ts" => underscores > 1,
        _ => false,
    };
    let name = if reserved { Cow::Owned(format!("_{name}")) } else { Cow::Borrowed(name) };
    match name {
        Cow::Borrowed(name) => fitting(name, NAME_BYTES_MAX),
        Cow::Owned(name) => Cow::Owned(fitting(&name, NAME_BYTES_MAX).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use cartridge_warp_sdk::naming::is_name;

    use super::*;

    #[test]
    fn names_stay_where_they_can_and_never_meet() {
        for name in ["a", "a.b", "größe", "with space", "_id", "__op", "_op", "_ts", "x_2"] {
            assert_eq!(column(name), name);
        }
        let long = "n".repeat(600);
        let odd = [
            "",
            "_",
            "__",
            "_unchanged",
            "__unchanged",
            "__ts",
            "a\nb",
            "a\tb",
            "a\0b",
            &long,
            &long[1..],
        ];
        let columns: HashSet<_> = odd.iter().map(|name| column(name)).collect();
        assert_eq!(columns.len(), odd.len());
        for name in columns {
            assert!(is_name(&name), "{name}");
        }
    }
}
