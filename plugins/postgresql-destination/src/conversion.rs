//! How values that are already stored follow a change of their column's type.

use cartridge_warp_sdk::ColumnType;

/// The stored value as one of the new type, where `{}` is the old one; none where not every value
/// has an exact form.
pub(crate) fn between(from: &ColumnType, to: &ColumnType) -> Option<&'static str> {
    use ColumnType as T;
    match (from, to) {
        (T::Integer, T::BigInt | T::Double) | (T::Float, T::Double) => Some("{}"),
        (T::Integer, T::Decimal { precision, scale }) => holds(*precision, *scale, 10, 0),
        (T::BigInt, T::Decimal { precision, scale }) => holds(*precision, *scale, 19, 0),
        (T::Decimal { precision: from, scale: places }, T::Decimal { precision, scale }) => {
            holds(*precision, *scale, i16::from(*from) - i16::from(*places), i16::from(*places))
        }
        (T::Boolean, T::Integer) => Some("{}::integer"),
        (T::Boolean, T::BigInt) => Some("{}::integer::bigint"),
        (T::Date, T::Timestamp) => Some("{}::timestamp"),
        (T::Array(_), T::String) => Some("to_jsonb({})::text"),
        (T::Json, T::Json) => None,
        (T::Binary, T::String) => Some("encode({}, 'hex')"),
        (T::Binary, T::Json) => Some("to_jsonb(encode({}, 'hex'))"),
        (_, T::String) => Some("{}::text"),
        (_, T::Json) => Some("to_jsonb({})"),
        _ => None,
    }
}

/// Whether a decimal has room for so many digits before and after the point.
fn holds(precision: u8, scale: i8, digits: i16, places: i16) -> Option<&'static str> {
    let (precision, scale) = (i16::from(precision), i16::from(scale));
    (scale >= places && precision - scale >= digits).then_some("{}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widening_is_possible_and_narrowing_is_not() {
        for (from, to, possible) in [
            ("integer", "bigint", true),
            ("bigint", "integer", false),
            ("bigint", "string", true),
            ("bigint", "double", false),
            ("bigint", "decimal(18,0)", false),
            ("decimal(10,2)", "decimal(12,4)", true),
            ("decimal(10,2)", "decimal(10,4)", false),
            ("double", "decimal(10,2)", false),
            ("string", "integer", false),
            ("date", "timestamp", true),
            ("timestamp", "timestamptz", false),
            ("string", "json", true),
            ("binary", "string", true),
            ("binary", "json", true),
            ("json", "string", true),
            ("json", "bigint", false),
            ("array(string)", "json", true),
        ] {
            let found = between(&from.parse().unwrap(), &to.parse().unwrap());
            assert_eq!(found.is_some(), possible, "{from} to {to}");
        }
    }
}
