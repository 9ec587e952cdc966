//! File, environment and command line laid over each other, before anything is typed.
//!
//! Later layers replace values of earlier ones; every value keeps its origin, so that an error can
//! point at whoever set it. Whether a key exists is `known`'s business.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::document::{At, Document};
use super::error::{Code, Place, Problem};
use super::expand::expand;
use super::keys::Node;
use super::origin::{Origin, Provenance};
use super::path::{KeyPath, Segment};

pub(super) struct Layers {
    /// What may stand in it.
    pub(super) root: Node,
    pub(super) tree: Value,
    pub(super) provenance: Provenance,
    document: Option<Document>,
}

impl Layers {
    /// No file: everything comes from the program, the environment or the command line.
    pub(super) fn from_program(tree: Value) -> Self {
        let mut layers = Self::empty();
        layers.tree = tree;
        layers.provenance.record(&layers.tree, &KeyPath::default(), &mut |_| Origin::Program);
        layers
    }

    /// Typed values of the program; those at their default count as not set.
    pub(super) fn from_typed(tree: Value) -> Self {
        let mut layers = Self::from_program(without_nulls(tree, Some(Node::root())));
        let tree = &layers.tree;
        let is_set = |path: &KeyPath| {
            let known = layers.root.at(path).and_then(Node::default);
            known.is_none_or(|default| path.find(tree) != Some(default))
        };
        layers.provenance.set.retain(|path, _| is_set(path));
        layers
    }

    pub(super) fn empty() -> Self {
        let tree = Value::Object(Map::new());
        Self { root: Node::root(), tree, provenance: Provenance::default(), document: None }
    }

    /// The values of a file of this kind, with `${NAME}` expanded.
    pub(super) fn from_file(
        root: Node,
        document: Document,
        values: Value,
        environment: &BTreeMap<String, String>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut layers = Self { root, ..Self::empty() };
        layers.tree = values;
        let origin = |path: &KeyPath| Origin::File {
            name: document.name().to_owned(),
            line: document.line(path),
        };
        layers.provenance.record(&layers.tree, &KeyPath::default(), &mut |path| origin(path));
        layers.document = Some(document);
        let paths: Vec<KeyPath> = layers.provenance.set.keys().cloned().collect();
        for path in paths {
            layers.expand_at(&path, environment, problems);
        }
        layers
    }

    fn expand_at(
        &mut self,
        path: &KeyPath,
        environment: &BTreeMap<String, String>,
        problems: &mut Vec<Problem>,
    ) {
        let Some(Value::String(text)) = find(&mut self.tree, path) else { return };
        let secrets_stay = path.has_form("*.connection_string");
        match expand(text, environment, secrets_stay) {
            Ok(None) => {}
            Ok(Some(expanded)) => {
                let node = self.root.at(path);
                if let Some(slot) = find(&mut self.tree, path) {
                    *slot = typed(&expanded, node);
                }
                self.provenance.expanded.insert(path.clone());
            }
            Err(reason) => {
                let help = "set it, or give it a default as ${NAME:-default}; $${ writes ${";
                let message = format!("`{path}`: {reason}");
                problems.push(self.problem(Code::MissingVariable, path, message, help.to_owned()));
            }
        }
    }

    /// Lays a value over what is there. The error says why it has no place.
    pub(super) fn set(&mut self, path: &KeyPath, text: &str, origin: Origin) -> Result<(), String> {
        let value = typed(text, self.root.at(path));
        *make(&mut self.tree, path.segments())? = value.clone();
        self.provenance.forget(path);
        self.provenance.record(&value, path, &mut |_| origin.clone());
        Ok(())
    }

    /// The name an entry already has, if it differs in upper and lower case only.
    pub(super) fn spelling(&mut self, parent: &KeyPath, name: &str) -> Option<String> {
        let entries = find(&mut self.tree, parent)?.as_object()?;
        entries.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned()
    }

    /// A problem with the value at the path.
    pub(super) fn problem(
        &self,
        code: Code,
        path: &KeyPath,
        message: String,
        help: String,
    ) -> Problem {
        Problem::new(code, self.place(path, At::Value), &message, &help)
    }

    /// A problem with the key itself.
    pub(super) fn key_problem(
        &self,
        code: Code,
        path: &KeyPath,
        message: String,
        help: String,
    ) -> Problem {
        Problem::new(code, self.place(path, At::Key), &message, &help)
    }

    /// Where the value was set; for a map, where its first value was.
    fn place(&self, path: &KeyPath, at: At) -> Place {
        let inside = || {
            let after = self.provenance.set.range(path.clone()..).next();
            after.filter(|(inner, _)| inner.starts_with(path)).map(|(_, origin)| origin.clone())
        };
        let origin = match self.provenance.of(path) {
            Origin::Default => inside().unwrap_or(Origin::Default),
            set => set,
        };
        match (origin, &self.document) {
            (Origin::Environment(variable), _) => Place::Environment(variable),
            (Origin::CommandLine(flag), _) => Place::CommandLine(flag),
            (_, Some(document)) => document.place(path, at),
            (_, None) => Place::Program,
        }
    }
}

/// The value of a text from outside YAML: a number where the key takes a number, and so on.
fn typed(text: &str, node: Option<Node>) -> Value {
    let as_text = || Value::String(text.to_owned());
    let Some(node) = node else { return as_text() };
    let collection = text.trim_start().starts_with(['[', '{']);
    let takes_collection = node.accepts("array") || node.accepts("object");
    if node.accepts("string") && !node.is_free() && !(collection && takes_collection) {
        return as_text();
    }
    match serde_yaml::from_str(text) {
        Ok(Value::Null) | Err(_) => as_text(),
        Ok(value) => value,
    }
}

/// Takes out what typed values leave out, which they write as null; options are left as they are.
fn without_nulls(value: Value, node: Option<Node>) -> Value {
    let Some(node) = node.filter(|node| !node.is_free()) else { return value };
    match value {
        Value::Object(entries) => {
            let kept = entries.into_iter().filter(|(_, value)| !value.is_null());
            let kept = kept.map(|(name, value)| {
                let below = node.step(&Segment::Key(name.as_str().into()));
                (name, without_nulls(value, below))
            });
            Value::Object(kept.collect())
        }
        Value::Array(items) => {
            let below = node.step(&Segment::Index(0));
            Value::Array(items.into_iter().map(|item| without_nulls(item, below)).collect())
        }
        scalar => scalar,
    }
}

fn find<'a>(tree: &'a mut Value, path: &KeyPath) -> Option<&'a mut Value> {
    path.segments().iter().try_fold(tree, |place, segment| match (place, segment) {
        (Value::Object(entries), segment) => entries.get_mut(&segment.to_string()),
        (Value::Array(items), Segment::Index(position)) => items.get_mut(*position),
        _ => None,
    })
}

/// The place of a path, made where it is missing.
fn make<'a>(place: &'a mut Value, path: &[Segment]) -> Result<&'a mut Value, String> {
    let Some((first, rest)) = path.split_first() else { return Ok(place) };
    match first {
        Segment::Key(name) => {
            if place.is_null() {
                *place = Value::Object(Map::new());
            }
            match place {
                Value::Object(entries) => {
                    make(entries.entry(name.as_ref()).or_insert(Value::Null), rest)
                }
                _ => Err(format!("`{name}` has no place: the value around it is no map")),
            }
        }
        Segment::Index(position) => {
            if place.is_null() {
                *place = Value::Array(Vec::new());
            }
            let Value::Array(items) = place else {
                return Err(format!("item {position} has no place: the value there is no list"));
            };
            let count = items.len();
            if *position == count {
                items.push(Value::Null);
            }
            let gap = || format!("item {position} leaves a gap: the list has {count}");
            make(items.get_mut(*position).ok_or_else(gap)?, rest)
        }
    }
}
