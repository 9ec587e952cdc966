//! What a connection is opened with.

use super::{Grants, Limits, Patience};

/// Plain settings; the caller maps configuration to them.
#[derive(Clone)]
pub struct ConnectSettings {
    pub connection_string: String,
    /// Already valid against the connector's options schema.
    pub options: serde_json::Value,
    /// Further keys that the connector has the capability for.
    pub settings: Vec<(String, String)>,
    pub grants: Grants,
    pub limits: Limits,
    /// How a connector is waited for that asks for a pause.
    pub patience: Patience,
    /// The pipeline or schema, for logs and metrics.
    pub label: String,
}
