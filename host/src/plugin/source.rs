//! Connections to sources.

use std::{sync::Arc, time::Duration};

use wasmtime::{Store, component::ResourceAny};

use super::{
    Cause, ChangeBatch, ConnectSettings, Plugin, PluginError, ReadLimits, Role, SnapshotBatch,
    bindings::source::{
        cartridge::warp::types::ConnectConfig, exports::cartridge::warp::source::GuestConnection,
    },
    convert::{self, source::Kept},
    fault::{answer, cause},
    program::{Program, SourceExports},
    session::{Instance, Protocol, Session, Work},
    state::State,
};
use crate::model::{Chunk, Position, TableShape};

/// An open source. Clones share one instance, whose calls run one at a time; the last clone to go
/// disconnects.
#[derive(Clone)]
pub struct SourceConnection {
    pub(super) session: Session<Guest>,
}

pub(super) struct Guest {
    pub(super) exports: SourceExports,
    pub(super) connection: ResourceAny,
    pub(super) kept: Kept,
}

impl Protocol for Guest {
    const ROLE: Role = Role::Source;

    fn connect<'a>(
        store: &'a mut Store<State>,
        program: &'a Program,
        config: ConnectConfig,
    ) -> Work<'a, Self> {
        Box::pin(async move {
            let Program::Source(program) = program else {
                return Err(Cause::Malformed("it is a destination".to_owned()));
            };
            let exports = match program.instantiate(store).await {
                Ok(exports) => exports,
                Err(error) => return Err(cause(store, &error)),
            };
            let api = exports.world.cartridge_warp_source();
            let called = api.call_connect(&mut *store, &config).await;
            let connection = answer(store, called)?;
            let kept = Kept::new(&store.data().account);
            Ok(Self { exports, connection, kept })
        })
    }

    fn connection(&self) -> ResourceAny {
        self.connection
    }
}

impl Guest {
    fn api(&self) -> GuestConnection<'_> {
        self.exports.world.cartridge_warp_source().connection()
    }
}

impl SourceConnection {
    pub async fn open(
        plugin: &Arc<Plugin>,
        settings: ConnectSettings,
    ) -> Result<Self, PluginError> {
        Ok(Self { session: Session::open(plugin, settings).await? })
    }

    pub async fn test_connection(&self) -> Result<(), PluginError> {
        self.call("test-connection", move |Instance { store, guest }| {
            Box::pin(async move {
                let called = guest.api().call_test_connection(&mut *store, guest.connection).await;
                answer(store, called)
            })
        })
        .await
    }

    /// Which tables those of the schema are, if the far side can tell.
    pub async fn identify(&self, schema: &str) -> Result<Option<String>, PluginError> {
        let schema = schema.to_owned();
        self.call("identify", move |Instance { store, guest }| {
            Box::pin(async move {
                let (api, connection) = (guest.api(), guest.connection);
                let called = api.call_identify(&mut *store, connection, &schema).await;
                convert::bounds::identity(answer(store, called)?)
            })
        })
        .await
    }

    /// All tables of a schema.
    pub async fn get_schema(&self, schema: &str) -> Result<Vec<TableShape>, PluginError> {
        let schema = schema.to_owned();
        self.call("get-schema", move |Instance { store, guest }| {
            Box::pin(async move {
                let connection = guest.connection;
                let called = guest.api().call_get_schema(&mut *store, connection, &schema).await;
                convert::source::tables(answer(store, called)?, &mut guest.kept.told)
            })
        })
        .await
    }

    /// Tells which tables are wanted, before any of the calls below.
    pub async fn select_tables(&self, schema: &str, tables: &[String]) -> Result<(), PluginError> {
        let (schema, tables) = (schema.to_owned(), tables.to_owned());
        self.call("select-tables", move |Instance { store, guest }| {
            Box::pin(async move {
                let connection = guest.connection;
                let api = guest.api();
                let called =
                    api.call_select_tables(&mut *store, connection, &schema, &tables).await;
                answer(store, called)
            })
        })
        .await
    }

    /// Whether the stream goes on behind a position, found out without reading.
    pub async fn check_position(&self, schema: &str, after: &Position) -> Result<(), PluginError> {
        let (schema, after) = (schema.to_owned(), after.0.clone());
        self.call("check-position", move |Instance { store, guest }| {
            Box::pin(async move {
                let (api, connection) = (guest.api(), guest.connection);
                let called =
                    api.call_check_position(&mut *store, connection, &schema, &after).await;
                answer(store, called)
            })
        })
        .await
    }

    pub async fn current_position(&self, schema: &str) -> Result<Position, PluginError> {
        let schema = schema.to_owned();
        self.call("current-position", move |Instance { store, guest }| {
            Box::pin(async move {
                let connection = guest.connection;
                let called =
                    guest.api().call_current_position(&mut *store, connection, &schema).await;
                convert::bounds::position(answer(store, called)?)
            })
        })
        .await
    }

    /// The position with whatever it says of these tables renewed: they are copied anew.
    pub async fn renew_tables(
        &self,
        schema: &str,
        position: &Position,
        tables: &[String],
    ) -> Result<Position, PluginError> {
        let (schema, position, tables) = (schema.to_owned(), position.0.clone(), tables.to_owned());
        self.call("renew-tables", move |Instance { store, guest }| {
            Box::pin(async move {
                let (api, connection) = (guest.api(), guest.connection);
                let called = api
                    .call_renew_tables(&mut *store, connection, &schema, &position, &tables)
                    .await;
                convert::bounds::position(answer(store, called)?)
            })
        })
        .await
    }

    pub async fn plan_snapshot(
        &self,
        schema: &str,
        table: &str,
        start: &Position,
        target_chunks: u32,
    ) -> Result<Vec<Chunk>, PluginError> {
        let (schema, table, start) = (schema.to_owned(), table.to_owned(), start.0.clone());
        self.call("plan-snapshot", move |Instance { store, guest }| {
            Box::pin(async move {
                let (api, connection) = (guest.api(), guest.connection);
                let called = api
                    .call_plan_snapshot(
                        &mut *store,
                        connection,
                        &schema,
                        &table,
                        &start,
                        target_chunks,
                    )
                    .await;
                let chunks = convert::source::chunks(answer(store, called)?)?;
                guest.kept.told.chunks(&table, &chunks)?;
                Ok(chunks)
            })
        })
        .await
    }

    /// Reads the next rows of a chunk: from its beginning without a cursor, else after it.
    pub async fn get_full_snapshot(
        &self,
        schema: &str,
        table: &str,
        chunk: &Chunk,
        cursor: Option<Vec<u8>>,
        limits: ReadLimits,
    ) -> Result<SnapshotBatch, PluginError> {
        let (schema, table) = (schema.to_owned(), table.to_owned());
        let chunk = convert::source::chunk_out(chunk);
        self.session
            .call("get-full-snapshot", limits.wait, move |Instance { store, guest }| {
                Box::pin(async move {
                    let (api, connection) = (guest.api(), guest.connection);
                    let called = api
                        .call_get_full_snapshot(
                            &mut *store,
                            connection,
                            &schema,
                            &table,
                            &chunk,
                            cursor.as_deref(),
                            convert::source::limits(limits),
                        )
                        .await;
                    let batch = answer(store, called)?;
                    let rows_max = limits.rows_max.max(1);
                    convert::source::snapshot_batch(batch, &mut guest.kept, rows_max)
                })
            })
            .await
    }

    /// Reads changes after a position, of all selected tables together.
    pub async fn get_changes(
        &self,
        schema: &str,
        after: &Position,
        limits: ReadLimits,
    ) -> Result<ChangeBatch, PluginError> {
        let (schema, after) = (schema.to_owned(), after.0.clone());
        self.session
            .call("get-changes", limits.wait, move |Instance { store, guest }| {
                Box::pin(async move {
                    let (api, connection) = (guest.api(), guest.connection);
                    let limits_out = convert::source::limits(limits);
                    let called = api
                        .call_get_changes(&mut *store, connection, &schema, &after, limits_out)
                        .await;
                    let batch = answer(store, called)?;
                    let rows_max = limits.rows_max.max(1);
                    convert::source::change_batch(batch, &mut guest.kept, rows_max)
                })
            })
            .await
    }

    /// Tells that everything up to the position is durable at the destination (I1).
    pub async fn confirm(&self, schema: &str, position: &Position) -> Result<(), PluginError> {
        let (schema, position) = (schema.to_owned(), position.0.clone());
        self.call("confirm", move |Instance { store, guest }| {
            Box::pin(async move {
                let (api, connection) = (guest.api(), guest.connection);
                let called = api.call_confirm(&mut *store, connection, &schema, &position).await;
                answer(store, called)
            })
        })
        .await
    }

    /// Disconnects and waits for it, at most a few seconds after the calls that are waiting.
    /// Dropping the last handle does the same without waiting.
    pub async fn close(self) {
        self.session.close().await;
    }

    pub(super) async fn call<T, W>(&self, call: &'static str, work: W) -> Result<T, PluginError>
    where
        T: Send + 'static,
        W: for<'a> FnOnce(&'a mut Instance<Guest>) -> Work<'a, T> + Clone + Send + 'static,
    {
        self.session.call(call, Duration::ZERO, work).await
    }
}
