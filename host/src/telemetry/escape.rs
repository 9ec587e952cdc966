//! Text that cannot command a terminal.

/// The text with control characters and direction overrides written out, as `\n` or `\u{1b}`.
pub(super) fn escaped(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            char if is_unsafe(char) => clean.extend(char.escape_default()),
            char => clean.push(char),
        }
    }
    clean
}

/// True for what a terminal obeys instead of showing: controls, and marks that turn text around.
pub(super) fn is_unsafe(char: char) -> bool {
    let turns =
        matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    char.is_control() || turns
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_that_moves_a_cursor_survives() {
        let cases = [
            ("plain text stays as it is", "größe 10 €", "größe 10 €"),
            ("a line break cannot fake a second line", "a\nERROR b", "a\\nERROR b"),
            ("an escape sequence is shown, not obeyed", "\u{1b}[31m", "\\u{1b}[31m"),
            ("C1 controls are shown too", "\u{9b}2J", "\\u{9b}2J"),
            ("text cannot be turned around", "a\u{202e}b", "a\\u{202e}b"),
        ];
        for (name, text, expected) in cases {
            assert_eq!(escaped(text), expected, "{name}");
        }
    }
}
