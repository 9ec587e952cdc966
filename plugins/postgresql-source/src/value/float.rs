//! Floating-point numbers as the server writes them: the shortest digits that read back the same,
//! with an exponent where printf would take one. Where two such texts are equally near, the server may
//! have written the other.

/// Exponents that are written without one.
const PLAIN_DOUBLE: std::ops::Range<i32> = -4..15;
const PLAIN_SINGLE: std::ops::Range<i32> = -4..6;

/// A `double precision`.
pub(super) fn double(number: f64) -> String {
    special(number).unwrap_or_else(|| print(&format!("{number:e}"), &number, PLAIN_DOUBLE))
}

/// A `real`.
pub(super) fn single(number: f32) -> String {
    special(number.into()).unwrap_or_else(|| print(&format!("{number:e}"), &number, PLAIN_SINGLE))
}

fn special(number: f64) -> Option<String> {
    if number.is_finite() {
        return None;
    }
    let infinity = if number < 0.0 { "-Infinity" } else { "Infinity" };
    Some(if number.is_nan() { "NaN" } else { infinity }.to_owned())
}

fn print(scientific: &str, plain: &dyn std::fmt::Display, range: std::ops::Range<i32>) -> String {
    let (digits, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if range.contains(&exponent) {
        return plain.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_server_does() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (1e14, "100000000000000"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e15, "1e+15"),
            (0.0001, "0.0001"),
            (0.000_012_5, "1.25e-05"),
            (-1.5e300, "-1.5e+300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double(number), text);
        }
        for (number, text) in [(0.1, "0.1"), (123_456.0, "123456"), (1e6, "1e+06")] {
            assert_eq!(single(number), text);
        }
    }
}
