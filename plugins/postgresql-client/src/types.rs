//! Which type of the server is which type of the model.
//!
//! A type that the model has no exact form for travels as text, the way the server writes it, and
//! its name travels as the column's origin with [`ORIGIN`] in front. A PostgreSQL destination makes
//! the column with that type again and lets the server read the text.

use cartridge_warp_sdk::ColumnType;
use tokio_postgres::types::Type;

/// Begins the origin of a column (`warp:type`) that comes from PostgreSQL, such as
/// `postgresql:numeric(1000,3)`; after it stands what `format_type` says.
pub const ORIGIN: &str = "postgresql:";

/// Digits of the largest decimal of the model.
const DECIMAL_DIGITS_MAX: i32 = 76;
/// What the server adds to the modifier of a type.
const MODIFIER_OFFSET: i32 = 4;

/// Days from 1970-01-01 to 2000-01-01, where the server counts from.
pub const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
pub const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;

/// The model's type, where it is exact: every value of the server's type but infinite times has a
/// form in it. None for types that travel as text.
///
/// `modifier` is `pg_attribute.atttypmod`. Arrays become lists, although the server's may have more
/// dimensions than their type says, or bounds of their own.
pub fn model(type_: &Type, modifier: i32) -> Option<ColumnType> {
    Some(match *type_ {
        Type::BOOL => ColumnType::Boolean,
        Type::INT2 | Type::INT4 => ColumnType::Integer,
        Type::INT8 => ColumnType::BigInt,
        Type::FLOAT4 => ColumnType::Float,
        Type::FLOAT8 => ColumnType::Double,
        Type::NUMERIC => decimal(modifier)?,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME => ColumnType::String,
        Type::BYTEA => ColumnType::Binary,
        Type::DATE => ColumnType::Date,
        Type::TIME => ColumnType::Time,
        Type::TIMESTAMP => ColumnType::Timestamp,
        Type::TIMESTAMPTZ => ColumnType::TimestampTz,
        Type::UUID => ColumnType::Uuid,
        Type::JSON | Type::JSONB => ColumnType::Json,
        ref array => {
            let item = element(array)?;
            ColumnType::Array(Box::new(model(&item, modifier)?))
        }
    })
}

/// What the items of an array type are.
pub fn element(array: &Type) -> Option<Type> {
    match array.kind() {
        tokio_postgres::types::Kind::Array(item) => Some(item.clone()),
        _ => None,
    }
}

/// The digits of `numeric(p,s)`; none where they are not declared or too many for the model.
fn decimal(modifier: i32) -> Option<ColumnType> {
    let packed = modifier.checked_sub(MODIFIER_OFFSET).filter(|packed| *packed >= 0)?;
    let (precision, scale) = (packed >> 16 & 0xffff, packed & 0x7ff);
    // Eleven bits with a sign.
    let scale = (scale ^ 1024) - 1024;
    let fits = (1..=DECIMAL_DIGITS_MAX).contains(&precision) && scale.abs() <= precision;
    let precision = u8::try_from(precision).ok().filter(|_| fits)?;
    Some(ColumnType::Decimal { precision, scale: i8::try_from(scale).ok()? })
}

/// The type of the server that holds every value of the model's type.
pub fn server(column_type: &ColumnType) -> Type {
    match column_type {
        ColumnType::String => Type::TEXT,
        ColumnType::Integer => Type::INT4,
        ColumnType::BigInt => Type::INT8,
        ColumnType::Float => Type::FLOAT4,
        ColumnType::Double => Type::FLOAT8,
        ColumnType::Decimal { .. } => Type::NUMERIC,
        ColumnType::Boolean => Type::BOOL,
        ColumnType::Date => Type::DATE,
        ColumnType::Time => Type::TIME,
        ColumnType::Timestamp => Type::TIMESTAMP,
        ColumnType::TimestampTz => Type::TIMESTAMPTZ,
        ColumnType::Uuid => Type::UUID,
        ColumnType::Json => Type::JSONB,
        ColumnType::Binary => Type::BYTEA,
        ColumnType::Array(item) => match innermost(item) {
            ColumnType::String => Type::TEXT_ARRAY,
            ColumnType::Integer => Type::INT4_ARRAY,
            ColumnType::BigInt => Type::INT8_ARRAY,
            ColumnType::Float => Type::FLOAT4_ARRAY,
            ColumnType::Double => Type::FLOAT8_ARRAY,
            ColumnType::Decimal { .. } => Type::NUMERIC_ARRAY,
            ColumnType::Boolean => Type::BOOL_ARRAY,
            ColumnType::Date => Type::DATE_ARRAY,
            ColumnType::Time => Type::TIME_ARRAY,
            ColumnType::Timestamp => Type::TIMESTAMP_ARRAY,
            ColumnType::TimestampTz => Type::TIMESTAMPTZ_ARRAY,
            ColumnType::Uuid => Type::UUID_ARRAY,
            ColumnType::Binary => Type::BYTEA_ARRAY,
            // A list of lists is an array of more dimensions, so it never comes here.
            ColumnType::Json | ColumnType::Array(_) => Type::JSONB_ARRAY,
        },
    }
}

/// A list's items, or those of the lists in it.
pub fn innermost(item: &ColumnType) -> &ColumnType {
    match item {
        ColumnType::Array(item) => innermost(item),
        item => item,
    }
}

/// How a column of the model's type is declared, as `format_type` writes it. Decimals with a
/// negative scale, which servers before 15 do not know, are declared without digits.
pub fn declared(column_type: &ColumnType) -> String {
    match column_type {
        ColumnType::Decimal { precision, scale } if *scale >= 0 => {
            format!("numeric({precision},{scale})")
        }
        ColumnType::Array(item) => format!("{}[]", declared(innermost(item))),
        other => formatted(&server(other)).to_owned(),
    }
}

/// What `format_type` says of the types in [`server`].
fn formatted(type_: &Type) -> &'static str {
    match *type_ {
        Type::INT4 => "integer",
        Type::INT8 => "bigint",
        Type::FLOAT4 => "real",
        Type::FLOAT8 => "double precision",
        Type::NUMERIC => "numeric",
        Type::BOOL => "boolean",
        Type::DATE => "date",
        Type::TIME => "time without time zone",
        Type::TIMESTAMP => "timestamp without time zone",
        Type::TIMESTAMPTZ => "timestamp with time zone",
        Type::UUID => "uuid",
        Type::JSONB => "jsonb",
        Type::BYTEA => "bytea",
        _ => "text",
    }
}

/// A day of the model as the server's. The model's last and first day stand for the infinities.
pub fn days_to_server(days: i32) -> Option<i32> {
    if days == i32::MAX || days == i32::MIN { Some(days) } else { days.checked_sub(EPOCH_DAYS) }
}

/// The reverse of [`days_to_server`].
pub fn days_from_server(days: i32) -> Option<i32> {
    if days == i32::MAX || days == i32::MIN { Some(days) } else { days.checked_add(EPOCH_DAYS) }
}

/// A time of the model as the server's. The model's last and first microsecond stand for the
/// infinities.
pub fn micros_to_server(micros: i64) -> Option<i64> {
    let infinite = micros == i64::MAX || micros == i64::MIN;
    if infinite { Some(micros) } else { micros.checked_sub(EPOCH_MICROS) }
}

/// The reverse of [`micros_to_server`].
pub fn micros_from_server(micros: i64) -> Option<i64> {
    let infinite = micros == i64::MAX || micros == i64::MIN;
    if infinite { Some(micros) } else { micros.checked_add(EPOCH_MICROS) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_of_the_model_comes_back_from_its_declaration() {
        for text in [
            "string",
            "integer",
            "bigint",
            "float",
            "double",
            "boolean",
            "date",
            "time",
            "timestamp",
            "timestamptz",
            "uuid",
            "json",
            "binary",
            "array(bigint)",
            "array(json)",
        ] {
            let column_type: ColumnType = text.parse().unwrap();
            assert_eq!(model(&server(&column_type), -1), Some(column_type), "{text}");
        }
    }

    #[test]
    fn declarations_are_the_servers_own_words() {
        for (text, declaration) in [
            ("integer", "integer"),
            ("decimal(10,2)", "numeric(10,2)"),
            ("decimal(10,-2)", "numeric"),
            ("array(array(timestamptz))", "timestamp with time zone[]"),
            ("array(decimal(5,0))", "numeric(5,0)[]"),
            ("json", "jsonb"),
        ] {
            assert_eq!(declared(&text.parse().unwrap()), declaration, "{text}");
        }
    }

    #[test]
    fn digits_of_a_numeric_are_its_modifiers() {
        let modifier = |precision: i32, scale: i32| (precision << 16 | scale & 0x7ff) + 4;
        for (modifier, expect) in [
            (modifier(10, 2), Some("decimal(10,2)")),
            (modifier(76, 76), Some("decimal(76,76)")),
            (modifier(5, -2), Some("decimal(5,-2)")),
            (modifier(77, 0), None),
            (modifier(3, 5), None),
            (-1, None),
        ] {
            let expect = expect.map(|text| text.parse().unwrap());
            assert_eq!(model(&Type::NUMERIC, modifier), expect, "{modifier}");
        }
    }

    #[test]
    fn times_move_by_thirty_years_and_infinities_stay() {
        assert_eq!(days_to_server(EPOCH_DAYS), Some(0));
        assert_eq!(micros_to_server(EPOCH_MICROS + 1), Some(1));
        assert_eq!(micros_from_server(1), Some(EPOCH_MICROS + 1));
        for extreme in [i64::MAX, i64::MIN] {
            assert_eq!(micros_to_server(extreme), Some(extreme));
            assert_eq!(micros_from_server(extreme), Some(extreme));
        }
        assert_eq!(micros_to_server(i64::MIN + 1), None);
        assert_eq!(days_from_server(i32::MAX - 1), None);
    }
}
