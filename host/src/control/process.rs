//! What the process itself is told: to end, to read its configuration again, to log more or less.

use std::sync::Arc;

use axum::{http::StatusCode, response::Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc, oneshot};

use super::answers::{Told, json};
use crate::config::LogLevel;

/// What a body for the level looks like.
pub const LEVEL_EXAMPLE: &str = r#"{"level": "DEBUG"}"#;

/// How it is told.
pub struct Process {
    /// Asks for the configuration to be read again; the answer comes through the sender.
    pub reloads: mpsc::Sender<oneshot::Sender<Result<Reload, Told>>>,
    /// Has it end in order.
    pub drain: Arc<Notify>,
    /// Sets the log's level.
    pub set_level: Box<dyn Fn(LogLevel) -> Result<(), Told> + Send + Sync>,
}

/// What became of a configuration that was read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reload {
    /// Keys whose new value counts from now on.
    pub taken: Vec<String>,
    /// Keys that count from the next start on.
    pub later: Vec<String>,
    /// Whether all schemas begin again for it.
    pub schemas_begin_again: bool,
}

/// What the log is to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Level {
    pub level: LogLevel,
}

/// That the process is ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Draining {
    pub draining: bool,
}

impl Process {
    /// Ends the process as a first SIGTERM does. A second signal ends it at once, which nobody who drains twice means.
    pub fn drain(&self) -> Response {
        self.drain.notify_one();
        json(StatusCode::ACCEPTED, &Draining { draining: true })
    }

    /// Reads the configuration again, as SIGHUP does.
    pub async fn reload(&self) -> Response {
        let (tell, told) = oneshot::channel();
        // An error says that the run is ending, and so does an answer that never comes.
        let asked = self.reloads.send(tell).await;
        match (asked, told.await) {
            (Ok(()), Ok(Ok(reload))) => json(StatusCode::OK, &reload),
            (Ok(()), Ok(Err(told))) => json(StatusCode::UNPROCESSABLE_ENTITY, &told),
            _ => json(StatusCode::CONFLICT, &Told::of(&crate::runner::DeskError::Closed)),
        }
    }

    /// From now on, until the configuration is read again.
    pub fn set_level(&self, level: Level) -> Response {
        match (self.set_level)(level.level) {
            Ok(()) => json(StatusCode::OK, &level),
            Err(told) => json(StatusCode::CONFLICT, &told),
        }
    }
}
