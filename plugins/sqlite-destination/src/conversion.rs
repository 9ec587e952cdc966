//! How values that are already stored follow a change of their column's type.

use cartridge_warp_sdk::ColumnType;

/// What has to happen to the stored values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conversion {
    /// The new type stores them the same way.
    None,
    /// Each becomes this expression, where `{}` is the old value.
    Rewrite(&'static str),
    /// They have no exact form in the new type.
    Impossible,
}

/// `format` makes 0.0 of a null. NaN is kept as text already; infinities are beyond the largest number.
const DOUBLE_AS_TEXT: &str = "CASE WHEN {} IS NULL THEN NULL WHEN typeof({}) = 'text' THEN {} \
                              WHEN {} > 1.7976931348623157e308 THEN 'Infinity' \
                              WHEN {} < -1.7976931348623157e308 THEN '-Infinity' \
                              ELSE format('%!.17g', {}) END";
const DOUBLE_AS_JSON: &str = "CASE WHEN {} IS NULL THEN NULL WHEN typeof({}) = 'text' THEN \
                              json_quote({}) \
                              WHEN {} > 1.7976931348623157e308 THEN '\"Infinity\"' \
                              WHEN {} < -1.7976931348623157e308 THEN '\"-Infinity\"' \
                              ELSE format('%!.17g', {}) END";

/// From one type to another.
pub(crate) fn between(from: &ColumnType, to: &ColumnType) -> Conversion {
    use ColumnType as T;
    let rewrite = Conversion::Rewrite;
    match (from, to) {
        (from, to) if from == to => Conversion::None,
        (T::Integer, T::BigInt)
        | (T::Float, T::Double)
        | (T::Decimal { .. }, T::Decimal { .. }) => Conversion::None,
        (T::Integer, T::Float | T::Double) => rewrite("CAST({} AS REAL)"),
        (T::Integer | T::BigInt, T::Decimal { .. } | T::String | T::Json) => {
            rewrite("CAST({} AS TEXT)")
        }
        // 17 digits read back as the same number.
        (T::Float | T::Double, T::String) => rewrite(DOUBLE_AS_TEXT),
        (T::Float | T::Double, T::Json) => rewrite(DOUBLE_AS_JSON),
        (T::Binary, T::String) => rewrite("CASE WHEN {} IS NOT NULL THEN lower(hex({})) END"),
        (T::Binary, T::Json) => {
            rewrite("CASE WHEN {} IS NOT NULL THEN json_quote(lower(hex({}))) END")
        }
        (T::Boolean, T::String | T::Json) => {
            rewrite("CASE {} WHEN 0 THEN 'false' WHEN 1 THEN 'true' END")
        }
        (T::Boolean, T::Integer | T::BigInt) => Conversion::None,
        (T::Date, T::Timestamp) => rewrite("{} || 'T00:00:00.000000'"),
        (T::Json | T::Array(_), T::String) | (T::Array(_), T::Json) => Conversion::None,
        (T::Decimal { .. }, T::String | T::Json) => Conversion::None,
        (T::Date | T::Time | T::Timestamp | T::TimestampTz | T::Uuid, T::String) => {
            Conversion::None
        }
        (T::String | T::Date | T::Time | T::Timestamp | T::TimestampTz | T::Uuid, T::Json) => {
            rewrite("CASE WHEN {} IS NOT NULL THEN json_quote({}) END")
        }
        _ => Conversion::Impossible,
    }
}
