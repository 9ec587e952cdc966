//! What a column may be called.

use std::borrow::Cow;

use super::is_reserved;

/// Bytes of a name that are kept where it has to be replaced, before `_` and sixteen digits.
const KEPT_BYTES_MAX: usize = 495;
/// The host takes no longer name.
const NAME_BYTES_MAX: usize = 512;

/// The name of a column for what a source calls so: mostly the same. It depends on the source's name
/// alone, and two names never become one.
///
/// A reserved name gets an underscore in front, and so does one that looks like it already did; what no
/// table can have for a name is replaced by what can be seen of it and a hash.
///
/// ```
/// use cartridge_warp_sdk::column_name;
///
/// assert_eq!(column_name("price"), "price");
/// assert_eq!((column_name("_op"), column_name("__op")), ("__op".into(), "___op".into()));
/// ```
pub fn column_name(name: &str) -> Cow<'_, str> {
    let word = name.trim_start_matches('_');
    let is_escaped = word.len() < name.len() && is_reserved(&format!("_{word}"));
    let name = if is_escaped { Cow::Owned(format!("_{name}")) } else { Cow::Borrowed(name) };
    let is_plain =
        !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(is_unnameable);
    if is_plain { name } else { Cow::Owned(replaced(&name)) }
}

fn replaced(name: &str) -> String {
    let seen: String = name.chars().map(|c| if is_unnameable(c) { '_' } else { c }).collect();
    let start = &seen[..seen.floor_char_boundary(KEPT_BYTES_MAX)];
    format!("{start}_{:016x}", fnv1a(name.as_bytes()))
}

/// Control characters, and what reorders or hides text.
fn is_unnameable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e00ff}'
            | '\u{e01f0}'..='\u{e0fff}')
}

/// FNV-1a: tells names apart, guards nothing.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_names_stay_different_and_no_name_is_reserved() {
        let names = [
            "a",
            "_op",
            "__op",
            "___op",
            "_ts",
            "__ts",
            "_unchanged",
            "op",
            "_other",
            "a\nb",
            "a\tb",
            "a_b",
            "",
            "_",
            "\u{202e}x",
            "\u{200b}x",
        ];
        let long = ["ä".repeat(300), format!("{}b", "ä".repeat(300))];
        let names: Vec<&str> = names.into_iter().chain(long.iter().map(String::as_str)).collect();
        let mut columns: Vec<_> = names.iter().map(|name| column_name(name)).collect();
        for (name, column) in names.iter().zip(&columns) {
            assert!(!is_reserved(column) && !column.is_empty(), "{name:?}: {column}");
            assert!(column.len() <= NAME_BYTES_MAX, "{name:?}: {column}");
            assert!(!column.chars().any(is_unnameable), "{name:?}: {column:?}");
        }
        columns.sort_unstable();
        columns.dedup();
        assert_eq!(columns.len(), names.len());
    }
}
