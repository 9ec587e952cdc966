//! Text from guests: without known secrets, cut to a length, control characters escaped (I7, I8).

use crate::model::redaction::redact_prefix;

/// One line for logs and words: every control character is escaped.
pub(super) fn one_line(text: &str, bytes_max: usize) -> String {
    escaped(text, bytes_max, |_| false)
}

/// Lines for a person: line breaks and tabs stay.
pub(super) fn lines(text: &str, bytes_max: usize) -> String {
    escaped(text, bytes_max, |c| matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, bytes_max: usize, keep: impl Fn(char) -> bool) -> String {
    let cut = redact_prefix(text, bytes_max);
    let mut result = String::with_capacity(cut.len());
    for c in cut.chars() {
        if is_unprintable(c) && !keep(c) {
            result.extend(c.escape_default());
        } else {
            result.push(c);
        }
    }
    if prefix(text, bytes_max).len() < text.len() {
        result.push('…');
    }
    result
}

/// Control characters, and those that reorder or hide what a terminal shows.
pub(super) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The longest prefix of at most `bytes_max` bytes.
pub(super) fn prefix(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters_and_escaped() {
        let cases = [
            ("a plain line stays", "rows: 3 ü", 64, "rows: 3 ü"),
            ("a cut shows", "abcdef", 3, "abc…"),
            ("no half characters", "aü", 2, "a…"),
            ("breaks are escaped", "a\nb\u{1b}[31m", 64, "a\\nb\\u{1b}[31m"),
            ("text can't be turned around", "a\u{202e}b", 64, "a\\u{202e}b"),
            ("nothing fits", "ü", 1, "…"),
        ];
        for (name, text, bytes_max, expected) in cases {
            assert_eq!(one_line(text, bytes_max), expected, "{name}");
        }
        assert_eq!(lines("a\n\tb\r", 64), "a\n\tb\\r");
    }
}
