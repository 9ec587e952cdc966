//! Decimal text and numbers to scaled integers, exactly or not at all.

use arrow_buffer::i256;

use crate::schema::ColumnType;

/// Exponents beyond this cannot fit 76 digits, and are refused before they allocate.
const EXPONENT_MAX: i32 = 200;

/// The powers of ten up to the digits that 128 bits hold.
const POWERS: [u128; 39] = {
    let mut powers = [1; 39];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};
/// Digits that always fit 64 bits.
const SHORT_DIGITS_MAX: usize = 18;

/// Reads decimal text as an integer scaled by `scale`, if it has at most `precision` digits and
/// none is lost.
pub(super) fn parse(text: &str, precision: u8, scale: i8) -> Option<i256> {
    parse_short(text, precision, scale).or_else(|| parse_any(text, precision, scale))
}

/// Most numbers are short and have the digits after the point that their column has.
fn parse_short(text: &str, precision: u8, scale: i8) -> Option<i256> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_short = (1..=SHORT_DIGITS_MAX).contains(&(whole.len() + fraction.len()));
    if !is_short || usize::try_from(scale) != Ok(fraction.len()) {
        return None;
    }
    let magnitude = whole.bytes().chain(fraction.bytes()).try_fold(0_i64, |magnitude, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        Some(magnitude * 10 + i64::from(digit))
    })?;
    let number = if unsigned.len() < text.len() { -magnitude } else { magnitude };
    let number = i256::from_i128(number.into());
    fits(number, precision).then_some(number)
}

fn parse_any(text: &str, precision: u8, scale: i8) -> Option<i256> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let too_long = whole.len() + fraction.len() > 2 * EXPONENT_MAX as usize;
    if whole.len() + fraction.len() == 0
        || too_long
        || exponent.abs() > EXPONENT_MAX
        || !all_digits(whole)
        || !all_digits(fraction)
    {
        return None;
    }
    let mut digits = [whole, fraction].concat();
    let shift = i32::try_from(fraction.len()).ok()? - exponent;
    if !rescale_digits(&mut digits, i32::from(scale) - shift) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    if significant.len() > usize::from(precision) {
        return None;
    }
    let magnitude = match significant {
        "" => i256::ZERO,
        digits => i256::from_string(digits)?,
    };
    Some(if negative { magnitude.wrapping_neg() } else { magnitude })
}

/// Appends zeros, or removes trailing ones; false when a digit other than zero would go.
fn rescale_digits(digits: &mut String, by: i32) -> bool {
    let Ok(remove) = usize::try_from(-by) else {
        digits.extend(std::iter::repeat_n('0', usize::try_from(by).unwrap_or(0)));
        return true;
    };
    let keep = digits.len().saturating_sub(remove);
    let exact = digits[keep..].bytes().all(|digit| digit == b'0');
    digits.truncate(keep);
    exact
}

/// Moves an unscaled integer from one scale to another, exactly or not at all.
pub(super) fn rescale(unscaled: i256, from: i8, precision: u8, to: i8) -> Option<i256> {
    if from == to {
        return fits(unscaled, precision).then_some(unscaled);
    }
    parse(&format(unscaled, from), precision, to)
}

/// Whether a number has at most so many digits.
fn fits(unscaled: i256, precision: u8) -> bool {
    match (unscaled.to_i128(), POWERS.get(usize::from(precision))) {
        (Some(narrow), Some(limit)) => narrow.unsigned_abs() < *limit,
        // 128 bits have 38 digits and some more.
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => {
            let text = unscaled.to_string();
            text.trim_start_matches('-').len() <= precision.into()
        }
    }
}

/// The decimal as text.
pub(super) fn format(unscaled: i256, scale: i8) -> String {
    let text = unscaled.to_string();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.as_str()),
    };
    match usize::try_from(scale) {
        Ok(0) => text,
        Ok(scale) => {
            let padded = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = padded.split_at(padded.len() - scale);
            format!("{sign}{whole}.{fraction}")
        }
        Err(_) if digits == "0" => text,
        Err(_) => format!("{text}{}", "0".repeat(usize::from(scale.unsigned_abs()))),
    }
}

/// Whether a decimal type is kept in 128 bits.
pub(super) fn is_narrow(column_type: &ColumnType) -> bool {
    matches!(column_type.data_type(), arrow_schema::DataType::Decimal128(..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ways_agree_with_the_long_one() {
        let texts = [
            "0",
            "-0",
            "0.00",
            "7",
            "-7.25",
            "1234567890123456.78",
            "99999.99",
            "100000.00",
            "-99999.99",
            ".50",
            "5.",
            "1.005",
            "+1.00",
            "1e2",
            "-",
            ".",
            "",
            "1.2.3",
            "--1.00",
            "x.yz",
            "12345678901234567890.12",
        ];
        for text in texts {
            for (precision, scale) in [(7, 2), (18, 2), (38, 2), (76, 2), (5, 0), (5, -2), (2, 2)] {
                let long = parse_any(text, precision, scale);
                assert_eq!(parse(text, precision, scale), long, "{text} as {precision},{scale}");
                let same = long.and_then(|number| rescale(number, scale, precision, scale));
                assert_eq!(same, long, "{text} as {precision},{scale}");
            }
        }
    }

    #[test]
    fn digits_are_counted_on_both_sides_of_128_bits() {
        for digits in [1, 9, 37, 38, 39, 75] {
            let most = i256::from_string(&"9".repeat(digits)).unwrap();
            for number in [most, most.wrapping_neg()] {
                let precision = digits as u8;
                assert_eq!(rescale(number, 0, precision, 0), Some(number), "{digits}");
                assert_eq!(rescale(number, 0, precision - 1, 0), None, "{digits}");
            }
        }
    }
}
