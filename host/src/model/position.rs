//! Positions and what is stored beside the data to find the way back to them.

/// Opaque bytes of a source; the host stores them and never looks inside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position(pub Vec<u8>);

impl Position {
    /// Largest position the host accepts, in bytes.
    pub const BYTES_MAX: usize = 64 * 1024;
}

/// A part of a table's snapshot that can be read independently of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Unique within the table; at most 128 bytes.
    pub id: String,
    /// Opaque to the host; at most 64 KiB.
    pub descriptor: Vec<u8>,
    pub estimated_rows: Option<u64>,
}

/// A named value committed with the rows it belongs to (I2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    pub stream: String,
    /// None deletes the marker.
    pub value: Option<Vec<u8>>,
}

impl Marker {
    /// Largest value, in bytes: room for the widest table's shape, and for positions, cursors and
    /// descriptors within a value.
    pub const VALUE_BYTES_MAX: usize = 16 * 1024 * 1024;
}
