//! Every key with the value that holds and where it came from: what `validate` prints.
//!
//! Invariant: no secret leaves this module. Passwords are redacted by their form; in a connector's
//! options, a value is hidden when its key is named like a secret, or when it came from outside
//! the file.

use serde_json::Value;

use super::WarpConfig;
use super::keys::Node;
use super::origin::Origin;
use super::path::KeyPath;
use super::redact::redact;
use super::unsupported;
use crate::model::redaction::is_secret_name;

/// One key, what it is and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveKey {
    /// The key, such as `schemas.0.tables.0.write_batch_size`.
    pub path: String,
    /// The value that holds, without secrets.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// Keys whose value comes from another key where they are not set, and those keys, nearest first.
/// A test holds this against `TableSettings`.
const INHERITED: &[(&str, &[&str])] = &[
    ("schemas.*.destination_schema", &["schemas.*.name"]),
    ("schemas.*.default_max_parallel_streams", &["global_max_parallel_streams"]),
    ("schemas.*.dead_letter_limit", &["error_handling.dead_letter_limit"]),
    (
        "schemas.*.tables.*.dead_letter_limit",
        &["schemas.*.dead_letter_limit", "error_handling.dead_letter_limit"],
    ),
    ("schemas.*.tables.*.create", &["schemas.*.create"]),
    ("schemas.*.tables.*.stream_batch_size", &["schemas.*.default_batch_size"]),
    ("schemas.*.tables.*.polling_interval_seconds", &["schemas.*.default_polling_interval"]),
    (
        "schemas.*.tables.*.max_parallel_streams",
        &["schemas.*.default_max_parallel_streams", "global_max_parallel_streams"],
    ),
];

impl WarpConfig {
    /// Every key with its value and origin; tables of the list with the values they inherit.
    ///
    /// ```
    /// # use cartridge_warp::config::*;
    /// # let config = WarpConfig::builder().source(SourceConfig::new("files", "in"))
    /// #     .destination(DestinationConfig::new("postgresql", "postgresql://me:pw@db/shop"))
    /// #     .schema(SchemaConfig::new("shop")).single("shop").build().unwrap();
    /// for key in config.effective() {
    ///     println!("{} = {} ({})", key.path, key.value, key.origin);
    ///     assert!(!key.value.contains("pw"));
    /// }
    /// ```
    #[must_use]
    pub fn effective(&self) -> Vec<EffectiveKey> {
        // The types of `settings` always have a JSON form; without one there is nothing to show.
        let tree = serde_json::to_value(self).unwrap_or_default();
        let mut keys = Vec::new();
        self.flatten(&tree, &tree, &KeyPath::default(), &mut keys);
        keys
    }

    fn flatten(&self, tree: &Value, value: &Value, path: &KeyPath, keys: &mut Vec<EffectiveKey>) {
        if unsupported::reason(path).is_some() {
            return;
        }
        let all_columns = self.columns_of_table(path);
        match all_columns.as_ref().unwrap_or(value) {
            Value::Object(entries) if !entries.is_empty() => {
                for (name, value) in entries {
                    self.flatten(tree, value, &path.key(name), keys);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for (position, item) in items.iter().enumerate() {
                    self.flatten(tree, item, &path.index(position), keys);
                }
            }
            _ => keys.push(self.describe(tree, value, path)),
        }
    }

    fn describe(&self, tree: &Value, value: &Value, path: &KeyPath) -> EffectiveKey {
        let reached = self.reached_table(tree, value, path);
        let reached = reached.or_else(|| inherited(tree, path).filter(|_| value.is_null()));
        let (origin, value) = match reached {
            Some((other, value)) => {
                let from = Box::new(self.provenance.of(&other));
                (Origin::Inherited { key: other.to_string(), from }, shown(&value))
            }
            None => {
                let origin = self.provenance.of(path);
                let default = self.default_of_table(path).filter(|_| value.is_null());
                let shown = shown(default.as_ref().unwrap_or(value));
                let is_hidden = self.hides(path, &origin);
                (origin, if is_hidden { "***".to_owned() } else { shown })
            }
        };
        EffectiveKey { path: path.to_string(), value, origin }
    }

    /// Whether a value of free form may be a secret.
    pub(super) fn hides(&self, path: &KeyPath, origin: &Origin) -> bool {
        let mut around = path.upwards();
        let is_free = Node::root().at(path).is_none_or(Node::is_free);
        let from_outside = matches!(origin, Origin::Environment(_))
            || around.any(|level| self.provenance.expanded.contains(&level));
        is_free && (from_outside || path.keys().any(is_secret_name))
    }
}

/// The nearest other key that gives this one its value.
fn inherited(tree: &Value, path: &KeyPath) -> Option<(KeyPath, Value)> {
    let (_, others) = INHERITED.iter().find(|(pattern, _)| path.has_form(pattern))?;
    others.iter().find_map(|pattern| {
        let other = path.fill(pattern);
        let value = other.find(tree)?;
        (!value.is_null()).then(|| (other.clone(), value.clone()))
    })
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "(not set)".to_owned(),
        Value::String(text) => redact(text).into_owned(),
        Value::Array(_) => "[]".to_owned(),
        Value::Object(_) => "{}".to_owned(),
        other => other.to_string(),
    }
}
