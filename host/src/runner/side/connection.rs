//! What an endpoint is connected with, found anew for each connection.
//!
//! A connection string may stand in a file, and have places for secrets that expire. Neither may
//! widen what a connector can reach: secrets never decide about grants, and a file that says
//! something else has its grants derived like the first one's, of paths the same ones, which are open
//! since before any connector was (I10).

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::time::timeout;

use super::side::Side;
use crate::{
    config::{ConnectionString, Unread, read_connection_string},
    plugin::{ConnectSettings, DestinationConnection, LogRate, Patience, Plugin},
    runner::error::RunError,
};

/// How long the disk may take for a connection string.
const READ_DEADLINE: Duration = Duration::from_secs(10);

/// Where the connection string is.
#[derive(Clone)]
pub struct Connection {
    pub key: &'static str,
    pub text: Option<ConnectionString>,
    pub file: Option<PathBuf>,
}

/// A plugin and how it is opened.
#[derive(Clone)]
pub struct Endpoint {
    pub plugin: Arc<Plugin>,
    /// As of when the endpoint was made, without the secrets of the connection string.
    pub settings: ConnectSettings,
    /// Asked before each line about what the plugin did.
    pub log: LogRate,
    side: Side,
    connection: Connection,
    /// The connection string that `settings` were made for.
    text: ConnectionString,
}

impl Endpoint {
    pub fn new(side: Side, connection: Connection) -> Result<Self, RunError> {
        side.check_secrets()?;
        let text = connection.read()?;
        let settings = side.settings(&text)?;
        let (plugin, log) = (Arc::clone(&side.plugin), side.plugin.log_rate(&settings.limits));
        Ok(Self { plugin, settings, log, side, connection, text })
    }

    /// The same, and how its connector is waited for.
    #[must_use]
    pub fn with(mut self, patience: &Patience) -> Self {
        self.settings.patience = patience.clone();
        self
    }

    /// The same for a schema of this name: what was opened or counted is shared.
    #[must_use]
    pub fn labelled(&self, schema: &str) -> Self {
        let mut endpoint = self.clone();
        schema.clone_into(&mut endpoint.settings.label);
        schema.clone_into(&mut endpoint.side.label);
        endpoint
    }

    /// Opens a destination.
    pub async fn open_destination(&self) -> Result<DestinationConnection, RunError> {
        let settings = self.connect_settings().await?;
        Ok(DestinationConnection::open(&self.plugin, settings).await?)
    }

    /// What the next connection is opened with: files and secrets as they are now.
    pub async fn connect_settings(&self) -> Result<ConnectSettings, RunError> {
        let text = self.connection.read_bounded().await?;
        let mut settings = self.settings.clone();
        if text != self.text {
            settings = self.side.settings(&text)?;
            settings.patience = self.settings.patience.clone();
            settings.limits.cpu_weight = self.settings.limits.cpu_weight;
            self.check_paths(&settings)?;
        }
        let mut values = Vec::new();
        for name in text.secrets() {
            let value = self.side.secrets.get(name).await;
            let key = format!("{}.grants.secrets.{name}", self.connection.key);
            values.push((name, value.map_err(|cause| RunError::Secret { key, cause })?));
        }
        let filled = text.fill(|name| {
            let value = values.iter().find(|(known, _)| *known == name);
            value.map(|(_, value)| value.clone()).unwrap_or_default()
        });
        settings.connection_string = self.side.kept(&filled, &mut settings.grants)?;
        Ok(settings)
    }

    /// Other paths than those of the start are not open, and nobody saw that they are not the host's.
    fn check_paths(&self, settings: &ConnectSettings) -> Result<(), RunError> {
        if settings.grants.paths == self.settings.grants.paths {
            return Ok(());
        }
        let key = self.connection.key;
        Err(RunError::Unusable {
            what: format!("`{key}.connection_string_file` names other paths than at the start"),
            help: "start again: paths are opened once, before any connector runs".into(),
        })
    }
}

impl Connection {
    fn read(&self) -> Result<ConnectionString, RunError> {
        read_connection_string(self.text.as_ref(), self.file.as_deref())
            .map_err(|cause| RunError::ConnectionFile { key: self.key, cause })
    }

    async fn read_bounded(&self) -> Result<ConnectionString, RunError> {
        let (key, connection) = (self.key, self.clone());
        let reading = tokio::task::spawn_blocking(move || connection.read());
        match timeout(READ_DEADLINE, reading).await {
            Ok(Ok(read)) => read,
            Ok(Err(_)) | Err(_) => Err(RunError::ConnectionFile { key, cause: Unread::Late }),
        }
    }
}
