//! What the host has a destination keep.

/// A named position that the destination keeps for the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Chosen by the host, unique within a schema; ≤ 512 bytes.
    pub stream: String,
    /// Opaque; none deletes the marker.
    pub value: Option<Vec<u8>>,
}
