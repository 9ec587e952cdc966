//! Batches to and from the bytes of `wit/BATCH-FORMAT.md`.
//!
//! Encoders and decoders belong to one connection: they remember which schemas have been sent.
//! The macros use them; authors need them only for benchmarks.

mod bounds;
mod decode;
mod encode;

pub use decode::{Decoder, decode_schema};
pub use encode::{Encoder, encode_schema};

/// Rows of one table as they cross the boundary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedRows {
    /// The table's name.
    pub table: String,
    /// Names the schema within this connection.
    pub schema_id: String,
    /// The schema message, the first time the id is mentioned.
    pub arrow_schema: Option<Vec<u8>>,
    /// One record batch message.
    pub rows: Vec<u8>,
    /// How many rows it holds.
    pub row_count: u32,
}
