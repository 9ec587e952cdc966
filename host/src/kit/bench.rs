//! What every check works with: the component, how it is opened, the case, and the driver.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::json;

use super::{
    connections::{Connections, Opened},
    driver::{Driver, DriverError},
    ear::Ear,
    finding::Checked,
    state::{Key, Rows, State, key, keyed},
    values::{Row, from_json, to_json},
};
use crate::{
    config::{KitAbility, KitCase, KitOperation, KitTable},
    model::ColumnType,
    plugin::{ConnectSettings, DestinationConnection, Plugin, PluginError, SourceConnection},
};

/// A component on the bench.
pub struct Bench {
    pub plugin: Arc<Plugin>,
    pub settings: ConnectSettings,
    /// The case; its tables have more columns where a check added some.
    pub case: Arc<KitCase>,
    as_written: Arc<KitCase>,
    /// What listens to the component's engine.
    pub ear: Arc<Ear>,
    driver: Driver,
    opened: Connections,
    /// The keys that a source has by what was written: a driver that tells others is wrong.
    written: BTreeMap<String, BTreeSet<Key>>,
}

/// What a check writes to a source.
#[derive(Clone, Debug)]
pub struct Written {
    pub operation: KitOperation,
    pub row: Row,
}

impl Bench {
    pub fn new(
        plugin: Arc<Plugin>,
        settings: ConnectSettings,
        case: KitCase,
        driver: Driver,
        ear: Arc<Ear>,
    ) -> Self {
        let (opened, written, case) = (Connections::default(), BTreeMap::new(), Arc::new(case));
        let as_written = Arc::clone(&case);
        Self { plugin, settings, case, as_written, ear, driver, opened, written }
    }

    /// An instance of a source with these settings.
    pub async fn source(&self, settings: ConnectSettings) -> Result<SourceConnection, PluginError> {
        let connection = SourceConnection::open(&self.plugin, settings).await?;
        self.opened.remember(Opened::Source(connection.clone()));
        Ok(connection)
    }

    /// An instance of a destination with these settings.
    pub async fn destination(
        &self,
        settings: ConnectSettings,
    ) -> Result<DestinationConnection, PluginError> {
        let connection = DestinationConnection::open(&self.plugin, settings).await?;
        self.opened.remember(Opened::Destination(connection.clone()));
        Ok(connection)
    }

    /// Waits until nothing of a check is at the far side any more: the next one begins alone.
    pub async fn close(&mut self) {
        self.opened.close().await;
    }

    /// The names of the tables.
    pub fn names(&self) -> Vec<String> {
        self.case.tables.keys().cloned().collect()
    }

    /// Everything as if nobody had been there.
    pub async fn reset(&mut self) -> Checked {
        self.case = Arc::clone(&self.as_written);
        self.written =
            self.case.tables.keys().map(|name| (name.clone(), BTreeSet::new())).collect();
        Ok(self.driver.reset().await?)
    }

    /// Has the driver write these rows to each table of a source.
    pub async fn write(&mut self, rows: impl Fn(&KitTable) -> Vec<Written>) -> Checked {
        let mut operations = Vec::new();
        for (name, table) in &self.case.tables {
            let keys = self.written.entry(name.clone()).or_default();
            for Written { operation, row } in rows(table) {
                let key = key(table, &row);
                match operation {
                    KitOperation::Delete => keys.remove(&key),
                    KitOperation::Insert | KitOperation::Update => keys.insert(key),
                };
                let row = to_json(table, &row);
                operations.push(json!({ "op": operation, "table": name, "row": row }));
            }
        }
        Ok(self.driver.write(operations).await?)
    }

    /// Has the driver add a column to each table of a source.
    pub async fn alter(&mut self, name: &str, kind: ColumnType) -> Checked {
        let case = Arc::make_mut(&mut self.case);
        for (table, shape) in &mut case.tables {
            self.driver.alter(table, name, &kind.to_string()).await?;
            shape.columns.insert(name.to_owned(), kind);
        }
        Ok(())
    }

    /// Has the driver disturb the connector.
    pub async fn disturb(&mut self, kind: KitAbility) -> Checked {
        Ok(self.driver.disturb(kind).await?)
    }

    /// The rows of a source, as its driver tells them.
    pub async fn expected(&mut self) -> Checked<State> {
        let mut state = State::new();
        for (name, table) in &self.case.tables {
            let rows = self.driver.expected(name).await?;
            let rows = read("expected", name, table, from_json(table, &rows))?;
            let keys: BTreeSet<Key> = rows.keys().cloned().collect();
            if self.written.get(name).is_some_and(|written| *written != keys) {
                let what = format!(
                    "tells rows of `{name}` whose keys are not those that it was told to write"
                );
                return Err(DriverError::new("expected", what).into());
            }
            state.insert(name.clone(), rows);
        }
        Ok(state)
    }

    /// The rows of a destination, as its driver reads them.
    pub async fn read_all(&mut self) -> Checked<State> {
        let mut state = State::new();
        for (name, table) in &self.case.tables {
            let rows = self.driver.read_all(name).await?;
            state.insert(name.clone(), read("read_all", name, table, from_json(table, &rows))?);
        }
        Ok(state)
    }
}

/// Rows by their keys, if each has its own.
fn read(
    request: &str,
    name: &str,
    table: &KitTable,
    rows: Result<Vec<Row>, String>,
) -> Checked<Rows> {
    let rows =
        rows.map_err(|what| DriverError::new(request, format!("tells of `{name}`: {what}")))?;
    let count = rows.len();
    let rows = keyed(table, rows);
    if rows.len() < count {
        let what = format!("tells rows of `{name}` of which two have one key");
        return Err(DriverError::new(request, what).into());
    }
    Ok(rows)
}
