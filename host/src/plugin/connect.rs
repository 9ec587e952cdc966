//! What a connection is opened with.

use super::{Grants, Limits, Patience};
use crate::model::redaction;

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

impl ConnectSettings {
    /// Keeps what a connector is about to be told in confidence out of everything that is printed,
    /// logged or served: it may repeat it in its errors.
    pub(super) fn learn_secrets(&self) {
        redaction::learn_connection_string(&self.connection_string);
        redaction::learn_settings(&self.options);
        let named =
            self.grants.environment.iter().filter(|(name, _)| redaction::is_secret_name(name));
        named.for_each(|(_, value)| redaction::learn(value));
        let logins = self.grants.hosts.iter().filter_map(|host| host.login.as_ref());
        logins.for_each(|login| redaction::learn(login.password()));
    }
}
