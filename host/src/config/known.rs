//! Refuses keys that do not exist, are not implemented, or are missing.
//!
//! Works on the untyped tree, so that every such key is found at once and at every level. What a
//! value may be is `decode`'s business.

use serde_json::{Map, Value};

use super::error::{Code, Problem};
use super::keys::Node;
use super::layers::Layers;
use super::nearest::suggest;
use super::path::{KeyPath, Segment};
use super::unsupported;

/// Finds wrong keys, and takes unknown ones out of the tree so that the rest can be read.
pub(super) fn review(layers: &mut Layers, problems: &mut Vec<Problem>) {
    let mut tree = std::mem::take(&mut layers.tree);
    if !visit(&mut tree, layers.root, &KeyPath::default(), layers, problems) {
        tree = Value::Object(Map::new());
    }
    layers.tree = tree;
}

/// Whether the value may stay. serde would read a list as the fields of a struct in their order, so
/// a list or map in the wrong place is found here.
fn visit(
    value: &mut Value,
    node: Node,
    path: &KeyPath,
    layers: &Layers,
    problems: &mut Vec<Problem>,
) -> bool {
    if let Some(reason) = unsupported::reason(path) {
        let release =
            concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));
        let message =
            format!("`{path}` is not supported yet by this release ({release}): {reason}");
        let help = "remove the key".to_owned();
        problems.push(layers.key_problem(Code::Unsupported, path, message, help));
        return false;
    }
    let wrong = match value {
        Value::Object(_) if !node.accepts("object") => Some("a map"),
        Value::Array(_) if !node.accepts("array") => Some("a list"),
        _ => None,
    };
    if let Some(wrong) = wrong {
        let message = format!("`{path}` can't be {wrong}");
        let help = expectation(layers.root, path, None);
        problems.push(layers.problem(Code::InvalidValue, path, message, help));
        return false;
    }
    match value {
        Value::Object(entries) => {
            let missing = node
                .required()
                .into_iter()
                .filter(|name| entries.get(*name).is_none_or(Value::is_null));
            problems.extend(missing.map(|name| absent(name, node, path, layers)));
            entries.retain(|name, value| {
                let full = path.key(name);
                let Some(below) = node.step(&Segment::Key(name.as_str().into())) else {
                    problems.push(unknown(name, node, path, layers));
                    return false;
                };
                // A key without a value (`tables:`) counts as not written.
                let is_absent = value.is_null() && node.names().contains(name.as_str());
                if is_absent && unsupported::reason(&full).is_none() {
                    return false;
                }
                visit(value, below, &full, layers, problems)
            });
            true
        }
        Value::Array(items) => {
            let Some(below) = node.step(&Segment::Index(0)) else { return true };
            // A wrong item takes its list with it, since the others would change their numbers.
            items.iter_mut().enumerate().fold(true, |all, (position, item)| {
                visit(item, below, &path.index(position), layers, problems) && all
            })
        }
        _ => true,
    }
}

fn unknown(name: &str, node: Node, path: &KeyPath, layers: &Layers) -> Problem {
    let implemented = |known: &&str| unsupported::reason(&path.key(known)).is_none();
    let names: Vec<&str> = node.names().into_iter().filter(implemented).collect();
    let full = path.key(name);
    let message = format!("unknown key `{full}`");
    layers.key_problem(Code::UnknownKey, &full, message, suggest(name, names))
}

fn absent(name: &str, node: Node, path: &KeyPath, layers: &Layers) -> Problem {
    let full = path.key(name);
    let meaning = node.step(&Segment::Key(name.into())).map(Node::description);
    let help = format!("add `{name}`: {}", meaning.unwrap_or_default());
    let message = format!("the key `{full}` is missing");
    layers.key_problem(Code::MissingKey, path, message, help)
}

/// Adds what a key is for to what to do about its value.
pub(super) fn expectation(root: Node, path: &KeyPath, value: Option<&Value>) -> String {
    let Some(node) = root.at(path) else { return "see the reference of this key".to_owned() };
    let choices = node.choices();
    let meant = value.and_then(Value::as_str).filter(|_| !choices.is_empty());
    let meant = meant.and_then(|word| super::nearest::nearest(word, choices.iter().copied()));
    let guess = meant.map(|word| format!("did you mean `{word}`? ")).unwrap_or_default();
    format!("{guess}write {}", node.expected())
}
