//! Runs connectors: sandboxed WebAssembly components behind typed handles.
//!
//! The only place where wasmtime appears. Nothing here knows configuration, retries or pipelines:
//! a call goes in, the guest's answer comes out checked, or a [`PluginError`] that says what ended it.
//! Invariants enforced here: I7 and I8 (limits, hostile data), I9 (a broken Store is never entered
//! again), I10 (no ambient authority).

mod artifact;
mod bindings;
mod cache;
mod catalog;
mod connect;
mod convert;
mod describe;
mod destination;
mod engine;
mod error;
mod files;
mod grants;
mod imports;
mod info;
mod ledger;
mod limiter;
pub mod limits;
mod load_error;
mod network;
mod observer;
mod options;
mod paths;
mod preflight;
mod session;
mod source;
mod state;
mod text;
mod wasi;
pub mod wire;

pub use artifact::Plugin;
pub use catalog::{Catalog, Entry};
pub use connect::ConnectSettings;
pub use destination::{
    ChangeOutcome, DestinationConnection, RejectedRow, WriteOutcome, WriteRequest,
};
pub use engine::{Engine, EngineSettings};
pub use error::{Cause, PluginError};
pub use files::Written;
pub use grants::{DerivedGrants, GrantError, Grants, derive_grants, merge_hosts};
pub use info::{ConnectorInfo, GrantKind, Role, WantedGrant};
pub use ledger::{Bounds, Exhausted, Ledger, Resource, Usage};
pub use limits::{Limits, ReadLimits};
pub use load_error::LoadError;
pub use network::{
    Answers, HostGrant, Lookup, Resolver, Service, SrvGrant, TlsGrant, TlsStart, UrlError,
    WantedError,
};
pub use observer::{Direction, Observer, Origin};
pub use options::OptionError;
pub use paths::{
    OpenError, PathGrant, PathKind, Places, Protected, ProtectedError, Siblings, refuse_protected,
};
pub use source::{ChangeBatch, SnapshotBatch, SourceConnection};
pub use wire::{WireError, decode_schema, encode_batch, table_schema};

/// Bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A path or name for the operator's eyes: control characters escaped, cut where it is endless.
pub fn printable(text: &str) -> String {
    text::one_line(text, limits::MESSAGE_BYTES_MAX)
}
