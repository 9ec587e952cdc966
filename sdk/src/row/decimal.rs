//! Decimal text and numbers to scaled integers, exactly or not at all.

use arrow_buffer::i256;

use crate::schema::ColumnType;

/// Exponents beyond this cannot fit 76 digits, and are refused before they allocate.
const EXPONENT_MAX: i32 = 200;

/// Reads decimal text as an integer scaled by `scale`, if it has at most `precision` digits and
/// none is lost.
pub(super) fn parse(text: &str, precision: u8, scale: i8) -> Option<i256> {
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
    parse(&format(unscaled, from), precision, to)
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
