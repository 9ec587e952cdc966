//! Connections to destinations.

use std::{collections::HashSet, sync::Arc, time::Duration};

use wasmtime::{Store, component::ResourceAny};

use super::{
    Cause, ChangeOutcome, ConnectSettings, Plugin, PluginError, Resource, Role, WireError,
    WriteOutcome, WriteRequest,
    bindings::{
        destination::exports::cartridge::warp::destination::GuestConnection,
        source::cartridge::warp::types::ConnectConfig,
    },
    convert::{self, source::Kept},
    fault::{answer, cause},
    program::{DestinationExports, Program},
    session::{Instance, Protocol, Session, Work},
    state::State,
};
use crate::model::{
    Action, Failure, Location, Marker, SchemaChange, TableBatch, TablePlace, TablePlan,
};

/// An open destination. Clones share one instance, whose calls run one at a time; the last clone to
/// go disconnects.
#[derive(Clone)]
pub struct DestinationConnection {
    session: Session<Guest>,
}

pub(super) struct Guest {
    pub(super) exports: DestinationExports,
    pub(super) connection: ResourceAny,
    pub(super) kept: Kept,
    /// Ids of the schemas that this connection was shown in a call that succeeded.
    schemas_shown: HashSet<String>,
}

impl Protocol for Guest {
    const ROLE: Role = Role::Destination;

    fn connect<'a>(
        store: &'a mut Store<State>,
        program: &'a Program,
        config: ConnectConfig,
    ) -> Work<'a, Self> {
        Box::pin(async move {
            let Program::Destination(program) = program else {
                return Err(Cause::Malformed("it is a source".to_owned()));
            };
            let exports = match program.instantiate(store).await {
                Ok(exports) => exports,
                Err(error) => return Err(cause(store, &error)),
            };
            let api = exports.world.cartridge_warp_destination();
            let called = api.call_connect(&mut *store, &config).await;
            let connection = answer(store, called)?;
            let kept = Kept::new(&store.data().account);
            Ok(Self { exports, connection, kept, schemas_shown: HashSet::new() })
        })
    }

    fn connection(&self) -> ResourceAny {
        self.connection
    }
}

impl Guest {
    fn api(&self) -> GuestConnection<'_> {
        self.exports.world.cartridge_warp_destination().connection()
    }
}

impl DestinationConnection {
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

    /// What is known of places, one answer for each, in order.
    pub async fn locate(
        &self,
        schema: &str,
        places: &[TablePlace],
    ) -> Result<Vec<Location>, PluginError> {
        let (schema, asked) = (schema.to_owned(), places.len());
        let places: Vec<_> = places.iter().cloned().map(convert::destination::place).collect();
        self.call("locate", move |Instance { store, guest }| {
            Box::pin(async move {
                let (api, connection) = (guest.api(), guest.connection);
                let called = api.call_locate(&mut *store, connection, &schema, &places).await;
                convert::destination::locations(answer(store, called)?, asked)
            })
        })
        .await
    }

    pub async fn create_schema_if_not_exists(&self, schema: &str) -> Result<(), PluginError> {
        let schema = schema.to_owned();
        self.call("create-schema-if-not-exists", move |Instance { store, guest }| {
            Box::pin(async move {
                let (api, connection) = (guest.api(), guest.connection);
                let called =
                    api.call_create_schema_if_not_exists(&mut *store, connection, &schema).await;
                answer(store, called)
            })
        })
        .await
    }

    /// Makes `owner` the only writer; the epoch goes with every write from now on (I3).
    pub async fn claim_schema(&self, schema: &str, owner: &str) -> Result<u64, PluginError> {
        let (schema, owner) = (schema.to_owned(), owner.to_owned());
        self.call("claim-schema", move |Instance { store, guest }| {
            Box::pin(async move {
                let (api, connection) = (guest.api(), guest.connection);
                let called = api.call_claim_schema(&mut *store, connection, &schema, &owner).await;
                answer(store, called)
            })
        })
        .await
    }

    pub async fn get_marker(
        &self,
        schema: &str,
        stream: &str,
    ) -> Result<Option<Vec<u8>>, PluginError> {
        let (schema, stream) = (schema.to_owned(), stream.to_owned());
        self.call("get-marker", move |Instance { store, guest }| {
            Box::pin(async move {
                let (api, connection) = (guest.api(), guest.connection);
                let called = api.call_get_marker(&mut *store, connection, &schema, &stream).await;
                let marker = answer(store, called)?;
                marker.map(convert::bounds::marker).transpose()
            })
        })
        .await
    }

    pub async fn update_marker(
        &self,
        schema: &str,
        markers: Vec<Marker>,
        epoch: u64,
    ) -> Result<(), PluginError> {
        let schema = schema.to_owned();
        let markers = convert::destination::markers(markers);
        self.call("update-marker", move |Instance { store, guest }| {
            Box::pin(async move {
                let (api, connection) = (guest.api(), guest.connection);
                let called =
                    api.call_update_marker(&mut *store, connection, &schema, &markers, epoch).await;
                answer(store, called)
            })
        })
        .await
    }

    pub async fn create_table_if_not_exists(
        &self,
        schema: &str,
        plan: &TablePlan,
        epoch: u64,
    ) -> Result<(), PluginError> {
        const CALL: &str = "create-table-if-not-exists";
        let schema = schema.to_owned();
        let plan = convert::destination::table_plan(plan);
        let plan = plan.map_err(|error| self.unsendable(CALL, &error))?;
        self.call(CALL, move |Instance { store, guest }| {
            Box::pin(async move {
                let (api, connection) = (guest.api(), guest.connection);
                let called = api
                    .call_create_table_if_not_exists(&mut *store, connection, &schema, &plan, epoch)
                    .await;
                answer(store, called)
            })
        })
        .await
    }

    /// One outcome for each change, in order.
    pub async fn apply_schema_changes(
        &self,
        schema: &str,
        changes: &[SchemaChange],
        epoch: u64,
    ) -> Result<Vec<ChangeOutcome>, PluginError> {
        const CALL: &str = "apply-schema-changes";
        let schema = schema.to_owned();
        let changes = convert::destination::schema_changes(changes);
        let changes = changes.map_err(|error| self.unsendable(CALL, &error))?;
        self.call(CALL, move |Instance { store, guest }| {
            Box::pin(async move {
                let (api, connection) = (guest.api(), guest.connection);
                let called = api
                    .call_apply_schema_changes(&mut *store, connection, &schema, &changes, epoch)
                    .await;
                convert::destination::change_outcomes(answer(store, called)?, changes.len())
            })
        })
        .await
    }

    /// Commits rows, dead letters and markers together (I2, I3, I5).
    pub async fn write_batch(&self, request: WriteRequest) -> Result<WriteOutcome, PluginError> {
        self.call("write-batch", move |Instance { store, guest }| {
            Box::pin(async move {
                let rows: Vec<usize> = request.tables.iter().map(TableBatch::row_count).collect();
                // The copy that the guest is shown, beside what was read.
                let bytes = convert::destination::request_bytes(&request);
                let held = store.data().account.charge(Resource::Memory, bytes);
                let _held = held.map_err(Cause::Exhausted)?;
                let (request, shown) =
                    convert::destination::write_request(request, &guest.schemas_shown);
                let (api, connection) = (guest.api(), guest.connection);
                let called = api.call_write_batch(&mut *store, connection, &request).await;
                let outcome = answer(store, called)?;
                guest.schemas_shown.extend(shown);
                convert::destination::write_outcome(outcome, &rows)
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

    /// A schema that the host itself can't put on the wire: repeating can't help.
    pub(super) fn unsendable(&self, call: &'static str, error: &WireError) -> PluginError {
        let failure = Failure {
            action: Action::Stop,
            code: "unsendable-schema".to_owned(),
            message: error.to_string(),
            detail: None,
            retry_after: None,
            tables: Vec::new(),
        };
        self.session.error(call, Cause::Failure(Box::new(failure)))
    }
}
