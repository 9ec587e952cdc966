//! The JSON Schema of a configuration file, for editors: they complete keys, show their meaning and
//! underline wrong ones while a file is written.
//!
//! It is of the file as it is written, so any value may be a text with `${NAME}`. What only
//! [`WarpConfig::load`](super::WarpConfig::load) can tell, such as keys that may not stand together, it does not
//! say.

use serde_json::{Map, Value, json};

use super::keys::Node;
use super::path::{KeyPath, Segment};
use super::unsupported;

/// What a text is that takes its value from the environment.
const VARIABLE: &str = r"\$\{";

/// The JSON Schema of a configuration file.
///
/// ```
/// let schema = cartridge_warp::config::json_schema();
/// assert_eq!(schema["properties"]["dry_run"]["default"], false);
/// ```
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = Node::root().schema().clone();
    as_written(&mut schema, &KeyPath::default());
    schema
}

fn as_written(schema: &mut Value, path: &KeyPath) {
    let Some(map) = schema.as_object_mut() else { return };
    for keyword in ["anyOf", "oneOf"] {
        let branches = map.get_mut(keyword).and_then(Value::as_array_mut);
        branches.into_iter().flatten().for_each(|branch| as_written(branch, path));
    }
    if let Some(Value::Object(keys)) = map.get_mut("properties") {
        keys.retain(|name, _| unsupported::reason(&path.key(name)).is_none());
        for (name, key) in keys {
            as_written(key, &path.key(name));
        }
    }
    for (keyword, step) in [("items", "0"), ("additionalProperties", "NAME")] {
        if let Some(below) = map.get_mut(keyword) {
            as_written(below, &path.then(Segment::from(step)));
        }
    }
    if takes_no_variable(map) {
        let plain = std::mem::take(map);
        for keyword in ["description", "default"] {
            map.extend(plain.get(keyword).map(|value| (keyword.to_owned(), value.clone())));
        }
        let variable = json!({"type": "string", "pattern": VARIABLE});
        map.insert("anyOf".to_owned(), json!([plain, variable]));
    }
}

/// Whether a text with a variable would be refused: of numbers, booleans, and words of a list.
fn takes_no_variable(schema: &Map<String, Value>) -> bool {
    let of_types = |types: &[&str]| match schema.get("type") {
        Some(Value::String(only)) => types.contains(&only.as_str()),
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).all(|one| types.contains(&one))
        }
        _ => false,
    };
    let words = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let is_list =
        schema.contains_key("enum") || words.into_iter().any(|word| word.get("const").is_some());
    is_list || of_types(&["integer", "number", "boolean", "null"])
}
