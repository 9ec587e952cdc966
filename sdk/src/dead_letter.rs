//! Rows that cannot travel as data.

/// The most that a payload carries; the host cuts what is longer.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// A row that cannot travel as data: kept for a person in the transaction that passes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The table it belongs to.
    pub table: String,
    /// `insert`, `update`, `delete`, or `unknown`.
    pub operation: String,
    /// The row, readable: JSON where it can be, else the raw text. At most 1 MiB.
    pub payload: String,
    /// Kebab-case word, such as `malformed-row` or `type-conversion`.
    pub code: String,
    /// What is wrong with it.
    pub message: String,
    /// Where it was found, such as `orders.ndjson:17`.
    pub origin: String,
}

impl DeadLetter {
    /// A dead letter; a payload above [`PAYLOAD_BYTES_MAX`] is cut at a character boundary.
    pub fn new(
        table: impl Into<String>,
        code: impl Into<String>,
        message: impl Into<String>,
        payload: &str,
        origin: impl Into<String>,
    ) -> Self {
        let end = payload.floor_char_boundary(PAYLOAD_BYTES_MAX);
        Self {
            table: table.into(),
            operation: "unknown".to_owned(),
            payload: payload[..end].to_owned(),
            code: code.into(),
            message: message.into(),
            origin: origin.into(),
        }
    }

    /// Says what the row was meant to do.
    #[must_use]
    pub fn operation(mut self, operation: crate::Operation) -> Self {
        self.operation = operation.as_str().to_owned();
        self
    }
}
