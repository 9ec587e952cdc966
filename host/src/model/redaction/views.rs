//! A text as it reads once its encodings are undone, with the way back to where each byte stood.

use std::ops::Range;

/// Encodings of encodings that are undone: an escaped text inside of an escaped text.
const DEPTH_MAX: usize = 2;

/// The bytes of a text, decoded or as they are.
pub(super) struct View {
    pub bytes: Vec<u8>,
    /// Where each byte comes from; without it, from its own place.
    places: Option<Vec<(u32, u32)>>,
}

impl View {
    /// The text as it is, and all that can be read out of it. Of a text that was `cut`, an escape
    /// without its end is left away.
    pub(super) fn all(text: &str, cut: bool) -> Vec<Self> {
        let mut views = vec![Self { bytes: text.as_bytes().to_vec(), places: None }];
        // Places are kept in 32 bits; nothing that is printed is that long.
        if u32::try_from(text.len()).is_err() {
            return views;
        }
        let mut first = 0;
        for _ in 0..DEPTH_MAX {
            let end = views.len();
            for decode in [percent, backslash] {
                let more: Vec<_> =
                    views[first..end].iter().filter_map(|view| view.decoded(decode, cut)).collect();
                views.extend(more);
            }
            first = end;
        }
        views
    }

    /// Where the bytes of a range stand in the text.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        let Some(places) = &self.places else { return range };
        let start = places.get(range.start).map_or(0, |place| place.0 as usize);
        let last = range.end.checked_sub(1).and_then(|last| places.get(last));
        start..last.map_or(start, |place| place.1 as usize)
    }

    fn decoded(&self, decode: fn(&[u8]) -> Escape, cut: bool) -> Option<Self> {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let mut places = Vec::with_capacity(self.bytes.len());
        let mut at = 0;
        let mut changed = false;
        while let Some(rest) = self.bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let mut push = |decoded: &[u8], length: usize| {
                let source = self.source(at..at + length);
                // Checked by `all`: the text's length fits.
                let place = (source.start as u32, source.end as u32);
                bytes.extend_from_slice(decoded);
                places.extend(decoded.iter().map(|_| place));
                at += length;
            };
            match decode(rest) {
                Escape::None => push(&rest[..1], 1),
                Escape::Byte(byte, length) => push(&[byte], length),
                Escape::Char(char, length) => {
                    push(char.encode_utf8(&mut [0; 4]).as_bytes(), length);
                }
                Escape::Unfinished if cut => {
                    changed = true;
                    break;
                }
                Escape::Unfinished => push(&rest[..1], 1),
            }
            changed |= bytes.len() != at;
        }
        changed.then_some(Self { bytes, places: Some(places) })
    }
}

/// What stands at the beginning of some bytes, and how many it takes.
enum Escape {
    None,
    Byte(u8, usize),
    Char(char, usize),
    /// Its end is missing, with the text's.
    Unfinished,
}

fn hex(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| plain)
}

/// `%20`
fn percent(rest: &[u8]) -> Escape {
    match rest {
        [b'%', one, two, ..] => match hex(&[*one, *two]) {
            Some(byte) => Escape::Byte(byte as u8, 3),
            None => Escape::None,
        },
        [b'%', ..] => Escape::Unfinished,
        _ => Escape::None,
    }
}

/// `\n`, `\"`, `\x20`, `\u0020`, `\u{20}`
fn backslash(rest: &[u8]) -> Escape {
    let [b'\\', kind, behind @ ..] = rest else {
        return if rest == b"\\" { Escape::Unfinished } else { Escape::None };
    };
    let simple = |byte| Escape::Byte(byte, 2);
    match kind {
        b'n' => simple(b'\n'),
        b'r' => simple(b'\r'),
        b't' => simple(b'\t'),
        b'b' => simple(8),
        b'f' => simple(12),
        b'0' => simple(0),
        b'\\' | b'"' | b'\'' | b'/' => simple(*kind),
        b'x' => match behind.get(..2).map(hex) {
            Some(Some(byte)) => Escape::Byte(byte as u8, 4),
            Some(None) => Escape::None,
            None => Escape::Unfinished,
        },
        b'u' if behind.first() == Some(&b'{') => braced(behind),
        b'u' => four_digits(behind),
        _ => Escape::None,
    }
}

/// What follows `\u` in Rust and in newer JavaScript.
fn braced(behind: &[u8]) -> Escape {
    // `{10ffff}`
    let window = &behind[..behind.len().min(8)];
    match window.iter().position(|byte| *byte == b'}') {
        Some(end) => match hex(&window[1..end]).and_then(char::from_u32) {
            Some(char) => Escape::Char(char, 2 + end + 1),
            None => Escape::None,
        },
        None if window.len() < 8 => Escape::Unfinished,
        None => Escape::None,
    }
}

/// What follows `\u` in JSON: beyond U+FFFF in two halves.
fn four_digits(behind: &[u8]) -> Escape {
    let Some(unit) = behind.get(..4) else { return Escape::Unfinished };
    let Some(unit) = hex(unit) else { return Escape::None };
    if let Some(char) = char::from_u32(unit) {
        return Escape::Char(char, 6);
    }
    let half = behind.get(4..).unwrap_or_default();
    if half.len() < 6 {
        return Escape::Unfinished;
    }
    let [b'\\', b'u', low @ ..] = half else { return Escape::None };
    let low = low.get(..4).and_then(hex).and_then(|low| u16::try_from(low).ok());
    let units = u16::try_from(unit).ok().zip(low).map(|(high, low)| [high, low]);
    match units.and_then(|units| char::decode_utf16(units).next()?.ok()) {
        Some(char) => Escape::Char(char, 12),
        None => Escape::None,
    }
}
