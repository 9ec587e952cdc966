//! Patterns of LIKE as regular expressions.

/// The regular expression of a pattern. Its time grows with the text alone, whatever the pattern (I7).
pub fn expression(pattern: &str) -> String {
    let mut expression = String::from(r"(?s)\A");
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => expression.push_str(".*"),
            '_' => expression.push('.'),
            '\\' => push_plain(&mut expression, chars.next().unwrap_or('\\')),
            c => push_plain(&mut expression, c),
        }
    }
    expression.push_str(r"\z");
    expression
}

fn push_plain(expression: &mut String, c: char) {
    expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}
