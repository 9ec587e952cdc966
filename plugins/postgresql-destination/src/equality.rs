//! Which values of a key column are one to the server.
//!
//! The rows of a key are found by what is sent. That is the server's own equality for most types, but
//! not for all: `1.0` and `1.00`, `-0` and `0`, `24:00:00` and `1 day` are equal and spelled
//! differently. Where the difference is known, it is taken out here; elsewhere nobody but the server can
//! tell, and rows go in their order.

use std::borrow::Cow;

use crate::binary::value;
use crate::kept::{Wire, bare_name};

/// How two values of a column are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Equality {
    /// They are equal when they are sent as the same bytes.
    Bytes,
    /// Zeros have a sign.
    Float,
    /// Numbers that are sent as text, with any count of digits.
    Number,
    /// By rules of the server's.
    Server,
}

/// Types whose values have one binary form each.
const ONE_FORM: [&str; 12] = [
    "integer",
    "bigint",
    "boolean",
    "numeric",
    "text",
    "bytea",
    "uuid",
    "date",
    "time without time zone",
    "timestamp without time zone",
    "timestamp with time zone",
    "character varying",
];

impl Equality {
    /// Of values that travel in this way to a column of that declared type.
    pub(crate) fn of(wire: &Wire, declared: &str) -> Self {
        let (sent, bare) = (wire.sent_as.as_str(), bare_name(declared));
        let as_text = ["text", "character varying"].contains(&bare.as_str());
        match (&wire.cast, sent) {
            // Not with limits: two numbers may be rounded to one.
            (Some(_), "text") if declared == "numeric" => Self::Number,
            (Some(_), _) => Self::Server,
            (None, "text") if !as_text => Self::Server,
            (None, "real" | "double precision") => {
                if as_text {
                    Self::Bytes
                } else {
                    Self::Float
                }
            }
            (None, sent) if ONE_FORM.contains(&sent) => Self::Bytes,
            _ => Self::Server,
        }
    }

    /// What equal values have in common and others have not; none if only the server knows.
    pub(crate) fn canonical(self, field: &[u8]) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::Bytes => Some(field.into()),
            Self::Float => Some(without_sign_of_zero(field)),
            Self::Number => plain_number(value(field).unwrap_or_default()).map(Cow::from),
            Self::Server => None,
        }
    }
}

fn without_sign_of_zero(field: &[u8]) -> Cow<'_, [u8]> {
    match value(field) {
        Some([0x80, rest @ ..]) if rest.iter().all(|byte| *byte == 0) => {
            let mut positive = field.to_vec();
            let sign = positive.len() - rest.len() - 1;
            positive[sign] = 0;
            positive.into()
        }
        _ => field.into(),
    }
}

/// A number without the zeros that do not count; none where the text is anything else.
fn plain_number(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii();
    let (negative, digits) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
        Some(point) => (&digits[..point], &digits[point + 1..]),
        None => (digits, &digits[..0]),
    };
    let is_plain = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    // The server writes one zero in front of a point, and none in front of other digits.
    let written = is_plain(whole) && is_plain(fraction) && !whole.is_empty();
    let canonical = written && (whole == b"0" || !whole.starts_with(b"0"));
    if !canonical {
        return None;
    }
    let zeros = fraction.iter().rev().take_while(|byte| **byte == b'0').count();
    let kept = fraction.len() - zeros;
    if kept == 0 && whole == b"0" {
        return Some(whole);
    }
    let end = usize::from(negative) + whole.len() + if kept > 0 { 1 + kept } else { 0 };
    Some(&text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartridge_warp_sdk::ColumnType;

    #[test]
    fn only_what_is_surely_told_apart_by_its_bytes_is() {
        let of = |column_type: &str, declared: &str| {
            let column_type: ColumnType = column_type.parse().unwrap();
            Equality::of(&Wire::between(&column_type, declared), declared)
        };
        for (column_type, declared, expect) in [
            ("bigint", "bigint", Equality::Bytes),
            ("bigint", "numeric", Equality::Bytes),
            ("decimal(10,2)", "numeric(12,4)", Equality::Bytes),
            ("string", "text", Equality::Bytes),
            ("uuid", "uuid", Equality::Bytes),
            ("double", "double precision", Equality::Float),
            ("float", "real", Equality::Float),
            ("double", "text", Equality::Bytes),
            ("string", "numeric", Equality::Number),
            ("string", "numeric(50,2)", Equality::Server),
            ("string", "interval", Equality::Server),
            ("string", "character(4)", Equality::Server),
            ("string", "citext", Equality::Server),
            ("json", "jsonb", Equality::Server),
            ("json", "text", Equality::Bytes),
            ("array(double)", "double precision[]", Equality::Server),
        ] {
            assert_eq!(of(column_type, declared), expect, "{column_type} in {declared}");
        }
    }

    #[test]
    fn equal_numbers_have_one_form() {
        for (text, expect) in [
            ("1", Some("1")),
            ("1.00", Some("1")),
            ("-1.50", Some("-1.5")),
            ("100", Some("100")),
            ("0.00", Some("0")),
            ("-0.0", Some("0")),
            ("-0.10", Some("-0.1")),
            ("1e2", None),
            ("NaN", None),
            ("+1", None),
            ("01", None),
            (".5", None),
        ] {
            let found = plain_number(text.as_bytes());
            assert_eq!(found, expect.map(str::as_bytes), "{text}");
        }
        let field = |number: f64| [&8_i32.to_be_bytes()[..], &number.to_be_bytes()].concat();
        assert_eq!(without_sign_of_zero(&field(-0.0)), field(0.0));
        assert_eq!(without_sign_of_zero(&field(-1.0)), field(-1.0));
    }
}
