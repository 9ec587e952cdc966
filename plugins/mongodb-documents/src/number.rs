//! Numbers of a key, so that those MongoDB holds for equal get one text and all others differ.
//!
//! MongoDB compares numbers of all types by their exact value: `1`, `NumberLong(1)`, `1.0` and
//! `NumberDecimal("1.00")` are one `_id`, while the double `0.1` is not `NumberDecimal("0.1")`.

use bson::Decimal128;

/// Significant digits of the longest decimal. A double whose exact value has more equals no decimal
/// and no integer.
const DECIMAL_DIGITS_MAX: usize = 34;
/// More than the 767 significant digits that a double's exact value can have.
const EXACT_DIGITS: usize = 800;

/// A number as a JSON number, or its shortest text where that is not its exact value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Normal {
    /// The exact value: an integer or decimal, or with an exponent when it is long.
    Exact(Exact),
    /// A double that equals no other number, or none at all: `0.1`, `NaN`, `Infinity`.
    Double(String),
}

/// `digits` × 10^`exponent`, without zeros at either end; zero has no digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exact {
    negative: bool,
    digits: String,
    exponent: i32,
}

impl Normal {
    pub(crate) fn of_double(number: f64) -> Self {
        if !number.is_finite() {
            return Self::of_word(number.is_nan(), number < 0.0);
        }
        let exact = Exact::read(&format!("{number:.EXACT_DIGITS$e}"));
        if exact.digits.len() > DECIMAL_DIGITS_MAX {
            return Self::Double(format!("{number:?}"));
        }
        Self::Exact(exact)
    }

    pub(crate) fn of_decimal(number: Decimal128) -> Self {
        let text = number.to_string();
        if text.contains(['N', 'I']) {
            return Self::of_word(text.contains('N'), text.starts_with('-'));
        }
        Self::Exact(Exact::read(&text))
    }

    fn of_word(nan: bool, negative: bool) -> Self {
        let word = match (nan, negative) {
            (true, _) => "NaN",
            (false, true) => "-Infinity",
            (false, false) => "Infinity",
        };
        Self::Double(word.to_owned())
    }

    /// The number, if it is an integer of 64 bits.
    pub(crate) fn to_i64(&self) -> Option<i64> {
        let Self::Exact(Exact { negative, digits, exponent }) = self else { return None };
        let zeros = usize::try_from(*exponent).ok().filter(|zeros| *zeros < 20)?;
        let sign = if *negative { "-" } else { "" };
        let zeros = "0".repeat(zeros);
        if digits.is_empty() { Some(0) } else { format!("{sign}{digits}{zeros}").parse().ok() }
    }
}

impl Exact {
    /// Reads decimal text, with or without an exponent.
    fn read(text: &str) -> Self {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, fraction].concat();
        let significant = digits.trim_end_matches('0');
        // Exponents of doubles and decimals have four digits.
        let exponent = exponent.trim_start_matches('+').parse::<i32>().unwrap_or(0);
        let dropped = (digits.len() - significant.len()) as i32 - fraction.len() as i32;
        let digits = significant.trim_start_matches('0').to_owned();
        let zero = digits.is_empty();
        Self {
            negative: negative && !zero,
            exponent: if zero { 0 } else { exponent + dropped },
            digits,
        }
    }

    /// A JSON number; one text for each value.
    pub(crate) fn to_json(&self) -> String {
        let Self { negative, digits, exponent } = self;
        let sign = if *negative { "-" } else { "" };
        let length = digits.len() as i32;
        if digits.is_empty() {
            return "0".to_owned();
        }
        if (0..=DECIMAL_DIGITS_MAX as i32 - length).contains(exponent) {
            return format!("{sign}{digits}{}", "0".repeat(exponent.unsigned_abs() as usize));
        }
        let point = length + exponent;
        if *exponent < 0 && point > 0 {
            let (whole, fraction) = digits.split_at(point.unsigned_abs() as usize);
            return format!("{sign}{whole}.{fraction}");
        }
        if *exponent < 0 && point > -7 {
            let zeros = "0".repeat(point.unsigned_abs() as usize);
            return format!("{sign}0.{zeros}{digits}");
        }
        format!("{sign}{digits}e{exponent}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(normal: &Normal) -> String {
        match normal {
            Normal::Exact(exact) => exact.to_json(),
            Normal::Double(text) => format!("double {text}"),
        }
    }

    #[test]
    fn doubles_are_their_exact_value_where_something_else_may_equal_it() {
        for (number, expect) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.25, "0.25"),
            (0.1, "double 0.1"),
            (1e15, "1000000000000000"),
            (1e23, "99999999999999991611392"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (2f64.powi(120), "double 1.329227995784916e36"),
            (5e-324, "double 5e-324"),
            (2f64.powi(-20), "0.00000095367431640625"),
            (f64::NAN, "double NaN"),
            (f64::NEG_INFINITY, "double -Infinity"),
        ] {
            assert_eq!(text(&Normal::of_double(number)), expect);
        }
    }

    #[test]
    fn decimals_lose_their_zeros() {
        for (number, expect) in [
            ("0", "0"),
            ("-0", "0"),
            ("0E+6000", "0"),
            ("1.00", "1"),
            ("1E+3", "1000"),
            ("-1.50", "-1.5"),
            ("0.1", "0.1"),
            ("1E-6176", "1e-6176"),
            (
                "9.999999999999999999999999999999999E+6144",
                "9999999999999999999999999999999999e6111",
            ),
            ("NaN", "double NaN"),
            ("-Infinity", "double -Infinity"),
        ] {
            let number = number.parse().unwrap();
            assert_eq!(text(&Normal::of_decimal(number)), expect);
        }
    }

    #[test]
    fn integers_are_told_from_others() {
        for (number, expect) in [
            (1.0, Some(1)),
            (-0.0, Some(0)),
            (1.5, None),
            (9_223_372_036_854_775_808.0, None),
            (-9_223_372_036_854_775_808.0, Some(i64::MIN)),
            (1e300, None),
            (f64::NAN, None),
        ] {
            assert_eq!(Normal::of_double(number).to_i64(), expect, "{number}");
        }
        assert_eq!(Normal::of_decimal("1.2E+1".parse().unwrap()).to_i64(), Some(12));
    }
}
