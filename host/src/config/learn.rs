//! Tells the process which of the configuration's values stand in no log and no error.

use serde_json::{Map, Value};

use super::path::KeyPath;
use super::settings::{EnvironmentGrant, Grants};
use super::{ConnectionString, WarpConfig};
use crate::model::redaction;

impl WarpConfig {
    /// Learns the secrets that the configuration itself holds: those of the connection strings and
    /// options, the key of hashes, and what connectors get as their environment. Other secrets in files and variables are
    /// learnt by whoever reads them.
    pub(super) fn learn_secrets(&self) {
        let (source, destination) = (&self.source, &self.destination);
        self.learn_section("source", source.connection_string.as_ref(), &source.options);
        self.learn_section(
            "destination",
            destination.connection_string.as_ref(),
            &destination.options,
        );
        if let Some(key) = &self.known_hash_key {
            redaction::learn(key.expose());
        }
        learn_environment(&source.grants);
        learn_environment(&destination.grants);
    }

    fn learn_section(
        &self,
        section: &str,
        connection_string: Option<&ConnectionString>,
        options: &Map<String, Value>,
    ) {
        if let Some(text) = connection_string {
            redaction::learn_connection_string(text.expose());
        }
        let options = Value::Object(options.clone());
        redaction::learn_settings(&options);
        self.learn_hidden(&options, &KeyPath::default().key(section).key("options"));
    }

    /// What [`WarpConfig::effective`] hides is a secret here too, but for paths: without them no
    /// line says where something is.
    fn learn_hidden(&self, value: &Value, path: &KeyPath) {
        match value {
            Value::String(text)
                if self.hides(path, &self.provenance.of(path)) && !text.starts_with(['/', '.']) =>
            {
                redaction::learn(text);
            }
            Value::Array(items) => {
                for (position, item) in items.iter().enumerate() {
                    self.learn_hidden(item, &path.index(position));
                }
            }
            Value::Object(entries) => {
                for (name, value) in entries {
                    self.learn_hidden(value, &path.key(name));
                }
            }
            _ => {}
        }
    }
}

fn learn_environment(grants: &Grants) {
    for grant in grants.environment.values() {
        if let EnvironmentGrant::Value(value) = grant {
            redaction::learn(value);
        }
    }
}
