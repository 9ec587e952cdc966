//! Reads change events, whole ones and those that the server split.
//!
//! What is not understood is an error, never skipped: an event that is left out is a change that is
//! lost. Kinds of events that say nothing about documents are known by name.

use mongodb::bson::{RawBsonRef, RawDocument, RawDocumentBuf, Timestamp};

/// Fragments of one event: the document, what changed in it, and the rest, 16 MB each; servers may cut
/// smaller.
const FRAGMENTS_MAX: i32 = 8;
/// All fragments of one event together (I7).
const FRAGMENTS_BYTES_MAX: usize = 50 << 20;

/// What the event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A document came.
    Insert,
    /// A document changed, in part or whole.
    Update,
    /// A document went.
    Delete,
    /// A collection was made, which has no document yet.
    Create,
    /// A collection went.
    Drop,
    /// A collection has another name.
    Rename,
    /// The stream's database went, and its stream with it.
    Invalidate,
    /// Nothing that concerns rows: indexes, options, sharding, views, the end of a database,
    /// each of whose collections had an event of its own.
    Other,
}

impl Kind {
    /// Whether it is about one document.
    pub fn is_row(self) -> bool {
        matches!(self, Self::Insert | Self::Update | Self::Delete)
    }
}

/// An event in the words that matter here; borrowed from its document or its fragments.
#[derive(Debug)]
pub struct Event<'a> {
    /// What happened.
    pub kind: Kind,
    /// Goes on behind this event.
    pub token: &'a RawDocument,
    /// When it was committed, in the cluster's time.
    pub time: Timestamp,
    /// When it was committed, in microseconds since 1970.
    pub at_micros: i64,
    /// The collection; empty for events that have none.
    pub collection: &'a str,
    /// What tells the document: `_id`, and the fields by which it is sharded.
    pub key: Option<&'a RawDocument>,
    /// The document as it is now; none where it is gone already, or the server was not asked.
    pub document: Option<&'a RawDocument>,
    /// A rename's new database and collection.
    pub to: Option<(&'a str, &'a str)>,
    /// Whether a rename replaced a collection; none where the server does not say.
    pub replaced: Option<bool>,
}

/// Whether a document of the stream is a part of an event.
pub fn is_fragment(document: &&RawDocument) -> bool {
    !matches!(document.get("splitEvent"), Ok(None))
}

/// Why an event cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// The fragments of the event that is being read.
#[derive(Debug, Default)]
pub struct Fragments {
    parts: Vec<RawDocumentBuf>,
    bytes: usize,
}

impl Fragments {
    /// Whether an event is incomplete.
    pub fn is_open(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Takes a document of the stream; true when it is a fragment, and not the last.
    pub fn take(&mut self, document: &RawDocument) -> Result<bool, Unreadable> {
        let Some(split) = document.get("splitEvent").map_err(unreadable)? else {
            if self.is_open() {
                return Err(Unreadable("a split event has no end".to_owned()));
            }
            return Ok(false);
        };
        let split = split.as_document();
        let number = |key: &str| split.and_then(|split| split.get_i32(key).ok());
        let (Some(fragment), Some(of)) = (number("fragment"), number("of")) else {
            return Err(Unreadable("a fragment does not say which it is".to_owned()));
        };
        let expected = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        if of > FRAGMENTS_MAX || fragment > of || fragment != expected {
            return Err(Unreadable(format!("fragment {fragment} of {of} came as {expected}")));
        }
        self.bytes += document.as_bytes().len();
        if self.bytes > FRAGMENTS_BYTES_MAX {
            let limit = FRAGMENTS_BYTES_MAX >> 20;
            return Err(Unreadable(format!("a split event has more than {limit} MB")));
        }
        self.parts.push(document.to_owned());
        Ok(fragment < of)
    }

    /// The fragments of a complete event; empty where it was not split.
    pub fn finish(&mut self) -> Vec<RawDocumentBuf> {
        std::mem::take(self).parts
    }

    /// Forgets an event that will be sent again.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

impl<'a> Event<'a> {
    /// Reads an event of one document, or of several fragments.
    pub fn read(parts: &[&'a RawDocument]) -> Result<Self, Unreadable> {
        let mut found = Found::default();
        for part in parts {
            for element in part.iter() {
                let (key, value) = element.map_err(unreadable)?;
                found.take(key.as_str(), value);
            }
        }
        let operation = found.operation.ok_or_else(|| missing("operationType"))?;
        let kind = kind(operation)
            .ok_or_else(|| Unreadable(format!("an event of a kind not known here, {operation}")))?;
        let time = found.time.ok_or_else(|| missing("clusterTime"))?;
        let is_other = kind == Kind::Create && found.is_no_collection;
        let kind = if is_other { Kind::Other } else { kind };
        let (_, collection) = found.place.unwrap_or_default();
        if kind.is_row() && (found.key.is_none() || collection.is_empty()) {
            return Err(missing("documentKey or ns"));
        }
        if matches!(kind, Kind::Insert) && found.document.is_none() {
            return Err(missing("fullDocument"));
        }
        if matches!(kind, Kind::Rename) && found.to.is_none() {
            return Err(missing("to"));
        }
        Ok(Self {
            kind,
            token: found.token.ok_or_else(|| missing("_id"))?,
            time,
            at_micros: found.wall_micros.unwrap_or(i64::from(time.time) * 1_000_000),
            collection,
            key: found.key,
            document: found.document,
            to: found.to,
            replaced: found.replaced,
        })
    }
}

/// The event's fields so far.
#[derive(Default)]
struct Found<'a> {
    operation: Option<&'a str>,
    token: Option<&'a RawDocument>,
    time: Option<Timestamp>,
    wall_micros: Option<i64>,
    place: Option<(&'a str, &'a str)>,
    key: Option<&'a RawDocument>,
    document: Option<&'a RawDocument>,
    to: Option<(&'a str, &'a str)>,
    replaced: Option<bool>,
    /// What was made is a view or a time series.
    is_no_collection: bool,
}

impl<'a> Found<'a> {
    fn take(&mut self, key: &str, value: RawBsonRef<'a>) {
        match key {
            // Each fragment has a token of its own; the last one stands behind the whole event.
            "_id" => self.token = value.as_document().or(self.token),
            "operationType" => self.operation = value.as_str(),
            "clusterTime" => self.time = value.as_timestamp(),
            "wallTime" => {
                let millis = value.as_datetime().map(|time| time.timestamp_millis());
                self.wall_micros = millis.map(|millis| millis.saturating_mul(1000));
            }
            "ns" => self.place = value.as_document().map(place),
            "to" => self.to = value.as_document().map(place),
            "documentKey" => {
                self.key = value.as_document().filter(|key| matches!(key.get("_id"), Ok(Some(_))));
            }
            "nsType" => self.is_no_collection = value.as_str().is_some_and(|it| it != "collection"),
            "fullDocument" => self.document = value.as_document(),
            "operationDescription" => {
                self.replaced = value.as_document().map(replaces);
            }
            _ => {}
        }
    }
}

fn place(namespace: &RawDocument) -> (&str, &str) {
    (namespace.get_str("db").unwrap_or_default(), namespace.get_str("coll").unwrap_or_default())
}

/// Whether a rename replaced a collection: its UUID is there then.
fn replaces(description: &RawDocument) -> bool {
    match description.get("dropTarget") {
        Ok(Some(target)) => target.as_null().is_none() && target.as_bool() != Some(false),
        _ => false,
    }
}

/// The kinds are listed in MongoDB's manual, "Change Events".
fn kind(operation: &str) -> Option<Kind> {
    Some(match operation {
        "insert" => Kind::Insert,
        "update" | "replace" => Kind::Update,
        "delete" => Kind::Delete,
        "drop" => Kind::Drop,
        "rename" => Kind::Rename,
        "invalidate" => Kind::Invalidate,
        "create" => Kind::Create,
        "createIndexes"
        | "dropDatabase"
        | "dropIndexes"
        | "modify"
        | "refineCollectionShardKey"
        | "reshardCollection"
        | "shardCollection" => Kind::Other,
        _ => return None,
    })
}

fn missing(what: &str) -> Unreadable {
    Unreadable(format!("an event has no {what}"))
}

fn unreadable(error: impl std::fmt::Display) -> Unreadable {
    Unreadable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{DateTime, RawBson, rawdoc};

    fn time() -> Timestamp {
        Timestamp { time: 1_700_000_000, increment: 3 }
    }

    fn read(document: &RawDocument) -> Result<Event<'_>, Unreadable> {
        Event::read(&[document])
    }

    #[test]
    fn events_are_read_whatever_the_order_of_their_fields() {
        let insert = rawdoc! {
            "fullDocument": { "_id": 5, "a": "x" }, "ns": { "db": "shop", "coll": "orders" },
            "documentKey": { "region": "eu", "_id": 5 }, "operationType": "insert",
            "clusterTime": time(), "wallTime": DateTime::from_millis(1_700_000_000_123),
            "_id": { "_data": "82" }, "lsid": {}, "somethingNew": 1,
        };
        let event = read(&insert).unwrap();
        assert_eq!((event.kind, event.collection), (Kind::Insert, "orders"));
        assert_eq!(event.key.unwrap().get_i32("_id").ok(), Some(5));
        assert_eq!(event.at_micros, 1_700_000_000_123_000);
        let update = rawdoc! {
            "_id": { "_data": "83" }, "operationType": "update", "clusterTime": time(),
            "ns": { "db": "shop", "coll": "orders" }, "documentKey": { "_id": "k" },
            "fullDocument": RawBson::Null, "updateDescription": { "updatedFields": { "a": 1 } },
        };
        let event = read(&update).unwrap();
        assert_eq!((event.kind, event.document.is_none()), (Kind::Update, true));
        assert_eq!(event.at_micros, 1_700_000_000_000_000, "before 6.0 only seconds are known");
    }

    #[test]
    fn only_collections_are_made() {
        for (of, kind) in [
            (None, Kind::Create),
            (Some("collection"), Kind::Create),
            (Some("view"), Kind::Other),
            (Some("timeseries"), Kind::Other),
        ] {
            let mut create = rawdoc! {
                "_id": { "_data": "82" }, "operationType": "create", "clusterTime": time(),
                "ns": { "db": "shop", "coll": "orders" },
            };
            if let Some(of) = of {
                create.append(mongodb::bson::cstr!("nsType"), of);
            }
            assert_eq!(read(&create).unwrap().kind, kind, "{of:?}");
        }
    }

    #[test]
    fn renames_tell_what_they_replaced_where_the_server_does() {
        let rename = |description: Option<RawDocumentBuf>| {
            let mut document = rawdoc! {
                "_id": { "_data": "82" }, "operationType": "rename", "clusterTime": time(),
                "ns": { "db": "shop", "coll": "new" }, "to": { "db": "shop", "coll": "orders" },
            };
            if let Some(description) = description {
                document.append(mongodb::bson::cstr!("operationDescription"), description);
            }
            document
        };
        for (description, replaced) in [
            (None, None),
            (Some(rawdoc! { "to": {} }), Some(false)),
            (Some(rawdoc! { "dropTarget": "uuid" }), Some(true)),
            (Some(rawdoc! { "dropTarget": false }), Some(false)),
        ] {
            let document = rename(description);
            let event = read(&document).unwrap();
            assert_eq!((event.to, event.replaced), (Some(("shop", "orders")), replaced));
        }
    }

    #[test]
    fn fragments_become_one_event_and_nothing_else_is_taken_for_one() {
        let fragment = |number: i32, of: i32| {
            let mut document = rawdoc! {
                "_id": { "_data": format!("{number}") }, "splitEvent": { "fragment": number, "of": of },
            };
            if number == 1 {
                document.append(mongodb::bson::cstr!("operationType"), "replace");
                document.append(mongodb::bson::cstr!("clusterTime"), time());
                document.append(mongodb::bson::cstr!("ns"), rawdoc! { "db": "d", "coll": "c" });
            } else {
                document.append(mongodb::bson::cstr!("documentKey"), rawdoc! { "_id": 1 });
                document.append(mongodb::bson::cstr!("fullDocument"), rawdoc! { "_id": 1, "n": 2 });
            }
            document
        };
        let mut fragments = Fragments::default();
        assert_eq!(fragments.take(&fragment(1, 2)), Ok(true));
        assert!(fragments.is_open());
        assert_eq!(fragments.take(&fragment(2, 2)), Ok(false));
        let parts = fragments.finish();
        let parts: Vec<&RawDocument> = parts.iter().map(|part| part.as_ref()).collect();
        let event = Event::read(&parts).unwrap();
        assert_eq!(event.token.get_str("_data").ok(), Some("2"), "the last fragment's token");
        assert_eq!(event.document.unwrap().get_i32("n").ok(), Some(2));
        for (first, then) in [
            (fragment(2, 2), None),
            (fragment(1, 9), None),
            (fragment(3, 2), None),
            (rawdoc! { "splitEvent": 1 }, None),
            (fragment(1, 3), Some(fragment(3, 3))),
            (fragment(1, 2), Some(rawdoc! { "operationType": "insert" })),
        ] {
            let mut fragments = Fragments::default();
            let first = fragments.take(&first);
            let result = match then {
                Some(then) => first.and_then(|_| fragments.take(&then)),
                None => first,
            };
            assert!(result.is_err());
        }
        assert_eq!(Fragments::default().take(&rawdoc! { "operationType": "insert" }), Ok(false));
    }

    #[test]
    fn the_fragments_of_one_event_are_bounded_together() {
        let mut fragments = Fragments::default();
        let fragment = |number: i32| {
            let split = rawdoc! { "fragment": number, "of": 8 };
            rawdoc! { "splitEvent": split, "fullDocument": { "large": "x".repeat(15 << 20) } }
        };
        for number in 1..=3 {
            assert_eq!(fragments.take(&fragment(number)), Ok(true));
        }
        assert!(fragments.take(&fragment(4)).unwrap_err().0.contains("50 MB"));
        fragments.forget();
        assert_eq!(fragments.take(&fragment(1)), Ok(true));
    }

    #[test]
    fn what_is_missing_or_damaged_is_an_error() {
        let base = || rawdoc! { "_id": { "_data": "8" }, "clusterTime": time() };
        for (operation, rest) in [
            ("insert", rawdoc! {}),
            ("insert", rawdoc! { "ns": { "db": "d", "coll": "c" }, "documentKey": { "_id": 1 } }),
            ("update", rawdoc! { "ns": { "db": "d" }, "documentKey": { "_id": 1 } }),
            ("delete", rawdoc! { "ns": { "db": "d", "coll": "c" }, "documentKey": { "k": 1 } }),
            ("rename", rawdoc! { "ns": { "db": "d", "coll": "c" } }),
        ] {
            let mut document = base();
            document.append(mongodb::bson::cstr!("operationType"), operation);
            for element in rest.iter() {
                let (key, value) = element.unwrap();
                document.append(key, value);
            }
            assert!(read(&document).is_err(), "{operation} {rest:?}");
        }
        assert!(read(&base()).is_err());
        for operation in ["dropDatabase", "modify", "reshardCollection", "brandNew"] {
            let mut document = base();
            document.append(mongodb::bson::cstr!("operationType"), operation);
            let kind = read(&document).map(|event| event.kind).ok();
            let expected = (operation != "brandNew").then_some(Kind::Other);
            assert_eq!(kind, expected, "{operation}");
        }
        // A string whose length lies.
        let mut bytes = base().into_bytes();
        let at = bytes.len() - 20;
        bytes[at] = 0xff;
        if let Ok(document) = RawDocumentBuf::from_bytes(bytes) {
            let _ = read(&document);
        }
    }
}
