//! What the connectors of a table promise.

use crate::plugin::ConnectorInfo;

/// What a source promises of its rows, and a destination of what it makes of them, by their
/// capabilities.
#[derive(Clone, Copy, Debug, Default)]
pub struct Promises {
    /// A snapshot ends exactly where the change stream starts.
    pub exact_snapshot: bool,
    /// Each insert and update carries the whole row, so that a column which it lacks has no value.
    pub whole_rows: bool,
    /// No key is in two chunks of a snapshot.
    pub disjoint_chunks: bool,
    /// The destination keeps a log of operations, in which the last row of a key is what counts.
    pub change_log: bool,
    /// It can keep each change as a row of its own.
    pub append: bool,
    /// It can do nothing else.
    pub append_only: bool,
    /// It can keep a deleted row and mark it.
    pub soft_delete: bool,
    /// It can end the rows that a new copy leaves over.
    pub sweep: bool,
    /// Several connections can write to it at once, under one epoch.
    pub shared_epoch: bool,
}

impl Promises {
    pub fn of(source: &ConnectorInfo, destination: &ConnectorInfo) -> Self {
        Self {
            exact_snapshot: source.has("exact-snapshot"),
            whole_rows: source.has("whole-rows"),
            disjoint_chunks: source.has("disjoint-chunks"),
            change_log: destination.has("change-log"),
            append: destination.has("append"),
            append_only: destination.has("append-only"),
            soft_delete: destination.has("soft-delete"),
            sweep: destination.has("sweep"),
            shared_epoch: destination.has("shared-epoch"),
        }
    }
}
