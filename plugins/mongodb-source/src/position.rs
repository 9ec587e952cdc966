//! The position: a place in the log, or for polling a place in each table.
//!
//! A BSON document with `v`, the version of the format. A place in the log is the resume token of an
//! event or heartbeat as the server gave it, and the cluster's time, which tokens do not show. It never
//! lies within an event: of a split event the last fragment's token counts, and only once all
//! fragments were read. Beside it stands the form of the rows (`form`). Earlier versions wrote down which
//! tables were dropped and had not come back, and are still read.

use std::collections::BTreeSet;

use cartridge_warp_sdk::Failure;
use mongodb::bson::{Bson, Document, RawDocument, RawDocumentBuf, Timestamp, doc};

use crate::form::Form;
use crate::places::Places;

const VERSION: i32 = 1;
/// The host stores 64 KiB.
pub const BYTES_MAX: usize = 60 << 10;
/// A place that takes so much is what makes a position too large, not the number of tables.
const PLACE_BYTES_LARGE: usize = 4 << 10;

/// A place in a source's history.
#[derive(Debug, Clone, PartialEq)]
pub enum Position {
    /// In the log of changes.
    Log(LogPosition),
    /// In the tables' own order of time.
    Polling(Places),
}

/// A place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogPosition {
    /// Where the stream goes on.
    pub from: From,
    /// The cluster's time there, or before.
    pub time: Timestamp,
    /// The cluster's time there, or after: a copy that shows everything up to it lacks nothing that
    /// the stream will not bring.
    pub seen: Timestamp,
    /// Tables that an earlier version remembered as dropped, until the host has heard of them.
    pub dropped: BTreeSet<String>,
    /// The form of the rows so far, where it was stored.
    pub form: Option<Form>,
}

/// How a stream is told where to go on.
#[derive(Debug, Clone, PartialEq)]
pub enum From {
    /// After this token.
    After(RawDocumentBuf),
    /// After the token of an `invalidate`, with which a stream had ended.
    AfterEnd(RawDocumentBuf),
    /// At the time itself, its own events included.
    Time,
}

impl Position {
    /// Reads a stored position whose rows have this form, and gives it the form if it has none.
    ///
    /// # Errors
    /// As [`Position::decode`], and `config` when the form is another one.
    pub fn of_form(bytes: &[u8], form: &Form) -> Result<Self, Failure> {
        let mut position = Self::decode(bytes)?;
        let stored = match &mut position {
            Self::Log(log) => &mut log.form,
            Self::Polling(places) => &mut places.form,
        };
        form.check(stored.as_ref())?;
        *stored = Some(form.clone());
        Ok(position)
    }

    /// The bytes for the host.
    ///
    /// # Errors
    /// `config` when it is larger than the host stores.
    pub fn encode(&self) -> Result<Vec<u8>, Failure> {
        let document = match self {
            Self::Log(log) => log.to_document(),
            Self::Polling(places) => {
                let tables = places.tables.iter().map(|(table, place)| {
                    let place = doc! { "at": place.at.clone(), "id": place.id.clone() };
                    (table.clone(), Bson::Document(place))
                });
                with_form(
                    doc! { "v": VERSION, "tables": Document::from_iter(tables) },
                    &places.form,
                )
            }
        };
        let bytes = document.to_vec().map_err(|error| {
            Failure::stop("unwritable-position", "the position cannot be written")
                .detail(error.to_string())
        })?;
        if bytes.len() > BYTES_MAX { Err(self.too_large(bytes.len())) } else { Ok(bytes) }
    }

    fn too_large(&self, bytes: usize) -> Failure {
        let large_id = |what: &str| {
            Failure::config(
                "id-too-large",
                format!(
                    "{what}, and the position with it {bytes} bytes, more than can be stored; leave \
                     collections with such large _ids out"
                ),
            )
        };
        match self {
            // Nothing else in it is large.
            Self::Log(_) => large_id(
                "the resume token of a change has the _id of its document in it, twice as long as it \
                 is",
            ),
            Self::Polling(places) => match places.largest() {
                Some((table, size)) if size > PLACE_BYTES_LARGE => large_id(&format!(
                    "the last document that was read of collection {table} has {size} bytes of time \
                     and _id"
                )),
                _ => Failure::config(
                    "position-too-large",
                    format!(
                        "the position has {bytes} bytes, more than can be stored; follow fewer tables \
                         in one pipeline"
                    ),
                ),
            },
        }
    }

    /// Reads the bytes back.
    pub fn decode(bytes: &[u8]) -> Result<Self, Failure> {
        Self::read(bytes).ok_or_else(|| {
            Failure::stop(
                "unreadable-position",
                format!(
                    "the stored position ({} bytes) was not written by this connector or is damaged; \
                     run again with --full-resync",
                    bytes.len()
                ),
            )
        })
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let document = Document::try_from(RawDocument::from_bytes(bytes).ok()?).ok()?;
        if document.get_i32("v").ok()? != VERSION {
            return None;
        }
        if document.contains_key("tables") {
            let tables = Places::read(document.get_document("tables").ok()?)?;
            return Some(Self::Polling(Places { tables, form: form(&document)? }));
        }
        LogPosition::read(&document).map(Self::Log)
    }
}

impl LogPosition {
    fn to_document(&self) -> Document {
        let mut document = doc! { "v": VERSION, "time": self.time, "seen": self.seen };
        let token = |token: &RawDocumentBuf| token.as_bytes().to_vec();
        let token = match &self.from {
            From::After(after) => Some(("after", token(after))),
            From::AfterEnd(after) => Some(("after_end", token(after))),
            From::Time => None,
        };
        if let Some((key, bytes)) = token {
            // Bytes instead of a document: what the server gave is given back to the last bit.
            let subtype = mongodb::bson::spec::BinarySubtype::Generic;
            document.insert(key, mongodb::bson::Binary { subtype, bytes });
        }
        if !self.dropped.is_empty() {
            document.insert("dropped", self.dropped.iter().cloned().collect::<Vec<String>>());
        }
        with_form(document, &self.form)
    }

    fn read(document: &Document) -> Option<Self> {
        let token = |key: &str| {
            let bytes = document.get_binary_generic(key).ok()?;
            RawDocumentBuf::from_bytes(bytes.clone()).ok()
        };
        let from = match (document.contains_key("after"), document.contains_key("after_end")) {
            (true, false) => From::After(token("after")?),
            (false, true) => From::AfterEnd(token("after_end")?),
            (false, false) => From::Time,
            (true, true) => return None,
        };
        let dropped = match document.get("dropped") {
            None => BTreeSet::new(),
            Some(names) => {
                let names = names.as_array()?.iter().map(|name| name.as_str().map(str::to_owned));
                names.collect::<Option<_>>()?
            }
        };
        let time = |key| document.get_timestamp(key).ok();
        let (time, seen) = (time("time")?, time("seen")?);
        Some(Self { from, time, seen, dropped, form: form(document)? })
    }
}

fn with_form(mut document: Document, form: &Option<Form>) -> Document {
    if let Some(form) = form {
        document.insert("form", form.words());
    }
    document
}

/// The form in a document, which may have none; none at all where it is damaged.
fn form(document: &Document) -> Option<Option<Form>> {
    match document.get("form") {
        None => Some(None),
        Some(words) => Some(Some(Form::stored(words.as_str()?))),
    }
}

/// A time of the cluster as a person reads it.
pub fn show(time: Timestamp) -> String {
    let millis = i64::from(time.time) * 1000;
    let moment = mongodb::bson::DateTime::from_millis(millis).try_to_rfc3339_string();
    format!("{} (operation {})", moment.unwrap_or_else(|_| time.time.to_string()), time.increment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::Place;
    use mongodb::bson::rawdoc;

    fn log(from: From) -> Position {
        let time = Timestamp { time: 1_760_000_000, increment: 7 };
        let seen = Timestamp { time: 1_760_000_001, increment: 1 };
        Position::Log(LogPosition { from, time, seen, dropped: BTreeSet::new(), form: None })
    }

    #[test]
    fn positions_survive_and_damaged_ones_are_refused() {
        let token = rawdoc! { "_data": "82653B", "_typeBits": true };
        let mut dropped = log(From::After(token.clone()));
        if let Position::Log(log) = &mut dropped {
            log.dropped = ["a", "b"].map(str::to_owned).into();
            log.form = Some(Form::stored("json"));
        }
        let places = [
            ("orders".to_owned(), Place { at: Bson::Int64(5), id: Bson::MinKey }),
            ("a.b".to_owned(), Place { at: Bson::MinKey, id: Bson::String("x".into()) }),
        ];
        for position in [
            log(From::After(token.clone())),
            log(From::AfterEnd(token)),
            log(From::Time),
            dropped,
            Position::Polling(Places {
                tables: places.into_iter().collect(),
                form: Some(Form::stored("json")),
            }),
            Position::Polling(Places::default()),
        ] {
            let bytes = position.encode().unwrap();
            assert_eq!(Position::decode(&bytes), Ok(position));
            for end in 0..bytes.len() {
                let failure = Position::decode(&bytes[..end]).unwrap_err();
                assert_eq!(failure.code, "unreadable-position", "cut at {end}");
            }
        }
        for damaged in [doc! { "v": 2, "time": Timestamp { time: 1, increment: 1 } }, doc! {}] {
            assert!(Position::decode(&damaged.to_vec().unwrap()).is_err(), "{damaged}");
        }
    }

    #[test]
    fn the_first_version_stays_readable() {
        let written = "4b000000107600010000001174696d6500070000000078e768117365656e0001000000\
                       0178e76805616674657200170000000017000000025f646174610007000000383236353342000000";
        let bytes: Vec<u8> = (0..written.len() / 2)
            .map(|at| u8::from_str_radix(&written[at * 2..at * 2 + 2], 16).unwrap())
            .collect();
        assert_eq!(
            Position::decode(&bytes),
            Ok(log(From::After(rawdoc! { "_data": "82653B" }))),
            "now it is {:02x?}",
            log(From::After(rawdoc! { "_data": "82653B" })).encode()
        );
    }

    #[test]
    fn a_form_is_kept_and_another_one_is_refused() {
        let (form, other) = (Form::stored("one"), Form::stored("other"));
        for without in [log(From::Time), Position::Polling(Places::default())] {
            let first = Position::of_form(&without.encode().unwrap(), &form).unwrap();
            let bytes = first.encode().unwrap();
            assert_eq!(Position::of_form(&bytes, &form), Ok(first));
            assert_eq!(Position::of_form(&bytes, &other).unwrap_err().code, "options-changed");
        }
    }

    #[test]
    fn a_position_that_is_too_large_says_what_takes_the_room() {
        let places = |tables: usize, id: usize| {
            let place = Place { at: Bson::Int64(5), id: Bson::String("x".repeat(id)) };
            let tables = (0..tables).map(|at| (format!("t{at}"), place.clone())).collect();
            Position::Polling(Places { tables, form: None })
        };
        let token = rawdoc! { "_data": "A".repeat(61 << 10) };
        for (position, code, word) in [
            (log(From::After(token)), "id-too-large", "token"),
            (places(3, 30 << 10), "id-too-large", "collection t"),
            (places(3_000, 10), "position-too-large", "fewer tables"),
        ] {
            let failure = position.encode().unwrap_err();
            assert_eq!(failure.code, code);
            assert!(failure.message.contains(word), "{failure}");
        }
    }
}
