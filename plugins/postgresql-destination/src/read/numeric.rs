//! `numeric`: groups of four digits around the point.

const GROUP_DIGITS: usize = 4;
/// Digits after the point that the binary form can count.
const SCALE_MAX: usize = 0x3fff;

const POSITIVE: u16 = 0;
const NEGATIVE: u16 = 0x4000;
/// Numbers that are none have a sign and no digits.
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const MINUS_INFINITY: u16 = 0xf000;

/// Digits, a point and digits, with a minus in front; or the server's words for what is no number.
pub(super) fn read(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let special = match text {
        "NaN" => Some(NAN),
        "Infinity" => Some(INFINITY),
        "-Infinity" => Some(MINUS_INFINITY),
        _ => None,
    };
    if let Some(sign) = special {
        head(out, 0, 0, sign, 0);
        return Some(());
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (NEGATIVE, digits.as_bytes()),
        None => (POSITIVE, text.as_bytes()),
    };
    let point = digits.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(at) => (&digits[..at], &digits[at + 1..]),
        None => (digits, &[][..]),
    };
    if whole.is_empty() || point.is_some() && fraction.is_empty() || fraction.len() > SCALE_MAX {
        return None;
    }
    let begin = out.len();
    head(out, 0, 0, 0, 0);
    let mut weight = i16::try_from(whole.len().div_ceil(GROUP_DIGITS) - 1).ok()?;
    let (first, rest) = whole.split_at(whole.len() % GROUP_DIGITS);
    let firsts = (!first.is_empty()).then_some(first);
    let groups = firsts.into_iter().chain(rest.chunks(GROUP_DIGITS)).map(group);
    let groups = groups.chain(fraction.chunks(GROUP_DIGITS).map(|digits| {
        let zeros = GROUP_DIGITS - digits.len();
        Some(group(digits)? * 10_u16.pow(zeros as u32))
    }));
    let (mut count, mut end) = (0_u16, out.len());
    for group in groups {
        let group = group?;
        if group == 0 && count == 0 {
            // Groups of zeros in front are not written.
            weight = weight.checked_sub(1)?;
            continue;
        }
        out.extend_from_slice(&group.to_be_bytes());
        count = count.checked_add(1)?;
        if group != 0 {
            end = out.len();
        }
    }
    out.truncate(end);
    let count = (end - begin - HEAD_BYTES) / 2;
    let (weight, sign) = if count == 0 { (0, POSITIVE) } else { (weight, sign) };
    let written = out.len();
    head(out, u16::try_from(count).ok()?, weight, sign, fraction.len() as u16);
    out.copy_within(written.., begin);
    out.truncate(written);
    Some(())
}

const HEAD_BYTES: usize = 8;

fn head(out: &mut Vec<u8>, count: u16, weight: i16, sign: u16, scale: u16) {
    for word in [count, weight.cast_unsigned(), sign, scale] {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// Up to four digits as a number.
fn group(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |group, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| group * 10 + u16::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups, weight, sign and scale.
    fn words(text: &str) -> Option<(Vec<u16>, i16, u16, u16)> {
        let mut out = vec![7];
        read(text, &mut out)?;
        let words: Vec<_> =
            out[1..].chunks(2).map(|word| u16::from_be_bytes([word[0], word[1]])).collect();
        assert_eq!(usize::from(words[0]), words.len() - 4, "{text}");
        Some((words[4..].to_vec(), words[1].cast_signed(), words[2], words[3]))
    }

    #[test]
    fn digits_stand_in_groups_of_four_around_the_point() {
        let long = "1".to_owned() + &"0".repeat(131_071);
        for (text, expect) in [
            ("0", (vec![], 0, 0, 0)),
            ("0.00", (vec![], 0, 0, 2)),
            ("-0.0", (vec![], 0, 0, 1)),
            ("1.0", (vec![1], 0, 0, 1)),
            ("1.00", (vec![1], 0, 0, 2)),
            ("123.45", (vec![123, 4500], 0, 0, 2)),
            ("-0.05", (vec![500], -1, NEGATIVE, 2)),
            ("0.00001", (vec![1000], -2, 0, 5)),
            ("10000", (vec![1], 1, 0, 0)),
            ("00012345", (vec![1, 2345], 1, 0, 0)),
            ("100000001", (vec![1, 0, 1], 2, 0, 0)),
            ("12345.67890", (vec![1, 2345, 6789], 1, 0, 5)),
            ("NaN", (vec![], 0, NAN, 0)),
            ("Infinity", (vec![], 0, INFINITY, 0)),
            ("-Infinity", (vec![], 0, MINUS_INFINITY, 0)),
            (&long, (vec![1000], 32_767, 0, 0)),
        ] {
            assert_eq!(words(text), Some(expect), "{:.40}", text);
        }
    }

    #[test]
    fn other_texts_are_left_to_the_server() {
        let long = ["1".repeat(131_073), "0.".to_owned() + &"1".repeat(16_384)];
        let others =
            ["", "-", ".5", "5.", "1e5", " 1", "+1", "1_000", "0x1", "--1", "nan", "1.2.3"];
        for text in others.into_iter().chain(long.iter().map(String::as_str)) {
            assert_eq!(words(text), None, "{:.40}", text);
        }
    }
}
