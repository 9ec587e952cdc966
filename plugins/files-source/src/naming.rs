//! Names of columns and tables, from what fields and files are called.
//!
//! A name depends on what it is made of alone, so that whoever reads a row puts it into the same
//! column. What no table can have for a name is replaced; nothing else is.

use std::borrow::Cow;

/// Bytes of a name; the host takes no longer one.
const NAME_BYTES_MAX: usize = 512;
/// What is kept of a longer one, before `_` and sixteen digits.
const CUT_BYTES_MAX: usize = NAME_BYTES_MAX - 17;

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
    let plain = name.len() <= NAME_BYTES_MAX && !name.chars().any(is_unnameable);
    if plain { name } else { Cow::Owned(replaced(&name)) }
}

/// The beginning of a name, what cannot be shown left out, and a hash of all of it.
fn replaced(name: &str) -> String {
    let clean: String =
        name.chars().map(|c| if is_unnameable(c) { '_' } else { c }).take(CUT_BYTES_MAX).collect();
    let start = &clean[..clean.floor_char_boundary(CUT_BYTES_MAX)];
    format!("{start}_{:016x}", fnv1a(name.as_bytes()))
}

/// Control characters, and what reorders or hides text: the host refuses them in names.
fn is_unnameable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e00ff}'
            | '\u{e01f0}'..='\u{e0fff}')
}

/// FNV-1a: tells names and files apart, guards nothing.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

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
            assert!(!name.chars().any(is_unnameable) && name.len() <= NAME_BYTES_MAX, "{name}");
        }
    }
}
