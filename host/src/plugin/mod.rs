//! Runs connectors: sandboxed WebAssembly components behind typed handles.
//!
//! The only place where wasmtime appears. Nothing here knows configuration or pipelines:
//! a call goes in, the guest's answer comes out checked (after the pauses it asked for, if it may
//! have some), or a [`PluginError`] that says what ended it.
//! Invariants enforced here: I7 and I8 (limits, hostile data), I9 (a broken Store is never entered
//! again), I10 (no ambient authority).

mod admin;
mod artifact;
mod bindings;
mod cache;
mod catalog;
mod compile;
mod configuration;
mod connect;
mod convert;
mod cpu;
mod describe;
mod destination;
mod engine;
mod error;
mod extras;
mod fault;
mod file_name;
mod files;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod grants;
mod hosts;
mod identity;
mod imports;
mod info;
mod ledger;
mod letters;
mod limiter;
pub mod limits;
mod load_error;
mod log_rate;
mod lookup;
mod messages;
mod moment;
mod network;
mod observer;
mod options;
mod output;
mod paths;
mod patience;
mod place;
mod preflight;
mod program;
mod read;
mod secrets;
mod session;
mod source;
mod state;
mod store;
mod sweep;
mod threads;
mod turns;
mod url;
mod wasi;
mod weight;
pub mod wire;

use crate::model::text;

pub use artifact::Plugin;
pub use catalog::{Catalog, Entry};
pub use compile::{CompileLimits, CompileNotice, compiler_process};
pub use connect::ConnectSettings;
pub use destination::DestinationConnection;
pub use engine::{Engine, EngineSettings};
pub use error::{Cause, FENCED_HELP, PluginError};
pub use files::Written;
pub use grants::{DerivedGrants, GrantError, Grants, derive_grants};
pub use hosts::{keep_credentials, merge_hosts, secure_hosts};
pub use info::{ConnectorInfo, GrantKind, Role, WantedGrant};
pub use ledger::{Bounds, Exhausted, Ledger, Resource, Usage};
pub use limits::{Limits, ReadLimits};
pub use load_error::LoadError;
pub use log_rate::LogRate;
pub use messages::{
    ChangeBatch, ChangeOutcome, ExtraRequest, LookedUp, ReadBatch, RejectedRow, Released,
    RetainedLog, SnapshotBatch, SweepRequest, WriteOutcome, WriteRequest,
};
pub use network::{
    Answers, CredentialsError, HostGrant, Login, LoginProtocol, Resolver, Service, SrvGrant,
    TlsGrant, TlsStart, WantedError,
};
pub use observer::{Direction, Observer, Origin};
pub use options::OptionError;
pub use paths::{
    OpenError, PathGrant, PathKind, Places, Protected, ProtectedError, Siblings, refuse_protected,
};
pub use patience::Patience;
pub use place::Place;
pub use secrets::{SecretError, SecretPlace, Secrets};
pub use source::SourceConnection;
pub use url::UrlError;
pub use weight::Weight;
pub use wire::{WireError, decode_schema, encode_batch, table_schema};

/// Bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
