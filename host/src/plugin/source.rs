use super::{Cause, ConnectSettings, Plugin, PluginError, ReadLimits, Role};
use crate::model::{Chunk, DeadLetter, Position, SchemaChange, TableBatch, TableShape};
use std::sync::Arc;

/// One step of a chunk of a table's snapshot.
#[derive(Debug)]
pub struct SnapshotBatch {
    pub rows: Option<TableBatch>,
    pub rejected: Vec<DeadLetter>,
    /// Where the chunk goes on; none when it is finished.
    pub next_cursor: Option<Vec<u8>>,
}

/// One step of the change stream.
#[derive(Debug)]
pub struct ChangeBatch {
    /// Apply before the rows.
    pub schema_changes: Vec<SchemaChange>,
    pub tables: Vec<TableBatch>,
    pub rejected: Vec<DeadLetter>,
    pub position: Position,
    pub caught_up: bool,
}

#[derive(Clone)]
pub struct SourceConnection {
    plugin: Arc<Plugin>,
}

#[allow(clippy::unused_async)]
impl SourceConnection {
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
            role: Role::Source,
            call,
            cause: Cause::Gone,
        }
    }
    pub async fn test_connection(&self) -> Result<(), PluginError> {
        Err(self.gone("test-connection"))
    }
    pub async fn get_schema(&self, schema: &str) -> Result<Vec<TableShape>, PluginError> {
        let _ = schema;
        Err(self.gone("get-schema"))
    }
    pub async fn select_tables(&self, schema: &str, tables: &[String]) -> Result<(), PluginError> {
        let _ = (schema, tables);
        Err(self.gone("select-tables"))
    }
    pub async fn current_position(&self, schema: &str) -> Result<Position, PluginError> {
        let _ = schema;
        Err(self.gone("current-position"))
    }
    pub async fn plan_snapshot(
        &self,
        schema: &str,
        table: &str,
        start: &Position,
        target_chunks: u32,
    ) -> Result<Vec<Chunk>, PluginError> {
        let _ = (schema, table, start, target_chunks);
        Err(self.gone("plan-snapshot"))
    }
    pub async fn get_full_snapshot(
        &self,
        schema: &str,
        table: &str,
        chunk: &Chunk,
        cursor: Option<Vec<u8>>,
        limits: ReadLimits,
    ) -> Result<SnapshotBatch, PluginError> {
        let _ = (schema, table, chunk, cursor, limits);
        Err(self.gone("get-full-snapshot"))
    }
    pub async fn get_changes(
        &self,
        schema: &str,
        after: &Position,
        limits: ReadLimits,
    ) -> Result<ChangeBatch, PluginError> {
        let _ = (schema, after, limits);
        Err(self.gone("get-changes"))
    }
    pub async fn confirm(&self, schema: &str, position: &Position) -> Result<(), PluginError> {
        let _ = (schema, position);
        Err(self.gone("confirm"))
    }
    /// Disconnects and waits for it, at most a few seconds. Dropping the last handle does the same
    /// without waiting.
    pub async fn close(self) {}
}
