use super::{Cause, ConnectSettings, Plugin, PluginError, Role};
use crate::model::{DeadLetter, Marker, SchemaChange, TableBatch, TablePlan};
use std::sync::Arc;

/// What became of one schema change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeOutcome {
    Applied,
    /// It was so already.
    Unchanged,
    Refused {
        reason: String,
    },
}

/// Everything that commits in one transaction (I2).
#[derive(Clone, Debug)]
pub struct WriteRequest {
    pub schema_name: String,
    pub tables: Vec<TableBatch>,
    pub dead_letters: Vec<DeadLetter>,
    pub markers: Vec<Marker>,
    pub epoch: u64,
    pub dead_letter_rejected: bool,
}

/// A row that the destination refused and put among the dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRow {
    /// Index into [`WriteRequest::tables`], then into its rows; both exist.
    pub batch: usize,
    pub row: usize,
    pub code: String,
    pub message: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOutcome {
    pub rows_written: u64,
    pub rejected: Vec<RejectedRow>,
}

#[derive(Clone)]
pub struct DestinationConnection {
    plugin: Arc<Plugin>,
}

#[allow(clippy::unused_async)]
impl DestinationConnection {
    pub async fn open(
        plugin: &Arc<Plugin>,
        settings: ConnectSettings,
    ) -> Result<Self, PluginError> {
        let _ = settings;
        Ok(Self { plugin: Arc::clone(plugin) })
    }
    fn gone(&self, call: &'static str) -> PluginError {
        PluginError {
            plugin: self.plugin.info.name.clone(),
            role: Role::Destination,
            call,
            cause: Cause::Gone,
        }
    }
    pub async fn test_connection(&self) -> Result<(), PluginError> {
        Err(self.gone("test-connection"))
    }
    pub async fn create_schema_if_not_exists(&self, schema: &str) -> Result<(), PluginError> {
        let _ = schema;
        Err(self.gone("create-schema-if-not-exists"))
    }
    pub async fn claim_schema(&self, schema: &str, owner: &str) -> Result<u64, PluginError> {
        let _ = (schema, owner);
        Err(self.gone("claim-schema"))
    }
    pub async fn get_marker(
        &self,
        schema: &str,
        stream: &str,
    ) -> Result<Option<Vec<u8>>, PluginError> {
        let _ = (schema, stream);
        Err(self.gone("get-marker"))
    }
    pub async fn update_marker(
        &self,
        schema: &str,
        markers: Vec<Marker>,
        epoch: u64,
    ) -> Result<(), PluginError> {
        let _ = (schema, markers, epoch);
        Err(self.gone("update-marker"))
    }
    pub async fn create_table_if_not_exists(
        &self,
        schema: &str,
        plan: &TablePlan,
        epoch: u64,
    ) -> Result<(), PluginError> {
        let _ = (schema, plan, epoch);
        Err(self.gone("create-table-if-not-exists"))
    }
    pub async fn apply_schema_changes(
        &self,
        schema: &str,
        changes: &[SchemaChange],
        epoch: u64,
    ) -> Result<Vec<ChangeOutcome>, PluginError> {
        let _ = (schema, changes, epoch);
        Err(self.gone("apply-schema-changes"))
    }
    pub async fn write_batch(&self, request: WriteRequest) -> Result<WriteOutcome, PluginError> {
        let _ = request;
        Err(self.gone("write-batch"))
    }
    pub async fn close(self) {}
}
