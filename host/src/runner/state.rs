//! What the runner stores in the destination to find its way back: the markers of a schema.
//!
//! | marker | value |
//! |---|---|
//! | `changes` | where the change stream goes on, the source's own bytes |
//! | `layout` | the number of the layout of all of this (`attempt/layout`) |
//! | `pipeline` | the name of the pipeline that all of this belongs to |
//! | `runner` | the run that holds the schema |
//! | `quota` | what counts towards the schema's limits (`quota`) |
//! | `selection` | the lists by which the last run selected tables (`selection`) |
//! | `aside` | the names of the tables that are parked or paused |
//! | `table/T` | the state of a table |
//! | `shape/T` | its shape as it was accepted, the rules for its rows, and what a person decided about changes (`shapes`) |
//! | `extras/T` | what the destination made of its indexes and comments (`extras`) |
//! | `chunk/T/C` | how far a chunk of its snapshot is |
//! | `uncopied/T` | there where the table is followed without a copy of what it had |
//!
//! Each value is written in the transaction of the rows it speaks of (I2). The table states are
//! `Pending → Snapshot → Streaming`; from there only `Again → Pending` leads back. From each of them a
//! table may be `Parked` or `Paused`, and comes back as `Again`, or as `Pending` where nothing of it was
//! copied.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, SeqAccess, Visitor},
};

use super::error::{RunError, UnreadableMarker};
use crate::{
    model::{Chunk, Marker},
    plugin::{DestinationConnection, limits::CHUNKS_MAX},
};

/// Marker of the change stream's position.
pub const CHANGES: &str = "changes";
/// Marker of the names of the tables that are parked or paused.
pub const ASIDE: &str = "aside";
/// Marker of the number of the layout.
pub const LAYOUT: &str = "layout";
/// Marker of the pipeline's name.
pub const PIPELINE: &str = "pipeline";
/// Marker of what counts towards the schema's limits.
pub const QUOTA: &str = "quota";
/// Marker of the run that holds the schema.
pub const RUNNER: &str = "runner";
/// Marker of the lists that select tables.
pub const SELECTION: &str = "selection";

/// Where a table is in its life. Set by the runner, stored by the destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase", deny_unknown_fields)]
pub enum TableState {
    /// Selected, nothing read. Stored with the start of the change stream (I6).
    Pending {
        /// Whether the destination's table is emptied first: a full re-sync does, a first run
        /// must not touch what an adopted table holds.
        truncate: bool,
        /// Whether the shape that was remembered holds for the new copy too: a lost position gives no
        /// reason to forget how wide columns became, and a table that comes back passes the rules.
        keep_shape: bool,
        /// Whether the rows that are there may stay until the new copy is complete, where the destination
        /// can end what is left over then: they came by the rules of now.
        #[serde(default, skip_serializing_if = "is_false")]
        sweep: bool,
    },
    /// Planned into chunks, each with a marker of its own. Stored with the truncation, or with the beginning
    /// of the sweep.
    Snapshot {
        #[serde(deserialize_with = "few")]
        chunks: Vec<StoredChunk>,
        /// The destination's table of the keys that were copied, where the rows of before stay until then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keys: Option<String>,
    },
    /// To be copied again because of a change of shape, or because changes of it were missed while it
    /// was not selected. Stored with the new shape, or by the run that leaves it out; the next attempt
    /// that selects it has the source renew its position for the table and stores that with `Pending`.
    Again,
    /// The snapshot is complete; rows come from the change stream. Stored when the last chunk is.
    Streaming,
    /// Left out because it failed, until a person has it copied again: its rows are passed over. Stored
    /// before the position moves past the row, or the change, at which it failed.
    Parked { reason: Reason, back: Return },
    /// Left out because the operator says so, until he says otherwise. Stored while no attempt of the schema is under way.
    Paused {
        /// Since when, in seconds since 1970.
        since_s: u64,
        back: Return,
    },
}

/// How a table that is left out comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Return {
    /// Whether the destination has rows of it, or had: then it is emptied.
    begun: bool,
    /// Whether its shape is remembered from another table of its name.
    keep_shape: bool,
}

/// Why a table is parked, for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// A stable word for the kind of error.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What mends it.
    pub help: String,
    /// Since when, in seconds since 1970.
    pub since_s: u64,
}

impl TableState {
    /// Of a table whose name belonged to another one, which the source dropped and the destination kept:
    /// the rows of that one end, and its shape is what this one's is compared with.
    pub const AFTER_ANOTHER: Self =
        Self::Pending { truncate: false, keep_shape: true, sweep: false };
    /// Of a table that was never copied.
    pub const FIRST: Self = Self::Pending { truncate: false, keep_shape: false, sweep: false };

    /// How the table comes back when it is left out from now on.
    pub fn back(&self) -> Return {
        match self {
            Self::Pending { truncate, keep_shape, .. } => {
                Return { begun: *truncate, keep_shape: *keep_shape }
            }
            Self::Parked { back, .. } | Self::Paused { back, .. } => *back,
            Self::Snapshot { .. } | Self::Again | Self::Streaming => {
                Return { begun: true, keep_shape: false }
            }
        }
    }

    /// The state with which it comes back.
    pub fn returned(&self) -> Self {
        let Return { begun, keep_shape } = self.back();
        if begun {
            Self::Again
        } else {
            Self::Pending { truncate: false, keep_shape, sweep: false }
        }
    }

    /// Whether its rows are passed over.
    pub fn is_aside(&self) -> bool {
        matches!(self, Self::Parked { .. } | Self::Paused { .. })
    }

    /// The state in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Snapshot { .. } => "copying",
            Self::Again => "again",
            Self::Streaming => "streaming",
            Self::Parked { .. } => "parked",
            Self::Paused { .. } => "paused",
        }
    }

    /// Whether the destination has rows of it that came by the rules which are remembered, and that stay.
    pub fn is_copied(&self) -> bool {
        matches!(self, Self::Snapshot { .. } | Self::Streaming)
    }

    /// Whether the destination has rows of it, or had, so that missed changes spoil it.
    pub fn is_begun(&self) -> bool {
        match self {
            Self::Pending { truncate, .. } => *truncate,
            Self::Snapshot { .. } | Self::Again | Self::Streaming => true,
            Self::Parked { back, .. } | Self::Paused { back, .. } => back.begun,
        }
    }
}

/// A chunk as it is stored until its table's snapshot is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredChunk {
    id: String,
    descriptor: Vec<u8>,
    estimated_rows: Option<u64>,
}

/// How far a chunk is. Stored with the rows that it counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkProgress {
    pub cursor: Option<Vec<u8>>,
    pub done: bool,
    /// Rows committed so far, for progress bars and status.
    pub rows: u64,
}

impl ChunkProgress {
    /// Counts rows on top of what the destination says was there before.
    pub fn add(&mut self, rows: u64) {
        self.rows = self.rows.saturating_add(rows);
    }
}

impl From<Chunk> for StoredChunk {
    fn from(chunk: Chunk) -> Self {
        let Chunk { id, descriptor, estimated_rows } = chunk;
        Self { id, descriptor, estimated_rows }
    }
}

impl From<StoredChunk> for Chunk {
    fn from(chunk: StoredChunk) -> Self {
        let StoredChunk { id, descriptor, estimated_rows } = chunk;
        Self { id, descriptor, estimated_rows }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

/// As many chunks as a source may plan: what a destination gives back may be anything.
fn few<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<StoredChunk>, D::Error> {
    struct Few;
    impl<'de> Visitor<'de> for Few {
        type Value = Vec<StoredChunk>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {CHUNKS_MAX} chunks")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut chunks = Vec::new();
            while let Some(chunk) = items.next_element()? {
                if chunks.len() == CHUNKS_MAX {
                    return Err(serde::de::Error::invalid_length(chunks.len() + 1, &self));
                }
                chunks.push(chunk);
            }
            Ok(chunks)
        }
    }
    deserializer.deserialize_seq(Few)
}

/// The marker of a table's state.
pub fn table_stream(table: &str) -> String {
    format!("table/{table}")
}

/// The marker of a table's accepted shape.
pub fn shape_stream(table: &str) -> String {
    format!("shape/{table}")
}

/// The marker of a table that is followed without a copy of what it had.
pub fn uncopied_stream(table: &str) -> String {
    format!("uncopied/{table}")
}

/// The marker of what became of a table's indexes and comments.
pub fn extras_stream(table: &str) -> String {
    format!("extras/{table}")
}

/// The marker of a chunk's progress.
pub fn chunk_stream(table: &str, chunk: &str) -> String {
    format!("chunk/{table}/{chunk}")
}

/// A marker with this value.
pub fn marker(stream: String, value: &impl Serialize) -> Marker {
    // Our own plain structs always serialise; an empty value would be refused as unreadable.
    Marker { stream, value: Some(serde_json::to_vec(value).unwrap_or_default()) }
}

/// A marker that is to go.
pub fn deletion(stream: String) -> Marker {
    Marker { stream, value: None }
}

/// The markers of chunks that are not needed any more.
pub fn forgotten(table: &str, chunks: Vec<StoredChunk>) -> impl Iterator<Item = Marker> {
    chunks.into_iter().map(move |chunk| deletion(chunk_stream(table, &chunk.id)))
}

/// What deletes the markers of a table's chunks, where it has some, and the table of the keys that were copied.
/// Goes with its next state.
pub async fn forget_chunks(
    destination: &DestinationConnection,
    schema: &str,
    table: &str,
) -> Result<(Vec<Marker>, Option<String>), RunError> {
    let state = read(destination, schema, &table_stream(table)).await?;
    let Some(TableState::Snapshot { chunks, keys }) = state else {
        return Ok((Vec::new(), None));
    };
    Ok((forgotten(table, chunks).collect(), keys))
}

/// Reads a marker of the host's own, if there is one.
pub async fn read<T: DeserializeOwned>(
    destination: &DestinationConnection,
    schema: &str,
    stream: &str,
) -> Result<Option<T>, RunError> {
    let value = destination.get_marker(schema, stream).await?;
    Ok(value.map(|value| decode(schema, stream, &value)).transpose()?)
}

/// Reads the value of a marker of the host's own: the destination's word for what we stored.
pub fn decode<T: DeserializeOwned>(
    schema: &str,
    stream: &str,
    value: &[u8],
) -> Result<T, UnreadableMarker> {
    serde_json::from_slice(value).map_err(|cause| UnreadableMarker {
        schema: schema.into(),
        stream: stream.into(),
        cause,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_reads_back() {
        let states = [
            TableState::Pending { truncate: true, keep_shape: false, sweep: true },
            TableState::Again,
            TableState::Snapshot {
                chunks: vec![StoredChunk {
                    id: "a".into(),
                    descriptor: vec![0, 255],
                    estimated_rows: Some(3),
                }],
                keys: Some("k".into()),
            },
            TableState::Streaming,
            TableState::Parked {
                reason: Reason {
                    code: "unfit-table".into(),
                    message: "m".into(),
                    help: "h".into(),
                    since_s: 7,
                },
                back: TableState::Streaming.back(),
            },
            TableState::Paused { since_s: 7, back: TableState::AFTER_ANOTHER.back() },
        ];
        for state in states {
            let marker = marker(table_stream("t"), &state);
            assert_eq!(marker.stream, "table/t");
            let back: TableState = decode("s", "table/t", &marker.value.unwrap()).unwrap();
            assert_eq!(back, state);
        }
    }

    #[test]
    fn a_table_that_was_left_out_comes_back_as_it_was_begun() {
        let (first, after_another) = (TableState::FIRST, TableState::AFTER_ANOTHER);
        let emptied = TableState::Pending { truncate: true, keep_shape: true, sweep: false };
        let cases = [
            (first.clone(), first),
            (after_another.clone(), after_another),
            (emptied, TableState::Again),
            (TableState::Snapshot { chunks: Vec::new(), keys: None }, TableState::Again),
            (TableState::Again, TableState::Again),
            (TableState::Streaming, TableState::Again),
        ];
        for (state, expected) in cases {
            let paused = TableState::Paused { since_s: 1, back: state.back() };
            assert_eq!(paused.returned(), expected, "{state:?}");
            assert_eq!(TableState::Paused { since_s: 2, back: paused.back() }.returned(), expected);
        }
    }

    #[test]
    fn no_more_chunks_are_read_than_a_source_may_plan() {
        let chunk = r#"{"id":"1","descriptor":[],"estimated_rows":null}"#;
        let state = |chunks: usize| {
            let chunks = vec![chunk; chunks].join(",");
            decode::<TableState>(
                "s",
                "t",
                format!(r#"{{"state":"snapshot","chunks":[{chunks}]}}"#).as_bytes(),
            )
        };
        assert!(state(CHUNKS_MAX).is_ok());
        assert!(state(CHUNKS_MAX + 1).is_err());
    }

    #[test]
    fn a_damaged_marker_is_an_error_that_names_it() {
        let error = decode::<TableState>("shop", "table/t", b"{\"state\":\"later\"}").unwrap_err();
        assert_eq!(error.to_string(), "marker `table/t` of schema `shop` cannot be read");
    }
}
