//! Types whose text is short work.

use std::str::FromStr;

/// The only version of the binary form of `jsonb` and `jsonpath`.
const VERSION: u8 = 1;

/// Whole numbers of any size.
pub(super) fn whole<T: FromStr + BigEndian<N>, const N: usize>(
    text: &str,
    out: &mut Vec<u8>,
) -> Option<()> {
    // The server writes no plus.
    let number: T = text.parse().ok().filter(|_| !text.starts_with('+'))?;
    out.extend_from_slice(&number.bytes());
    Some(())
}

/// A number as the server sends it.
pub(super) trait BigEndian<const N: usize> {
    fn bytes(self) -> [u8; N];
}

macro_rules! big_endian {
    ($($number:ty, $bytes:literal;)*) => {$(
        impl BigEndian<$bytes> for $number {
            fn bytes(self) -> [u8; $bytes] {
                self.to_be_bytes()
            }
        }
    )*};
}
big_endian! { i16, 2; i32, 4; i64, 8; u32, 4; }

pub(super) fn boolean(text: &str, out: &mut Vec<u8>) -> Option<()> {
    out.push(match text {
        "t" => 1,
        "f" => 0,
        _ => return None,
    });
    Some(())
}

/// Text as it is; no text of the server has a NUL character.
pub(super) fn text(text: &str, out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(text.as_bytes());
    (!text.as_bytes().contains(&0)).then_some(())
}

/// Text that the server reads, with a version in front.
pub(super) fn versioned(value: &str, out: &mut Vec<u8>) -> Option<()> {
    out.push(VERSION);
    text(value, out)
}

/// `\x` and hexadecimal digits.
pub(super) fn bytes(text: &str, out: &mut Vec<u8>) -> Option<()> {
    hexadecimal(text.strip_prefix("\\x")?.as_bytes(), out)
}

/// Five groups of hexadecimal digits.
pub(super) fn uuid(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let mut groups = text.split('-');
    for bytes in [4, 2, 2, 2, 6] {
        let digits = groups.next().filter(|digits| digits.len() == 2 * bytes)?;
        hexadecimal(digits.as_bytes(), out)?;
    }
    groups.next().is_none().then_some(())
}

/// Zeros and ones.
pub(super) fn bits(text: &str, out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(&i32::try_from(text.len()).ok()?.to_be_bytes());
    for digits in text.as_bytes().chunks(8) {
        let mut byte = 0;
        for (at, digit) in digits.iter().enumerate() {
            byte |= match digit {
                b'0' => 0,
                b'1' => 0x80 >> at,
                _ => return None,
            };
        }
        out.push(byte);
    }
    Some(())
}

/// `16/B374D848`.
pub(super) fn place_in_log(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let (high, low) = text.split_once('/')?;
    for half in [high, low] {
        let digits = half.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u32::from_str_radix(half, 16).ok().filter(|_| digits)?;
        out.extend_from_slice(&number.to_be_bytes());
    }
    Some(())
}

/// Pairs of digits.
pub(crate) fn hexadecimal(digits: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (pairs, rest) = digits.as_chunks::<2>();
    for pair in pairs {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        out.push((digit(pair[0])? << 4 | digit(pair[1])?) as u8);
    }
    rest.is_empty().then_some(())
}

/// `(1.5,-2)`: the server writes as many digits as tell a number from every other.
pub(super) fn point(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let (x, y) = text.strip_prefix('(')?.strip_suffix(')')?.split_once(',')?;
    for number in [x, y] {
        out.extend_from_slice(&number.parse::<f64>().ok()?.to_be_bytes());
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::Read;
    use super::*;

    #[test]
    fn texts_of_the_server_are_read_and_others_are_left_to_it() {
        let cases: [(Read, &str, Option<&[u8]>); 28] = [
            (whole::<i16, 2>, "-32768", Some(&[0x80, 0])),
            (whole::<i16, 2>, "32768", None),
            (whole::<u32, 4>, "4294967295", Some(&[255; 4])),
            (whole::<i32, 4>, "+1", None),
            (whole::<i32, 4>, " 1", None),
            (boolean, "t", Some(&[1])),
            (boolean, "true", None),
            (text, "ü", Some("ü".as_bytes())),
            (text, "a\0", None),
            (versioned, "{}", Some(b"\x01{}")),
            (bytes, "\\x00fF", Some(&[0, 255])),
            (bytes, "\\x0", None),
            (bytes, "abc", None),
            (uuid, "00000000-0000-0000-0000-0000000000ff", Some(&one_at_the_end())),
            (uuid, "000000000000-0000-0000-0000-00000000", None),
            (uuid, "00000000-0000-0000-0000-0000000000ff-", None),
            (bits, "", Some(&[0, 0, 0, 0])),
            (bits, "101", Some(&[0, 0, 0, 3, 0xa0])),
            (bits, "111111110", Some(&[0, 0, 0, 9, 0xff, 0])),
            (bits, "12", None),
            (place_in_log, "16/B374D848", Some(&[0, 0, 0, 0x16, 0xb3, 0x74, 0xd8, 0x48])),
            (place_in_log, "16/+1", None),
            (place_in_log, "1", None),
            (place_in_log, "/", None),
            (point, "(1,-2)", Some(&[0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0])),
            (point, "(1)", None),
            (point, "1,2", None),
            (point, "(1,x)", None),
        ];
        for (read, text, expect) in cases {
            let mut out = Vec::new();
            let found = read(text, &mut out).map(|()| out.as_slice());
            assert_eq!(found, expect, "{text}");
        }
    }

    fn one_at_the_end() -> [u8; 16] {
        255_u128.to_be_bytes()
    }
}
