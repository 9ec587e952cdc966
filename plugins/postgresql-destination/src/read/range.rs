//! Ranges, `empty` or `[1,5)` or `(,"2024-05-01 12:00:00")`, and multiranges, `{[1,3),[5,9)}`.

use super::Read;
use crate::binary::sized;

const EMPTY: u8 = 0x01;
const LOWER_INCLUSIVE: u8 = 0x02;
const UPPER_INCLUSIVE: u8 = 0x04;
const LOWER_INFINITE: u8 = 0x08;
const UPPER_INFINITE: u8 = 0x10;

/// The type of the bounds, and whether there are several ranges; none where it is no type of ranges.
pub(super) fn bound(bare: &str) -> Option<(&'static str, bool)> {
    let (stem, is_several) = match bare.strip_suffix("multirange") {
        Some(stem) => (stem, true),
        None => (bare.strip_suffix("range")?, false),
    };
    let bound = match stem {
        "int4" => "integer",
        "int8" => "bigint",
        "num" => "numeric",
        "date" => "date",
        "ts" => "timestamp without time zone",
        "tstz" => "timestamp with time zone",
        _ => return None,
    };
    Some((bound, is_several))
}

/// Writes one range.
pub(super) fn read(text: &str, bound: Read, out: &mut Vec<u8>) -> Option<()> {
    one(text, bound, out)?.is_empty().then_some(())
}

/// Writes all ranges between braces.
pub(super) fn read_several(text: &str, bound: Read, out: &mut Vec<u8>) -> Option<()> {
    let begin = out.len();
    out.extend_from_slice(&[0; 4]);
    let (mut rest, mut count) = (text.strip_prefix('{')?, 0_u32);
    while rest != "}" {
        if count > 0 {
            rest = rest.strip_prefix(',')?;
        }
        sized(out, |out| one(rest, bound, out).map(|left| rest = left))?;
        count += 1;
    }
    out[begin..begin + 4].copy_from_slice(&count.to_be_bytes());
    Some(())
}

/// Writes the range that the text begins with; what is behind it.
fn one<'t>(text: &'t str, bound: Read, out: &mut Vec<u8>) -> Option<&'t str> {
    if let Some(rest) = text.strip_prefix("empty") {
        out.push(EMPTY);
        return Some(rest);
    }
    let at = out.len();
    out.push(0);
    let (is_lower_in, rest) = inclusive(text, ['[', '('])?;
    let (lower, rest) = word(rest)?;
    let (upper, rest) = word(rest.strip_prefix(',')?)?;
    let (is_upper_in, rest) = inclusive(rest, [']', ')'])?;
    let ends = [
        (lower, is_lower_in, LOWER_INCLUSIVE, LOWER_INFINITE),
        (upper, is_upper_in, UPPER_INCLUSIVE, UPPER_INFINITE),
    ];
    for (end, is_in, inclusive, infinite) in ends {
        match end {
            // What has no end does not include it.
            None if is_in => return None,
            None => out[at] |= infinite,
            Some(value) => {
                out[at] |= if is_in { inclusive } else { 0 };
                sized(out, |out| bound(value, out))?;
            }
        }
    }
    Some(rest)
}

/// Whether the first character is the first of these, and not the second.
fn inclusive(text: &str, [inside, outside]: [char; 2]) -> Option<(bool, &str)> {
    let within = text.strip_prefix(inside).map(|rest| (true, rest));
    within.or_else(|| text.strip_prefix(outside).map(|rest| (false, rest)))
}

/// A bound, if there is one, and what is behind it. No value of these types has a quote in it.
fn word(text: &str) -> Option<(Option<&str>, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (value, rest) = quoted.split_once('"')?;
        return (!value.contains('\\') && !rest.starts_with('"')).then_some((Some(value), rest));
    }
    let (value, rest) = text.split_at(text.find([',', ')', ']'])?);
    Some(((!value.is_empty()).then_some(value), rest))
}

#[cfg(test)]
mod tests {
    use super::super::plain;
    use super::*;

    const WHOLE: Read = plain::whole::<i32, 4>;

    #[test]
    fn ranges_are_read_with_their_ends() {
        let end = |value: i32| [4_i32.to_be_bytes(), value.to_be_bytes()].concat();
        for (text, expected) in [
            ("empty", Some(vec![EMPTY])),
            ("[1,5)", Some([vec![LOWER_INCLUSIVE], end(1), end(5)].concat())),
            ("(1,5]", Some([vec![UPPER_INCLUSIVE], end(1), end(5)].concat())),
            ("(,-5)", Some([vec![LOWER_INFINITE], end(-5)].concat())),
            ("[\"7\",)", Some([vec![LOWER_INCLUSIVE | UPPER_INFINITE], end(7)].concat())),
            ("(,)", Some(vec![LOWER_INFINITE | UPPER_INFINITE])),
            ("[,5)", None),
            ("[1,5", None),
            ("[1,5)x", None),
            ("[1,5,6)", None),
            ("[\"1\\\\\",5)", None),
            ("[\"1\"\"\",5)", None),
            ("[a,5)", None),
            ("1,5", None),
            ("", None),
        ] {
            let mut out = Vec::new();
            assert_eq!(read(text, WHOLE, &mut out).map(|()| out), expected, "{text}");
        }
    }

    #[test]
    fn several_ranges_are_counted() {
        let range = [&[0, 0, 0, 1, EMPTY][..]; 2].concat();
        for (text, expected) in [
            ("{}", Some(vec![0; 4])),
            ("{empty,empty}", Some([&[0, 0, 0, 2][..], &range].concat())),
            ("{empty,}", None),
            ("{empty empty}", None),
            ("{empty", None),
            ("{empty}}", None),
            ("empty", None),
        ] {
            let mut out = Vec::new();
            assert_eq!(read_several(text, WHOLE, &mut out).map(|()| out), expected, "{text}");
        }
    }
}
