//! Whether text is a number's own: reading it as one and writing that one again gives the text.
//!
//! `02134` is a post code and `+7` a word; `9007199254740993` is no double, since the nearest one is
//! another number. What is not a number's own text stays text.

/// Digits that every double keeps.
const DOUBLE_DIGITS: usize = 15;
/// Digits that every float keeps.
const FLOAT_DIGITS: usize = 6;
/// Powers of ten within which short numbers need no closer look.
const EXPONENT_MAX: i64 = 30;
/// Digits beyond which nothing is looked at: no number has that many.
const DIGITS_MAX: usize = 1_100;

/// Whether text is written as JSON writes numbers.
pub fn is_number(text: &str) -> bool {
    parts(text).is_some()
}

/// Whether text is written as a number without an exponent.
pub fn is_plain(text: &str) -> bool {
    is_number(text) && !text.contains(['e', 'E'])
}

/// Whether a number is a whole one as it is written.
pub fn is_whole(text: &str) -> bool {
    !text.contains(['.', 'e', 'E']) && text != "-0"
}

/// Whether the double nearest to a number, written with as many digits, is that number.
pub fn is_double(text: &str) -> bool {
    is_own(text, DOUBLE_DIGITS, |digits| {
        let number: f64 = text.parse().ok()?;
        Some(format!("{:.digits$e}", number.abs()))
    })
}

/// The same for a float.
pub fn is_float(text: &str) -> bool {
    is_own(text, FLOAT_DIGITS, |digits| {
        let number: f32 = text.parse().ok()?;
        Some(format!("{:.digits$e}", number.abs()))
    })
}

/// The digits of a number, without leading zeros, and the power of ten of the first one.
struct Parts {
    digits: String,
    exponent: i64,
}

fn is_own(text: &str, safe: usize, written: impl Fn(usize) -> Option<String>) -> bool {
    let Some(own) = parts(text) else { return false };
    let count = own.digits.len();
    if count == 0 || (count <= safe && own.exponent.abs() <= EXPONENT_MAX) {
        return true;
    }
    if count > DIGITS_MAX {
        return false;
    }
    let read = written(count - 1).and_then(|text| parts(&text));
    read.is_some_and(|read| read.digits == own.digits && read.exponent == own.exponent)
}

/// Takes a number apart; none if it is not written as JSON writes them.
fn parts(text: &str) -> Option<Parts> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, are_digits(fraction).then_some(fraction)?),
        None => (mantissa, ""),
    };
    if !are_digits(whole) || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    let all = [whole, fraction].concat();
    let digits = all.trim_start_matches('0');
    let zeros = all.len() - digits.len();
    let first = whole.len() as i64 - 1 - zeros as i64;
    Some(Parts { digits: digits.to_owned(), exponent: first.saturating_add(exponent) })
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn exponent_of(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    // More than any number has still is a number as it is written.
    are_digits(digits).then(|| text.parse().unwrap_or(i64::MAX / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_from_text_that_looks_like_one() {
        for text in ["0", "-7", "1.50", "1e5", "1E-05", "-0", "0.0", "1e+999999999999999999999"] {
            assert!(is_number(text), "{text}");
        }
        for text in ["", "02134", "+7", "-", ".5", "5.", "1e", "0x1f", "1_000", " 1", "NaN", "--1"]
        {
            assert!(!is_number(text), "{text}");
        }
    }

    #[test]
    fn a_double_is_what_reads_back_with_as_many_digits() {
        for (text, double, float) in [
            ("0.1", true, true),
            ("0.10000000000000001", true, false),
            ("0.000", true, true),
            ("16777217", true, false),
            ("9007199254740992", true, true),
            ("9007199254740993", false, false),
            ("3.141592653589793", true, false),
            ("3.14159265358979323846", false, false),
            ("1.5000000000000000000000", true, true),
            ("123456789.123456789", false, false),
            ("1e308", true, false),
            ("1e309", false, false),
            ("5e-324", true, false),
            ("1e-400", false, false),
            ("1e-05", true, true),
        ] {
            assert_eq!((is_double(text), is_float(text)), (double, float), "{text}");
        }
    }
}
