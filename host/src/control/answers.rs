//! What every answer has in common: JSON without secrets, and errors that say what helps.

use std::{error::Error, time::Duration};

use axum::{
    body::{Body, to_bytes},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use miette::Diagnostic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use crate::model::{redaction::redact, text::escaped_json};

/// The most that a request may say.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// How long it may take for that.
const BODY_WAIT_MAX: Duration = Duration::from_secs(5);

/// An error as all answers have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    /// A stable word, for which `cartridge-warp explain` has a page.
    pub code: String,
    /// What happened, with its causes.
    pub message: String,
    /// What helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Told {
    pub fn of(error: &dyn Diagnostic) -> Self {
        let mut message = error.to_string();
        let mut cause: Option<&dyn Error> = error.source();
        while let Some(inner) = cause {
            message = format!("{message}: {inner}");
            cause = inner.source();
        }
        // All that is wrong with a configuration, say.
        for related in error.related().into_iter().flatten() {
            message = format!("{message}; {related}");
        }
        let code = error.code().map(|code| code.to_string()).unwrap_or_default();
        Self { code, message, help: error.help().map(|help| help.to_string()) }
    }

    /// A request that cannot be understood.
    pub fn bad_request(message: String, help: String) -> Self {
        Self::of(&BadRequest { message, help })
    }
}

/// Somebody says what no route understands.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
#[diagnostic(code("bad-request"), help("{help}"))]
struct BadRequest {
    message: String,
    help: String,
}

/// A value as it may leave the process.
pub fn text(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    Ok(escaped_json(redact(&text).into_owned()))
}

/// An answer.
pub fn json(code: StatusCode, value: &impl Serialize) -> Response {
    match text(value) {
        Ok(text) => (code, [(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// What a request's body says, as `example` would.
pub async fn said<T: DeserializeOwned>(body: Body, example: &str) -> Result<T, Response> {
    let refused = |code, message: String| {
        let help = format!("send JSON such as {example}, at most {BODY_BYTES_MAX} bytes");
        json(code, &Told::bad_request(message, help))
    };
    let Ok(read) = timeout(BODY_WAIT_MAX, to_bytes(body, BODY_BYTES_MAX)).await else {
        return Err(refused(StatusCode::REQUEST_TIMEOUT, "the body came too slowly".to_owned()));
    };
    let bytes = read.map_err(|error| {
        refused(StatusCode::PAYLOAD_TOO_LARGE, format!("the body cannot be read: {error}"))
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| refused(StatusCode::BAD_REQUEST, format!("the body is no order: {error}")))
}
