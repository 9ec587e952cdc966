//! Arrow IPC messages, in and out; the rules are `wit/BATCH-FORMAT.md`.
//!
//! Bytes from a guest are hostile until `decode` has returned (I8). What the host builds itself goes
//! out through `encode`, and is read back by nothing here.

mod encode;

pub use encode::{encode_batch, table_schema};

/// Why a message is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WireError(pub(super) String);
