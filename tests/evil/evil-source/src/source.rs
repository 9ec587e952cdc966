//! The exports: harmless, until the deed that was asked for.

use std::cell::{Cell, RefCell};

use cartridge_warp_sdk::{
    export::bindings::{
        self,
        cartridge::warp::{
            metrics,
            types::{
                ConnectConfig, ConnectorInfo, Failure, Limits, Position, TableBatch, TableInfo,
            },
        },
        exports::cartridge::warp::{
            source::{
                ChangeBatch, Chunk, Connection, ConnectionBorrow, Guest, GuestConnection,
                SnapshotBatch,
            },
            source_admin as admin, source_extras as extras,
            source_lookup::{self, LookedUp},
            source_moment as moment, source_turns as turns,
        },
    },
    wire::Encoder,
};

use crate::{answers, costs, deeds, flood, words};

/// The schema that is treated well whatever the deed.
const GOOD: &str = "good";

struct Evil;

pub(crate) struct Source {
    deed: String,
    /// Told in confidence.
    secret: String,
    pub(crate) encoder: RefCell<Encoder>,
    calls: Cell<u32>,
}

impl Guest for Evil {
    type Connection = Source;

    fn describe() -> ConnectorInfo {
        ConnectorInfo {
            name: "evil".to_owned(),
            role: "source".to_owned(),
            version: "0.1.0".to_owned(),
            description: "misbehaves as it is told".to_owned(),
            capabilities: vec!["change-detection:log".to_owned()],
            options_schema: r#"{"type":"object","required":["deed"],"additionalProperties":false,
                "properties":{"deed":{"type":"string"}}}"#
                .to_owned(),
            wanted_grants: Vec::new(),
        }
    }

    fn connect(config: ConnectConfig) -> Result<Connection, Failure> {
        // Every test writes {"deed":"…"}.
        let deed = config.options.split('"').nth(3).unwrap_or_default().to_owned();
        if let Some(deed) = deed.strip_prefix("connect:") {
            deeds::commit(deed)?;
        }
        costs::hold(&deed);
        Ok(Connection::new(Source {
            deed,
            secret: config.connection_string,
            encoder: RefCell::default(),
            calls: Cell::new(0),
        }))
    }
}

impl source_lookup::Guest for Evil {
    fn lookup(
        _connection: ConnectionBorrow<'_>,
        _schema: String,
        _table: String,
        _keys: TableBatch,
        _limits: Limits,
    ) -> Result<LookedUp, Failure> {
        Ok(answers::looked_up())
    }
}

impl GuestConnection for Source {
    fn test_connection(&self) -> Result<(), Failure> {
        Ok(())
    }

    fn identify(&self, _schema: String) -> Result<Option<String>, Failure> {
        answers::identity(&self.deed)
    }

    fn get_schema(&self, _schema: String) -> Result<Vec<TableInfo>, Failure> {
        answers::tables(&self.deed)
    }

    fn select_tables(&self, _schema: String, _tables: Vec<String>) -> Result<(), Failure> {
        Ok(())
    }

    fn check_position(&self, _schema: String, _after: Position) -> Result<(), Failure> {
        Ok(())
    }

    fn current_position(&self, _schema: String) -> Result<Position, Failure> {
        Ok(answers::position(&self.deed))
    }

    fn renew_tables(
        &self,
        _schema: String,
        position: Position,
        _tables: Vec<String>,
    ) -> Result<Position, Failure> {
        Ok(position)
    }

    fn plan_snapshot(
        &self,
        _schema: String,
        _table: String,
        _start: Position,
        _target_chunks: u32,
    ) -> Result<Vec<Chunk>, Failure> {
        Ok(answers::chunks(&self.deed))
    }

    fn get_full_snapshot(
        &self,
        _schema: String,
        _table: String,
        _chunk: Chunk,
        _cursor: Option<Vec<u8>>,
        _limits: Limits,
    ) -> Result<SnapshotBatch, Failure> {
        if self.deed == "idle:snapshot" {
            return Ok(flood::snapshot(self.count()));
        }
        let rows = match self.deed.as_str() {
            "snapshot-deletes" => Some(answers::deletes(&mut self.encoder.borrow_mut())?),
            _ => None,
        };
        Ok(SnapshotBatch { rows, rejected: Vec::new(), next_cursor: None })
    }

    fn get_changes(
        &self,
        schema: String,
        _after: Position,
        _limits: Limits,
    ) -> Result<ChangeBatch, Failure> {
        let call = self.count();
        let encoder = &mut self.encoder.borrow_mut();
        if schema == GOOD {
            return answers::changes("", call, encoder);
        }
        if self.deed.starts_with("flood:") || self.deed.starts_with("idle:") {
            return flood::changes(&self.deed, call, encoder);
        }
        deeds::commit(&self.deed)?;
        words::speak(&self.deed, &self.secret)?;
        if let Some(answer) = costs::answer(&self.deed, call) {
            return answer;
        }
        answers::changes(&self.deed, call, encoder)
    }

    fn confirm(&self, _schema: String, _position: Position) -> Result<(), Failure> {
        Ok(())
    }
}

impl Source {
    /// Counts a call that reads, also for a test to see.
    fn count(&self) -> u32 {
        self.calls.set(self.calls.get() + 1);
        metrics::counter_add("reads", 1);
        self.calls.get()
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let deed = self.deed.trim_start_matches("held-");
        if let Some(deed) = deed.strip_prefix("drop:") {
            let _ = deeds::commit(deed);
        }
    }
}

impl admin::Guest for Evil {
    fn backlog(
        _: ConnectionBorrow<'_>,
        _: String,
        _: Option<Position>,
    ) -> Result<Option<admin::RetainedLog>, Failure> {
        Ok(None)
    }

    fn release(_: ConnectionBorrow<'_>, _: String, _: bool) -> Result<admin::Released, Failure> {
        let (dropped, kept) = (Vec::new(), Vec::new());
        Ok(admin::Released { dropped, kept, frees_log: false })
    }
}

impl extras::Guest for Evil {
    fn extras(
        _: ConnectionBorrow<'_>,
        _: String,
        _: String,
    ) -> Result<extras::TableExtras, Failure> {
        let (indexes, column_comments, untold) = (Vec::new(), Vec::new(), Vec::new());
        Ok(extras::TableExtras { indexes, comment: None, column_comments, untold })
    }
}

impl turns::Guest for Evil {
    fn begin_turn(_: ConnectionBorrow<'_>, _: String, _: bool) -> Result<(), Failure> {
        Ok(())
    }
}

impl moment::Guest for Evil {
    fn moment(_: ConnectionBorrow<'_>, _: String) -> Result<Vec<u8>, Failure> {
        Ok(Vec::new())
    }

    fn reached(
        _: ConnectionBorrow<'_>,
        _: String,
        _: Position,
        _: Vec<u8>,
    ) -> Result<bool, Failure> {
        Ok(true)
    }
}

bindings::export_source_world!(Evil with_types_in bindings);
