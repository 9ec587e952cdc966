//! The readers of guests' words, for the fuzz targets of `tests/fuzz`. Not part of any release.
//!
//! What is public anyway is not here. Only the feature `fuzzing` compiles this.

use std::{collections::HashSet, path::Path, sync::Arc};

use bytes::Bytes;
use serde_json::Value;
use wasmtime_wasi::cli::StdoutStream;

use super::{
    Bounds, Cause, ChangeBatch, ChangeOutcome, ConnectorInfo, HostGrant, Ledger, LoadError,
    Observer, OptionError, Resolver, Role, SnapshotBatch, SrvGrant, WriteOutcome, WriteRequest,
    convert,
    identity::Identity,
    log_rate::LogRates,
    network, options,
    output::{log::GuestLog, stdio::Lines},
    preflight, text,
};
use crate::model::{Chunk, Failure, Position, TableShape};

pub use super::{
    bindings::{
        destination::exports::cartridge::warp::destination,
        source::{cartridge::warp::types, exports::cartridge::warp::source},
    },
    limits,
};

/// The role of a component file, or why it is none.
pub fn component(bytes: &[u8]) -> Result<Role, LoadError> {
    Ok(preflight::check(Path::new("x.wasm"), bytes)?.role)
}

/// What a connector's schema says about options.
pub fn options(schema: &Value, options: &Value) -> Result<Vec<OptionError>, String> {
    Ok(options::OptionsSchema::compile(schema)?.check(options))
}

pub fn connector_info(info: types::ConnectorInfo) -> Result<ConnectorInfo, Cause> {
    convert::info::connector_info(info)
}

pub fn chunks(chunks: Vec<source::Chunk>) -> Result<Vec<Chunk>, Cause> {
    convert::source::chunks(chunks)
}

/// What the host keeps of one connection.
pub struct Connection(convert::source::Kept);

impl Default for Connection {
    fn default() -> Self {
        let account = Ledger::new(Bounds::UNBOUNDED).account(Role::Source, "x", Bounds::UNBOUNDED);
        Self(convert::source::Kept::new(&account))
    }
}

impl Connection {
    pub fn tables(&mut self, tables: Vec<types::TableInfo>) -> Result<Vec<TableShape>, Cause> {
        convert::source::tables(tables, &mut self.0.told)
    }

    pub fn snapshot_batch(
        &mut self,
        batch: source::SnapshotBatch,
        rows_max: u32,
    ) -> Result<SnapshotBatch, Cause> {
        convert::source::snapshot_batch(batch, &mut self.0, rows_max)
    }

    pub fn change_batch(
        &mut self,
        batch: source::ChangeBatch,
        rows_max: u32,
    ) -> Result<ChangeBatch, Cause> {
        convert::source::change_batch(batch, &mut self.0, rows_max)
    }
}

pub fn position(bytes: Vec<u8>) -> Result<Position, Cause> {
    convert::bounds::position(bytes)
}

pub fn failure(failure: types::Failure) -> Cause {
    convert::bounds::failure(failure)
}

pub fn change_outcomes(
    outcomes: Vec<destination::ChangeOutcome>,
    changes: usize,
) -> Result<Vec<ChangeOutcome>, Cause> {
    convert::destination::change_outcomes(outcomes, changes)
}

pub fn write_outcome(
    outcome: destination::WriteOutcome,
    rows: &[usize],
) -> Result<WriteOutcome, Cause> {
    convert::destination::write_outcome(outcome, rows)
}

/// What a destination would be sent.
pub fn write_request(request: WriteRequest) -> destination::WriteRequest {
    convert::destination::write_request(request, &HashSet::new()).0
}

/// The servers that DNS names for these grants.
pub async fn servers(
    resolver: &dyn Resolver,
    grants: &[SrvGrant],
) -> Result<Vec<HostGrant>, Failure> {
    Ok(network::discover(resolver, grants).await?.hosts)
}

/// A guest's words as one line of a log.
pub fn one_line(text: &str, bytes_max: usize) -> String {
    text::one_line(text, bytes_max)
}

/// A guest's words as lines for a person.
pub fn lines(text: &str, bytes_max: usize) -> String {
    text::lines(text, bytes_max)
}

/// What a guest prints to its stderr, piece by piece.
pub fn print<'a>(observer: Arc<dyn Observer>, pieces: impl IntoIterator<Item = &'a [u8]>) {
    let plugin = Arc::from("x");
    let identity =
        Identity { plugin, role: Role::Source, label: Arc::from(""), instance: 0, observer };
    let rate = LogRates::default().of(Role::Source, "x", u32::MAX, &identity.observer);
    let mut stream = Lines::stderr(GuestLog::new(identity, rate)).p2_stream();
    for piece in pieces {
        // The stream takes everything; an error would be the guest's.
        let _ = stream.write(Bytes::copy_from_slice(piece));
    }
}
