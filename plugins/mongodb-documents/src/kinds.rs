//! Which kinds of values a field has had, and the column type that holds all of them.
//!
//! A set that only grows: its type depends on what was seen, never on the order. Each step from one
//! type to another is a step that the host takes too, so instances that saw different documents of
//! one collection end at the same type.

use bson::RawBsonRef;
use bson::spec::BinarySubtype;
use cartridge_warp_sdk::ColumnType;

/// Begins the origin of a column (`warp:type`) that comes from MongoDB, such as `mongodb:objectId`.
pub const ORIGIN: &str = "mongodb:";

/// A set of kinds of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Kinds(u16);

/// Which subtypes a field's binary values have had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Subtypes {
    #[default]
    None,
    One(u8),
    Many,
}

/// What was seen of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    kinds: Kinds,
    subtypes: Subtypes,
}

impl Kinds {
    const INT32: Self = Self(1);
    const INT64: Self = Self(1 << 1);
    const DOUBLE: Self = Self(1 << 2);
    const BOOLEAN: Self = Self(1 << 3);
    const DATE: Self = Self(1 << 4);
    const STRING: Self = Self(1 << 5);
    const SYMBOL: Self = Self(1 << 6);
    const OBJECT_ID: Self = Self(1 << 7);
    const DECIMAL: Self = Self(1 << 8);
    const UUID: Self = Self(1 << 9);
    const BINARY: Self = Self(1 << 10);
    /// Documents and arrays.
    const NESTED: Self = Self(1 << 11);
    /// What no column type means: regular expressions, code, MinKey, …
    const SPECIAL: Self = Self(1 << 12);

    const INTEGERS: Self = Self(Self::INT32.0 | Self::INT64.0);
    const DOUBLES: Self = Self(Self::INT32.0 | Self::DOUBLE.0);
    const JSON: Self = Self(Self::NESTED.0 | Self::SPECIAL.0);

    /// The kind of a value; empty for null.
    #[inline]
    pub(crate) fn of(value: &RawBsonRef<'_>) -> Self {
        match value {
            RawBsonRef::Null => Self(0),
            RawBsonRef::Int32(_) => Self::INT32,
            RawBsonRef::Int64(_) => Self::INT64,
            RawBsonRef::Double(_) => Self::DOUBLE,
            RawBsonRef::Boolean(_) => Self::BOOLEAN,
            RawBsonRef::DateTime(_) => Self::DATE,
            RawBsonRef::String(_) => Self::STRING,
            RawBsonRef::Symbol(_) => Self::SYMBOL,
            RawBsonRef::ObjectId(_) => Self::OBJECT_ID,
            RawBsonRef::Decimal128(_) => Self::DECIMAL,
            RawBsonRef::Binary(binary) if uuid(binary).is_some() => Self::UUID,
            RawBsonRef::Binary(_) => Self::BINARY,
            RawBsonRef::Document(_) | RawBsonRef::Array(_) => Self::NESTED,
            _ => Self::SPECIAL,
        }
    }

    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline]
    fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn column_type(self) -> ColumnType {
        match self {
            _ if self.meets(Self::JSON) => ColumnType::Json,
            Self::INT32 => ColumnType::Integer,
            _ if self.within(Self::INTEGERS) => ColumnType::BigInt,
            _ if self.within(Self::DOUBLES) => ColumnType::Double,
            Self::BOOLEAN => ColumnType::Boolean,
            Self::DATE => ColumnType::TimestampTz,
            Self::UUID => ColumnType::Uuid,
            Self::BINARY => ColumnType::Binary,
            // Text holds every scalar, the way its own column reads as text.
            _ => ColumnType::String,
        }
    }
}

/// The sixteen bytes of a UUID: subtype 4 only, since the byte order of subtype 3 depends on the
/// driver that wrote it.
#[inline]
pub(crate) fn uuid(binary: &bson::RawBinaryRef<'_>) -> Option<[u8; 16]> {
    if binary.subtype != BinarySubtype::Uuid {
        return None;
    }
    binary.bytes.try_into().ok()
}

impl Seen {
    /// Whether values like this were seen already.
    #[inline]
    pub(crate) fn has(self, kind: Kinds, value: &RawBsonRef<'_>) -> bool {
        kind.within(self.kinds)
            && (kind != Kinds::BINARY || self.subtypes.with(value) == self.subtypes)
    }

    /// The same, and this value.
    pub(crate) fn with(self, value: &RawBsonRef<'_>) -> Self {
        let kinds = Kinds(self.kinds.0 | Kinds::of(value).0);
        Self { kinds, subtypes: self.subtypes.with(value) }
    }

    /// Nothing but nulls.
    pub(crate) fn is_empty(self) -> bool {
        self.kinds.is_empty()
    }

    /// The type that holds everything seen.
    pub(crate) fn column_type(self) -> ColumnType {
        self.kinds.column_type()
    }

    /// MongoDB's own type, where the column's says less and there was only one.
    pub(crate) fn origin(self) -> Option<String> {
        let name = match self.kinds {
            Kinds::OBJECT_ID => "objectId",
            Kinds::DECIMAL => "decimal",
            Kinds::SYMBOL => "symbol",
            Kinds::BINARY => {
                return Some(match self.subtypes {
                    Subtypes::One(subtype) => format!("{ORIGIN}binData({subtype})"),
                    Subtypes::None | Subtypes::Many => format!("{ORIGIN}binData"),
                });
            }
            _ => return None,
        };
        Some(format!("{ORIGIN}{name}"))
    }
}

impl Subtypes {
    fn with(self, value: &RawBsonRef<'_>) -> Self {
        let RawBsonRef::Binary(binary) = value else { return self };
        let subtype = u8::from(binary.subtype);
        match self {
            Self::None => Self::One(subtype),
            Self::One(seen) if seen == subtype => self,
            Self::One(_) | Self::Many => Self::Many,
        }
    }
}
