//! The untyped tree becomes typed values; what does not fit its type is reported.
//!
//! serde stops at the first misfit, so the misfit is taken out and the rest read again, until all
//! are found. Nothing half-read leaves this module.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment as Step;

use super::error::{Code, Problem};
use super::known::expectation;
use super::layers::Layers;
use super::path::{KeyPath, Segment};
use super::redact::redact;

/// A person mends no more at once.
const MISFITS_MAX: usize = 20;

/// How much of a wrong value is shown.
const SHOWN_CHARS_MAX: usize = 60;

/// The typed values, unless one does not fit.
pub(super) fn decode<T: DeserializeOwned>(
    layers: &Layers,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let mut tree = layers.tree.clone();
    for round in 0..MISFITS_MAX {
        let error = match serde_path_to_error::deserialize::<_, T>(&tree) {
            Ok(config) => return (round == 0).then_some(config),
            Err(error) => error,
        };
        let path = key_path(error.path());
        let text = error.inner().to_string();
        // Missing keys were found before; one more is what an earlier round took out.
        if text.starts_with("missing field") {
            if problems.is_empty() {
                let message = format!("`{path}`: {text}");
                let help = "add the key".to_owned();
                problems.push(layers.key_problem(Code::MissingKey, &path, message, help));
            }
            return None;
        }
        problems.push(misfit(layers, &path, &text, path.find(&tree)));
        if !take_out(&mut tree, &path) {
            return None;
        }
    }
    None
}

fn misfit(layers: &Layers, path: &KeyPath, text: &str, value: Option<&Value>) -> Problem {
    // serde's own words name Rust types; the words of our value types are meant to be read.
    let generic =
        ["invalid type", "invalid value", "unknown variant", "number too", "invalid length"];
    let message = if generic.iter().any(|start| text.starts_with(start)) {
        format!("`{path}` can't be {}", shown(value))
    } else {
        format!("`{path}`: {}", redact(text))
    };
    layers.problem(Code::InvalidValue, path, message, expectation(layers.root, path, value))
}

fn shown(value: Option<&Value>) -> String {
    match value {
        Some(Value::Object(_)) => "a map".to_owned(),
        Some(Value::Array(_)) => "a list".to_owned(),
        Some(scalar) => {
            let text = scalar.to_string();
            let clean = redact(&text);
            let mut short: String = clean.chars().take(SHOWN_CHARS_MAX).collect();
            if short.len() < clean.len() {
                short.push('…');
            }
            short
        }
        None => "left out".to_owned(),
    }
}

fn key_path(path: &serde_path_to_error::Path) -> KeyPath {
    path.iter().fold(KeyPath::default(), |path, step| match step {
        Step::Seq { index } => path.index(*index),
        Step::Map { key } => path.key(key),
        Step::Enum { .. } | Step::Unknown => path,
    })
}

/// Takes a value out; an item takes its list with it, since the others would change their numbers.
fn take_out(tree: &mut Value, path: &KeyPath) -> bool {
    let Some(at) = path.segments().iter().rposition(|s| matches!(s, Segment::Key(_))) else {
        return false;
    };
    let (parents, last) = path.segments().split_at(at);
    let parent = parents.iter().try_fold(tree, |place, segment| match segment {
        Segment::Key(name) => place.get_mut(name.as_ref()),
        Segment::Index(position) => place.get_mut(position),
    });
    match (parent, last.first()) {
        (Some(Value::Object(entries)), Some(Segment::Key(name))) => {
            entries.remove(name.as_ref()).is_some()
        }
        _ => false,
    }
}
