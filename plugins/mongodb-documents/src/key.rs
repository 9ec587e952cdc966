//! The key `_id`: which type the column has, and what each `_id` is in it.
//!
//! Two different `_id`s never get one value, and those that MongoDB holds for equal always do. So a
//! column of text holds either ObjectIds, or strings, or JSON, never a mixture: a string of 24
//! digits would meet an ObjectId. An `_id` of another type than the first is a failure for a person,
//! since neither a guess nor a dead letter would keep deletes of it apart.

use bson::RawBsonRef;
use cartridge_warp_sdk::{Column, ColumnType, Failure, RowBuilder, Value, ValueError};

use crate::json::{self, Style};
use crate::kinds::{ORIGIN, uuid};
use crate::mode::IdType;
use crate::number::Normal;
use crate::rejection::Rejection;
use crate::scalar::object_id;

/// The name of the key in documents and tables.
pub(crate) const ID: &str = "_id";
/// What the column's own type is called, behind [`ORIGIN`].
const OBJECT_ID: &str = "objectId";
const JSON: &str = "json";

/// What the `_id`s of a collection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// None was seen yet.
    Unknown,
    ObjectId,
    String,
    Integer,
    Uuid,
    /// JSON text of values that are none of the above.
    Other,
    /// JSON text of any value.
    Any,
}

/// An `_id` in the form of its column.
pub(crate) enum KeyValue<'a> {
    ObjectId([u8; 24]),
    Str(&'a str),
    Integer(i64),
    Uuid([u8; 16]),
    Json(String),
}

impl Key {
    pub(crate) fn new(id_type: IdType) -> Self {
        match id_type {
            IdType::Auto => Self::Unknown,
            IdType::Json => Self::Any,
        }
    }

    /// What a collection whose first `_id` is this one has.
    fn of(id: RawBsonRef<'_>) -> Self {
        match id {
            RawBsonRef::ObjectId(_) => Self::ObjectId,
            RawBsonRef::String(_) | RawBsonRef::Symbol(_) => Self::String,
            RawBsonRef::Binary(binary) if uuid(&binary).is_some() => Self::Uuid,
            _ if integer(id).is_some() => Self::Integer,
            _ => Self::Other,
        }
    }

    /// Takes note of an `_id`.
    ///
    /// # Errors
    /// `config` when it is of another type than those before.
    pub(crate) fn observe(&mut self, id: RawBsonRef<'_>, collection: &str) -> Result<(), Failure> {
        let key = Self::of(id);
        match *self {
            Self::Unknown => *self = key,
            Self::Any => {}
            known if known == key => {}
            known => return Err(known.mixed(key, collection)),
        }
        Ok(())
    }

    fn mixed(self, other: Self, collection: &str) -> Failure {
        Failure::config(
            "mixed-ids",
            format!(
                "collection {collection} has _ids of more than one type, {} and {}, which no column \
                 keeps apart; set options.id_type to json and run once with --full-resync",
                self.words(),
                other.words()
            ),
        )
    }

    fn words(self) -> &'static str {
        match self {
            Self::ObjectId => "ObjectIds",
            Self::String => "strings",
            Self::Integer => "integers of 64 bits",
            Self::Uuid => "UUIDs",
            Self::Unknown | Self::Other | Self::Any => "others",
        }
    }

    /// The key's column; as long as no `_id` was seen a guess, which changes no key that is known.
    pub(crate) fn column(self) -> Column {
        let column = |column_type| Column::new(ID, column_type).required();
        match self {
            Self::Unknown => column(ColumnType::String).unseen(),
            Self::String => column(ColumnType::String),
            Self::ObjectId => column(ColumnType::String).origin(format!("{ORIGIN}{OBJECT_ID}")),
            Self::Integer => column(ColumnType::BigInt),
            Self::Uuid => column(ColumnType::Uuid),
            Self::Other | Self::Any => column(ColumnType::String).origin(format!("{ORIGIN}{JSON}")),
        }
    }

    /// The `_id` in its column; none when it is of another type than those before.
    pub(crate) fn value<'a>(self, id: RawBsonRef<'a>) -> Result<Option<KeyValue<'a>>, Rejection> {
        Ok(match (self, id) {
            (Self::ObjectId, RawBsonRef::ObjectId(id)) => Some(KeyValue::ObjectId(object_id(id))),
            (Self::String, RawBsonRef::String(text) | RawBsonRef::Symbol(text)) => {
                Some(KeyValue::Str(text))
            }
            (Self::Integer, _) => integer(id).map(KeyValue::Integer),
            (Self::Uuid, RawBsonRef::Binary(binary)) => uuid(&binary).map(KeyValue::Uuid),
            (Self::Any, _) => Some(KeyValue::Json(json(id)?)),
            (Self::Other, _) if Self::of(id) == Self::Other => Some(KeyValue::Json(json(id)?)),
            _ => None,
        })
    }
}

/// How the key's column says what an `_id` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// The digits of an ObjectId.
    ObjectId,
    /// JSON text.
    Json,
    /// The value itself.
    Plain,
}

impl KeyForm {
    /// The form of a key's column.
    pub fn of(column: &Column) -> Self {
        match column.origin_type.as_deref().and_then(|origin| origin.strip_prefix(ORIGIN)) {
            Some(OBJECT_ID) => Self::ObjectId,
            Some(JSON) => Self::Json,
            _ => Self::Plain,
        }
    }
}

impl KeyValue<'_> {
    /// As text, whatever the column's type.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::ObjectId(digits) => str::from_utf8(digits).unwrap_or_default().to_owned(),
            Self::Str(text) => (*text).to_owned(),
            Self::Integer(number) => number.to_string(),
            Self::Uuid(bytes) => Value::Uuid(*bytes).to_string(),
            Self::Json(text) => text.clone(),
        }
    }

    /// Sets the key of a row.
    pub(crate) fn set(&self, row: &mut RowBuilder<'_>, column: usize) -> Result<(), ValueError> {
        match self {
            Self::ObjectId(digits) => row.set(column, str::from_utf8(digits).unwrap_or_default()),
            Self::Str(text) => row.set(column, *text),
            Self::Integer(number) => row.set(column, *number),
            Self::Uuid(bytes) => row.set(column, Value::Uuid(*bytes)),
            Self::Json(text) => row.set(column, text),
        }
    }
}

/// The `_id` as canonical JSON.
pub(crate) fn json(id: RawBsonRef<'_>) -> Result<String, Rejection> {
    let mut out = Vec::new();
    json::write(&mut out, id, Style::Key)?;
    String::from_utf8(out).map_err(|_| Rejection::new("invalid-utf8", "the _id is not UTF-8"))
}

fn integer(id: RawBsonRef<'_>) -> Option<i64> {
    match id {
        RawBsonRef::Int32(number) => Some(i64::from(number)),
        RawBsonRef::Int64(number) => Some(number),
        RawBsonRef::Double(number) => Normal::of_double(number).to_i64(),
        RawBsonRef::Decimal128(number) => Normal::of_decimal(number).to_i64(),
        _ => None,
    }
}
