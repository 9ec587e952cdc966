//! Arrow IPC messages, in and out; the rules are `wit/BATCH-FORMAT.md`.
//!
//! Bytes from a guest are hostile until [`decode_schema`] or [`decode_batch`] has returned (I8): no
//! panic, and no allocation larger than the message. What the host builds itself goes out through
//! [`encode_batch`].

mod batch;
mod encode;
mod envelope;
mod layout;
mod reserved;
mod schema;
#[cfg(test)]
mod tests;

pub use batch::decode_batch;
pub use encode::{encode_batch, table_schema};
pub use schema::decode_schema;
pub(super) use schema::{decode_shape, schema_bytes};

/// Why a message is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WireError(String);

impl WireError {
    fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Runs a decoder of another crate. Everything it may trip over is checked before, and still an
/// assertion in it must not take the host down (I8).
fn guarded<T>(
    decode: impl FnOnce() -> Result<T, arrow_schema::ArrowError>,
) -> Result<T, WireError> {
    crate::model::panics::caught(decode)
        .ok_or_else(|| WireError::new("the Arrow decoder gave up on it"))?
        .map_err(|error| WireError(super::text::one_line(&error.to_string(), 512)))
}
