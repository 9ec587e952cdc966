//! The exports that nobody gets to call.

use cartridge_warp_sdk::export::bindings::{
    self,
    cartridge::warp::types::{
        ConnectConfig, ConnectorInfo, Failure, Limits, Position, TableBatch, TableInfo,
    },
    exports::cartridge::warp::{
        source::{
            ChangeBatch, Chunk, Connection, ConnectionBorrow, Guest, GuestConnection, SnapshotBatch,
        },
        source_admin as admin, source_extras as extras,
        source_lookup::{self, LookedUp},
        source_moment as moment, source_turns as turns,
    },
};

use crate::describe;

struct Fickle;

struct Source;

impl Guest for Fickle {
    type Connection = Source;

    fn describe() -> ConnectorInfo {
        describe::describe()
    }

    fn connect(_config: ConnectConfig) -> Result<Connection, Failure> {
        Err(nothing())
    }
}

fn nothing() -> Failure {
    Failure {
        action: "stop".to_owned(),
        code: "fickle".to_owned(),
        message: "it only describes".to_owned(),
        detail: None,
        retry_after_ms: None,
        tables: Vec::new(),
    }
}

impl source_lookup::Guest for Fickle {
    fn lookup(
        _: ConnectionBorrow<'_>,
        _: String,
        _: String,
        _: TableBatch,
        _: Limits,
    ) -> Result<LookedUp, Failure> {
        Err(nothing())
    }
}

impl GuestConnection for Source {
    fn test_connection(&self) -> Result<(), Failure> {
        Err(nothing())
    }

    fn identify(&self, _: String) -> Result<Option<String>, Failure> {
        Err(nothing())
    }

    fn get_schema(&self, _: String) -> Result<Vec<TableInfo>, Failure> {
        Err(nothing())
    }

    fn select_tables(&self, _: String, _: Vec<String>) -> Result<(), Failure> {
        Err(nothing())
    }

    fn check_position(&self, _: String, _: Position) -> Result<(), Failure> {
        Err(nothing())
    }

    fn current_position(&self, _: String) -> Result<Position, Failure> {
        Err(nothing())
    }

    fn renew_tables(&self, _: String, _: Position, _: Vec<String>) -> Result<Position, Failure> {
        Err(nothing())
    }

    fn plan_snapshot(
        &self,
        _: String,
        _: String,
        _: Position,
        _: u32,
    ) -> Result<Vec<Chunk>, Failure> {
        Err(nothing())
    }

    fn get_full_snapshot(
        &self,
        _: String,
        _: String,
        _: Chunk,
        _: Option<Vec<u8>>,
        _: Limits,
    ) -> Result<SnapshotBatch, Failure> {
        Err(nothing())
    }

    fn get_changes(&self, _: String, _: Position, _: Limits) -> Result<ChangeBatch, Failure> {
        Err(nothing())
    }

    fn confirm(&self, _: String, _: Position) -> Result<(), Failure> {
        Err(nothing())
    }
}

impl admin::Guest for Fickle {
    fn backlog(
        _: ConnectionBorrow<'_>,
        _: String,
        _: Option<Position>,
    ) -> Result<Option<admin::RetainedLog>, Failure> {
        Err(nothing())
    }

    fn release(_: ConnectionBorrow<'_>, _: String, _: bool) -> Result<admin::Released, Failure> {
        Err(nothing())
    }
}

impl extras::Guest for Fickle {
    fn extras(
        _: ConnectionBorrow<'_>,
        _: String,
        _: String,
    ) -> Result<extras::TableExtras, Failure> {
        Err(nothing())
    }
}

impl turns::Guest for Fickle {
    fn begin_turn(_: ConnectionBorrow<'_>, _: String, _: bool) -> Result<(), Failure> {
        Err(nothing())
    }
}

impl moment::Guest for Fickle {
    fn moment(_: ConnectionBorrow<'_>, _: String) -> Result<Vec<u8>, Failure> {
        Err(nothing())
    }

    fn reached(
        _: ConnectionBorrow<'_>,
        _: String,
        _: Position,
        _: Vec<u8>,
    ) -> Result<bool, Failure> {
        Err(nothing())
    }
}

bindings::export_source_world!(Fickle with_types_in bindings);
