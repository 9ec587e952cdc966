//! What is stored of a chunk: its range of `_id`, and the last document that was read.
//!
//! Both are BSON documents with `v`, the version of the format; `_id`s are kept to the last bit.

use cartridge_warp_sdk::Failure;
use mongodb::bson::{RawBson, RawBsonRef, RawDocument, Timestamp, cstr, rawdoc};

use crate::form::Form;

const VERSION: i32 = 1;
/// The host stores 64 KiB. An `_id` may be larger, but hardly ever is.
const BYTES_MAX: usize = 60 << 10;

/// A range of a collection.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    /// Everything up to this moment must be seen.
    pub time: Timestamp,
    /// All `_id`s were of one type when it was planned, so that a query's own operators see them all.
    pub one_type: bool,
    /// The first `_id`; none from the beginning.
    pub from: Option<RawBson>,
    /// The first `_id` behind it; none to the end, wherever that is by then.
    pub to: Option<RawBson>,
    /// An `_id` of the collection when it was planned, so that every reader expects the same type.
    pub sample: Option<RawBson>,
    /// The form of the collection's rows; none in ranges of the first version.
    pub form: Option<Form>,
}

impl Range {
    /// The bytes for the host; none when they are too many.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut document = rawdoc! { "v": VERSION, "time": self.time, "one_type": self.one_type };
        let bounds =
            [(cstr!("from"), &self.from), (cstr!("to"), &self.to), (cstr!("sample"), &self.sample)];
        for (key, bound) in bounds {
            if let Some(id) = bound {
                document.append(key, id.as_raw_bson_ref());
            }
        }
        if let Some(form) = &self.form {
            document.append(cstr!("form"), form.words());
        }
        Some(document.into_bytes()).filter(|bytes| bytes.len() <= BYTES_MAX)
    }

    /// Reads them back.
    pub fn decode(bytes: &[u8]) -> Result<Self, Failure> {
        let read = || {
            let document = versioned(bytes)?;
            let id = |key: &str| Some(document.get(key).ok()?.map(RawBson::from));
            let time = document.get_timestamp("time").ok()?;
            let one_type = document.get_bool("one_type").ok()?;
            let form = match document.get("form").ok()? {
                None => None,
                Some(words) => Some(Form::stored(words.as_str()?)),
            };
            let (from, to, sample) = (id("from")?, id("to")?, id("sample")?);
            Some(Self { time, one_type, from, to, sample, form })
        };
        read().ok_or_else(|| unreadable("chunk"))
    }
}

/// The cursor behind a document.
///
/// # Errors
/// `config` when its `_id` is larger than what can be stored.
pub fn cursor_after(id: RawBsonRef<'_>, table: &str) -> Result<Vec<u8>, Failure> {
    let mut document = rawdoc! { "v": VERSION };
    document.append(cstr!("id"), id);
    let bytes = document.into_bytes();
    if bytes.len() <= BYTES_MAX {
        return Ok(bytes);
    }
    Err(Failure::config(
        "id-too-large",
        format!(
            "collection {table} has an _id of more than {BYTES_MAX} bytes, behind which a copy could \
             not go on after a crash; leave the collection out"
        ),
    ))
}

/// Reads a cursor.
pub fn read_cursor(bytes: &[u8]) -> Result<RawBson, Failure> {
    let id = versioned(bytes).and_then(|document| document.get("id").ok().flatten());
    id.map(RawBson::from).ok_or_else(|| unreadable("cursor"))
}

/// Whether two `_id`s, the first and the last of a collection by its index, are of one type that
/// queries compare as the index does. An index sorts by type, so then all between are of it.
pub fn are_of_one_type(first: RawBsonRef<'_>, last: RawBsonRef<'_>) -> bool {
    class(first).is_some_and(|of_first| class(last) == Some(of_first))
}

fn class(id: RawBsonRef<'_>) -> Option<u8> {
    match id {
        RawBsonRef::Int32(_) | RawBsonRef::Int64(_) => Some(1),
        // Queries leave NaN out, which is no number and yet among them.
        RawBsonRef::Double(number) => (!number.is_nan()).then_some(1),
        RawBsonRef::String(_) => Some(2),
        RawBsonRef::ObjectId(_) => Some(3),
        RawBsonRef::Binary(_) => Some(4),
        RawBsonRef::DateTime(_) => Some(5),
        _ => None,
    }
}

fn versioned(bytes: &[u8]) -> Option<&RawDocument> {
    let document = RawDocument::from_bytes(bytes).ok()?;
    (document.get_i32("v").ok()? == VERSION).then_some(document)
}

fn unreadable(what: &str) -> Failure {
    Failure::resync(
        "unreadable-cursor",
        format!(
            "the stored {what} was not written by this connector or is damaged; run again with \
             --full-resync"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{Bson, doc, oid::ObjectId};

    #[test]
    fn ranges_and_cursors_survive_and_damaged_ones_are_refused() {
        let time = Timestamp { time: 9, increment: 1 };
        let ids = [
            Bson::Int32(5),
            Bson::ObjectId(ObjectId::from_bytes([7; 12])),
            Bson::String("x".into()),
            Bson::Document(doc! { "a": [1, 2.5] }),
            Bson::MinKey,
            Bson::Null,
        ];
        for id in ids.map(|id| RawBson::try_from(id).unwrap()) {
            let sample = Some(id.clone());
            let from = Some(id.clone());
            let form = Some(Form::stored("json"));
            let range = Range { time, one_type: true, from, to: None, sample, form };
            for range in [range.clone(), Range { from: None, to: Some(id.clone()), ..range }] {
                let bytes = range.encode().unwrap();
                assert_eq!(Range::decode(&bytes), Ok(range));
                for end in 0..bytes.len() {
                    assert!(Range::decode(&bytes[..end]).is_err(), "cut at {end}");
                }
            }
            let cursor = cursor_after(id.as_raw_bson_ref(), "t").unwrap();
            assert_eq!(read_cursor(&cursor), Ok(id));
            for end in 0..cursor.len() {
                assert!(read_cursor(&cursor[..end]).is_err(), "cut at {end}");
            }
        }
        let long = RawBson::String("x".repeat(BYTES_MAX));
        let failure = cursor_after(long.as_raw_bson_ref(), "t").unwrap_err();
        assert_eq!(failure.code, "id-too-large");
        let range =
            Range { time, one_type: false, from: Some(long), to: None, sample: None, form: None };
        assert_eq!(range.encode(), None);
    }

    #[test]
    fn one_type_is_what_queries_and_the_index_order_alike() {
        let id = |id: Bson| RawBson::try_from(id).unwrap();
        let object_id = |byte| id(Bson::ObjectId(ObjectId::from_bytes([byte; 12])));
        for (first, last, expected) in [
            (object_id(1), object_id(2), true),
            (id(Bson::Int32(1)), id(Bson::Double(2.5)), true),
            (id(Bson::Int32(1)), id(Bson::String("a".into())), false),
            (id(Bson::Double(f64::NAN)), id(Bson::Int64(1)), false),
            (id(Bson::Null), id(Bson::Null), false),
            (id(Bson::Document(doc! { "a": 1 })), id(Bson::Document(doc! { "a": 2 })), false),
        ] {
            let result = are_of_one_type(first.as_raw_bson_ref(), last.as_raw_bson_ref());
            assert_eq!(result, expected, "{first:?} {last:?}");
        }
    }
}
