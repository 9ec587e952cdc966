//! Words of others made fit for a log, a terminal or an error: without known secrets, without what
//! cannot be seen, and not longer than allowed (I7, I8).
//!
//! "Others" are plugins and whoever names a file or a table. The host's own words pass through as
//! they are.

use std::borrow::Cow;

use super::redaction::redact_prefix;

/// The most that a hidden character takes once it is written out: two `\u` in JSON.
const HIDDEN_BYTES_MAX: usize = 12;

/// One line: everything hidden is written out. `bytes_max` is what it takes in the end, also inside
/// quotes or JSON; the sign of a cut comes on top.
///
/// ```
/// use cartridge_warp::model::text;
/// assert_eq!(text::one_line("two\nlines", 64), "two\\nlines");
/// assert_eq!(text::one_line("longer", 4), "long…");
/// ```
#[must_use]
pub fn one_line(text: &str, bytes_max: usize) -> String {
    bounded(text, bytes_max, |_| false)
}

/// So many things as a person counts them, given what one is called.
///
/// ```
/// use cartridge_warp::model::text;
/// assert_eq!([0, 1, 2].map(|rows| text::counted(rows, "row")), ["0 rows", "1 row", "2 rows"]);
/// ```
#[must_use]
pub fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// Lines for a person: line breaks and tabs stay.
#[must_use]
pub fn lines(text: &str, bytes_max: usize) -> String {
    bounded(text, bytes_max, |c| matches!(c, '\n' | '\t'))
}

/// Everything hidden written out, as `\n` or `\u{1b}`, but for what is to be kept.
#[must_use]
pub fn escaped(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let hidden = |c: char| is_hidden(c) && !keep(c);
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + HIDDEN_BYTES_MAX);
    for c in text.chars() {
        if hidden(c) {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
    }
    Cow::Owned(clean)
}

/// JSON with everything hidden written out, which inside its texts changes nothing.
#[must_use]
pub fn escaped_json(json: String) -> String {
    if !json.contains(is_hidden) {
        return json;
    }
    let mut clean = String::with_capacity(json.len() + HIDDEN_BYTES_MAX);
    for c in json.chars() {
        if is_hidden(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| clean += &format!("\\u{unit:04x}"));
        } else {
            clean.push(c);
        }
    }
    clean
}

/// A text of the same length in bytes, with `?` for each byte of what is hidden but breaks and tabs:
/// places in the text stay right.
#[must_use]
pub fn covered(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) && !matches!(c, '\n' | '\r' | '\t') {
            plain.extend(std::iter::repeat_n('?', c.len_utf8()));
        } else {
            plain.push(c);
        }
    }
    plain
}

/// The beginning of a text that takes at most `bytes_max` bytes once it is escaped and quoted.
#[must_use]
pub fn fitting(text: &str, bytes_max: usize) -> &str {
    // Nothing takes more than twelve times what it is.
    if text.len() <= bytes_max / HIDDEN_BYTES_MAX {
        return text;
    }
    let mut room = bytes_max;
    for (at, c) in text.char_indices() {
        match room.checked_sub(cost(c)) {
            Some(left) => room = left,
            None => return text.get(..at).unwrap_or(text),
        }
    }
    text
}

/// The longest prefix of at most `bytes_max` bytes.
#[must_use]
pub fn prefix(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text)
}

/// True for what a terminal obeys instead of showing, and for what nobody sees.
///
/// Control characters, line and paragraph separators, and what Unicode calls
/// `Default_Ignorable_Code_Point` (`DerivedCoreProperties.txt` of Unicode 16): it has all marks of
/// direction (`Bidi_Control`), zero-width characters, variation selectors and tags; besides, the
/// marks of interlinear notes. The joiners that emoji and some scripts need are among them: such
/// text is shown with its joiners written out, which can be read, and it is stored unchanged.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// True for what a name must not have: it could not be told from another name, or would turn the
/// text around it. Joiners and variation selectors are letters of a name where its script has them.
#[must_use]
pub fn is_unnameable(c: char) -> bool {
    let in_scripts = matches!(c, '\u{34f}' | '\u{180b}'..='\u{180f}' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{e0100}'..='\u{e01ef}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{3164}'
            | '\u{ffa0}' | '\u{ad}');
    is_hidden(c) && !in_scripts
}

fn bounded(text: &str, bytes_max: usize, keep: impl Fn(char) -> bool) -> String {
    let plain = redact_prefix(text, bytes_max);
    let shown = fitting(&plain, bytes_max);
    let is_cut = shown.len() < plain.len() || prefix(text, bytes_max).len() < text.len();
    let mut line = escaped(shown, keep).into_owned();
    if is_cut {
        line.push('…');
    }
    line
}

/// The most bytes that a character becomes in quotes, in JSON or escaped and in quotes.
fn cost(c: char) -> usize {
    match c {
        '"' | '\\' => 2,
        c if is_hidden(c) => HIDDEN_BYTES_MAX,
        c => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The connectors' side goes by the same list.
    #[test]
    fn the_contract_lists_the_characters_that_no_name_has() {
        let contract = include_str!("../../../wit/BATCH-FORMAT.md");
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
    fn text_is_cut_between_characters_and_escaped() {
        let cases = [
            ("a plain line stays", "rows: 3 ü", 64, "rows: 3 ü"),
            ("a cut shows", "abcdef", 3, "abc…"),
            ("no half characters", "aü", 2, "a…"),
            ("breaks are escaped", "a\nb\u{1b}[31m", 64, "a\\nb\\u{1b}[31m"),
            ("C1 controls are shown too", "\u{9b}2J", 64, "\\u{9b}2J"),
            ("text can't be turned around", "a\u{202e}b\u{61c}", 64, "a\\u{202e}b\\u{61c}"),
            ("no line breaks of Unicode's", "a\u{2028}b\u{2029}", 64, "a\\u{2028}b\\u{2029}"),
            ("nothing that nobody sees", "pay\u{200b}pal\u{feff}", 64, "pay\\u{200b}pal\\u{feff}"),
            ("no smuggled tags", "a\u{e0041}", 64, "a\\u{e0041}"),
            ("other scripts stay", "日本語 עברית العربية हिन्दी", 64, "日本語 עברית العربية हिन्दी"),
            ("a joined emoji can be read", "👩\u{200d}🚀", 64, "👩\\u{200d}🚀"),
            ("escapes count as what they take", "\u{1b}\u{1b}\u{1b}", 24, "\\u{1b}\\u{1b}…"),
            ("so do quotes", "\"\"\"", 4, "\"\"…"),
            ("nothing fits", "ü", 1, "…"),
        ];
        for (name, text, bytes_max, expected) in cases {
            assert_eq!(one_line(text, bytes_max), expected, "{name}");
        }
        assert_eq!(lines("a\n\tb\r", 64), "a\n\tb\\r");
    }

    #[test]
    fn no_text_takes_more_than_its_bound_in_json() {
        let all: String = (0..=0x10_ffff_u32).filter_map(char::from_u32).collect();
        for start in (0..all.len()).step_by(4_001) {
            let text = &all[all.floor_char_boundary(start)..];
            let line = serde_json::to_string(&one_line(text, 1_000)).unwrap();
            assert!(line.len() <= 1_000 + 2 + '…'.len_utf8(), "{} from {start}", line.len());
        }
    }

    #[test]
    fn a_name_may_have_what_its_script_needs() {
        for name in ["می\u{200c}خواهم", "क्\u{200d}ष", "❤\u{fe0f}", "größe"] {
            assert!(!name.contains(is_unnameable), "{name}");
        }
        for name in ["a\u{200b}", "\u{202e}a", "a\u{2028}", "a\u{e0041}", "a\0", "\u{feff}a"] {
            assert!(name.contains(is_unnameable), "{}", name.escape_debug());
        }
    }
}
