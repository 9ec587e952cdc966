//! Environment variables and flags become values of the configuration.
//!
//! A variable that begins with `CARTRIDGE_WARP_` and names no key is refused: a misspelt one would
//! be a setting that silently does not hold.

use std::collections::BTreeMap;

use super::error::{Code, Place, Problem};
use super::keys::{Node, PREFIX, env_help, variable_of};
use super::layers::Layers;
use super::nearest::{nearest, suggest};
use super::origin::Origin;
use super::path::{KeyPath, Segment};
use super::service_links::tells_of_a_service;

/// Variables of that prefix which are no keys; one ending in `_` stands for all that begin so.
const NOT_KEYS: &[&str] =
    &["CARTRIDGE_WARP_PLUGIN_DIR", "CARTRIDGE_WARP_LOG", "CARTRIDGE_WARP_TEST_"];

const NUMBERING: &str = "number items from 0 without gaps, after those of the file";

/// One value of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Override {
    /// The key it sets, such as `single_schema_name` or `schemas.0.mode`.
    pub(super) key: String,
    /// The value, written as an environment variable would be.
    pub(super) value: String,
    /// The flag as the person wrote it, for errors.
    pub(super) flag: String,
}

/// Lays the environment over the file.
pub(super) fn apply_environment(
    layers: &mut Layers,
    environment: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) {
    let mut known = Vec::new();
    for (variable, value) in environment {
        let Some(name) = variable.strip_prefix(PREFIX).filter(|_| is_key(variable)) else {
            continue;
        };
        match resolve(layers, &name.split("__").collect::<Vec<_>>()) {
            Some(path) => known.push((path, variable, value)),
            None if tells_of_a_service(variable, environment) => {}
            None => problems.push(unknown_variable(variable)),
        }
    }
    // By path, so that items of a list come in order and wholes come before their parts.
    known.sort();
    for (path, variable, value) in known {
        if let Err(message) = layers.set(&path, value, Origin::Environment(variable.clone())) {
            let place = Place::Environment(variable.clone());
            problems.push(Problem::new(Code::InvalidValue, place, &message, NUMBERING));
        }
    }
}

/// Lays the command line over everything.
pub(super) fn apply_overrides(
    layers: &mut Layers,
    overrides: &[Override],
    problems: &mut Vec<Problem>,
) {
    for Override { key, value, flag } in overrides {
        let place = Place::CommandLine(flag.clone());
        let Some(path) = resolve(layers, &key.split('.').collect::<Vec<_>>()) else {
            let help = "`cartridge-warp env-help` lists every key";
            let message = format!("unknown key `{key}`");
            problems.push(Problem::new(Code::UnknownKey, place, &message, help));
            continue;
        };
        if let Err(message) = layers.set(&path, value, Origin::CommandLine(flag.clone())) {
            problems.push(Problem::new(Code::InvalidValue, place, &message, NUMBERING));
        }
    }
}

fn is_key(variable: &str) -> bool {
    !NOT_KEYS
        .iter()
        .any(|name| variable == *name || (name.ends_with('_') && variable.starts_with(name)))
}

/// The path of a key whose parts may be in any case; `None` where there is no such key.
fn resolve(layers: &mut Layers, parts: &[&str]) -> Option<KeyPath> {
    let mut node = Node::root();
    let mut path = KeyPath::default();
    for part in parts.iter().copied() {
        let lower = part.to_lowercase();
        let segment = match Segment::from(part) {
            index @ Segment::Index(_) if node.accepts("array") && !node.is_free() => index,
            _ if node.names().contains(lower.as_str()) => Segment::Key(lower.into()),
            // Names of environment variables are the one kind that is upper case by custom.
            _ if path.has_form("*.grants.environment") => Segment::Key(part.into()),
            _ => Segment::Key(layers.spelling(&path, part).unwrap_or(lower).into()),
        };
        if part.is_empty() {
            return None;
        }
        node = node.step(&segment)?;
        path = path.then(segment);
    }
    Some(path)
}

fn unknown_variable(variable: &str) -> Problem {
    let all = env_help();
    let names = || all.iter().map(|line| line.variable.as_str());
    // The list has item 0 of every list; whatever item was meant, the name is the same.
    let parts = variable.split("__");
    let first_item: Vec<&str> =
        parts.map(|part| if part.parse::<usize>().is_ok() { "0" } else { part }).collect();
    let help = match nearest(&first_item.join("__"), names()) {
        Some(_) => suggest(&first_item.join("__"), names()),
        None => "`cartridge-warp env-help` lists every variable; unset this one".to_owned(),
    };
    let help = format!("{help} (levels are joined by `__`, as in {})", example());
    let place = Place::Environment(variable.to_owned());
    Problem::new(Code::UnknownKey, place, "no configuration key has this name", &help)
}

fn example() -> String {
    variable_of(&KeyPath::parse("source.connection_string", "."))
}
