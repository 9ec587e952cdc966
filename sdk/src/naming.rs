//! Names of tables and columns: which there may be, and what becomes of others.
//!
//! The rule is that of `wit/BATCH-FORMAT.md`. A source that meets a name which is none gives the table or
//! the column another one, or leaves the table out and says so: the host refuses all of a description for
//! one such name in it.

use std::borrow::Cow;

use crate::is_reserved;

/// Bytes of a name at most.
pub const NAME_BYTES_MAX: usize = 512;
/// What [`fitting`] puts behind the beginning of a name: `_` and sixteen digits.
const HASH_BYTES: usize = 17;

/// Whether a character is in no name: it could not be told from another or from nothing, or would turn
/// the text around it. Joiners and variation selectors are letters where their script has them.
pub fn is_unnameable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e00ff}'
            | '\u{e01f0}'..='\u{e0fff}')
}

/// Whether a table or a column can be called so.
///
/// ```
/// use cartridge_warp_sdk::naming::is_name;
///
/// assert!(is_name("größe") && is_name("with space"));
/// assert!(!is_name("") && !is_name("two\nlines") && !is_name(&"n".repeat(513)));
/// ```
pub fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(is_unnameable)
}

/// The name itself where it has at most `bytes_max` bytes and can be one, but for no name at all. Else its
/// beginning, with `_` for what no name has, and a hash of all of it: so it depends on nothing else, and
/// different names stay different.
///
/// ```
/// use cartridge_warp_sdk::naming::fitting;
///
/// assert_eq!(fitting("note", 63), "note");
/// assert_eq!(fitting("two\nlines", 63), "two_lines_3f71c637cfaf74f0");
/// ```
pub fn fitting(name: &str, bytes_max: usize) -> Cow<'_, str> {
    if name.len() <= bytes_max && !name.chars().any(is_unnameable) {
        return Cow::Borrowed(name);
    }
    let room = bytes_max.saturating_sub(HASH_BYTES);
    let shown = name.chars().map(|c| if is_unnameable(c) { '_' } else { c });
    let clean: String = shown.take(room).collect();
    let start = &clean[..clean.floor_char_boundary(room)];
    Cow::Owned(format!("{start}_{:016x}", fnv1a(name.as_bytes())))
}

/// The name of a column for what a source calls so: mostly the same. It depends on the source's name
/// alone, and two names never become one.
///
/// A reserved name gets an underscore in front, and so does one that looks like it already did; the rest
/// is [`fitting`], and no name at all becomes a hash.
///
/// ```
/// use cartridge_warp_sdk::naming::column_name;
///
/// assert_eq!(column_name("price"), "price");
/// assert_eq!((column_name("_op"), column_name("__op")), ("__op".into(), "___op".into()));
/// ```
pub fn column_name(name: &str) -> Cow<'_, str> {
    let word = name.trim_start_matches('_');
    if word.len() < name.len() && is_reserved(&format!("_{word}")) {
        return Cow::Owned(fitting(&format!("_{name}"), NAME_BYTES_MAX).into_owned());
    }
    match name {
        "" => Cow::Owned(format!("_{:016x}", fnv1a(b""))),
        name => fitting(name, NAME_BYTES_MAX),
    }
}

/// 64-bit FNV-1a: tells names and files apart, guards nothing.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_lists_the_characters_that_no_name_has() {
        let contract = include_str!("../wit/BATCH-FORMAT.md");
        let (_, list) = contract.split_once("```names\n").unwrap();
        let (list, _) = list.split_once("```").unwrap();
        let number = |digits: &str| u32::from_str_radix(digits, 16).unwrap();
        let ranges: Vec<(u32, u32)> = list
            .split_whitespace()
            .map(|range| range.split_once('-').unwrap_or((range, range)))
            .map(|(from, to)| (number(from), number(to)))
            .collect();
        for c in '\0'..=char::MAX {
            let listed = ranges.iter().any(|(from, to)| (*from..=*to).contains(&u32::from(c)));
            assert_eq!(is_unnameable(c), listed, "{c:?}");
        }
    }

    #[test]
    fn names_that_were_fitted_never_meet_and_are_names() {
        let long = "n".repeat(600);
        let names = ["a\nb", "a\tb", "a\0b", "a\u{200b}b", "a\u{feff}b", &long, &long[1..]];
        for bytes_max in [63, NAME_BYTES_MAX] {
            let mut fitted: Vec<_> = names.iter().map(|name| fitting(name, bytes_max)).collect();
            assert!(fitted.iter().all(|name| is_name(name) && name.len() <= bytes_max));
            fitted.sort();
            fitted.dedup();
            assert_eq!(fitted.len(), names.len());
        }
        assert_eq!(fitting(&"ü".repeat(300), 63).len(), 46 + HASH_BYTES);
    }

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
