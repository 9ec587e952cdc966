//! Every key there is, read from the structs of `settings`: the one list that drives unknown-key
//! errors, nearest names, environment variables and `env-help`. A case of the conformance kit is a file of
//! its own kind, with a list of its own.
//!
//! Invariant: nothing here names a key; a field added to a struct is known everywhere at once.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

use super::path::{KeyPath, Segment};
use super::{KitCase, WarpConfig, unsupported};

static PIPELINE: LazyLock<Value> = LazyLock::new(schema_of::<WarpConfig>);
static CASE: LazyLock<Value> = LazyLock::new(schema_of::<KitCase>);

fn schema_of<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::default();
    settings.inline_subschemas = true;
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// What may stand at one place of the configuration.
#[derive(Clone, Copy)]
pub(super) struct Node {
    schema: &'static Value,
}

impl Node {
    /// A pipeline's configuration.
    pub(super) fn root() -> Self {
        Self { schema: &PIPELINE }
    }

    /// A case of the conformance kit.
    pub(super) fn case() -> Self {
        Self { schema: &CASE }
    }

    /// All that is known of the place, as JSON Schema.
    pub(super) fn schema(self) -> &'static Value {
        self.schema
    }

    /// What may stand at the end of a path that begins here.
    pub(super) fn at(self, path: &KeyPath) -> Option<Self> {
        path.segments().iter().try_fold(self, |node, segment| node.step(segment))
    }

    /// The alternatives of a place, such as text or a map; a place without is its own only one.
    fn branches(self) -> Vec<&'static Value> {
        let mut found = vec![self.schema];
        for keyword in ["anyOf", "oneOf"] {
            let options = self.schema.get(keyword).and_then(Value::as_array);
            let nodes = options.into_iter().flatten().map(|schema| Self { schema });
            found.extend(nodes.flat_map(Self::branches));
        }
        found
    }

    /// The names of the keys that may stand here, without those this release refuses.
    pub(super) fn names(self) -> BTreeSet<&'static str> {
        let properties = self.branches().into_iter().filter_map(|b| b.get("properties"));
        properties.filter_map(Value::as_object).flatten().map(|(name, _)| name.as_str()).collect()
    }

    /// The names that must stand here. Alternatives that differ in that are left to the types.
    pub(super) fn required(self) -> Vec<&'static str> {
        let lists: Vec<_> =
            self.branches().into_iter().filter_map(|b| b.get("required")?.as_array()).collect();
        match lists.as_slice() {
            [only] => only.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// What may stand one step further; `None` where the step leads nowhere.
    pub(super) fn step(self, segment: &Segment) -> Option<Self> {
        if self.is_free() {
            return Some(self);
        }
        let found = self.branches().into_iter().find_map(|branch| match segment {
            Segment::Index(_) => branch.get("items"),
            Segment::Key(name) => branch
                .get("properties")
                .and_then(|properties| properties.get(name.as_ref()))
                .or_else(|| branch.get("additionalProperties").filter(|s| **s != false)),
        });
        found.map(|schema| Self { schema })
    }

    /// Whether anything may stand here: a connector's own options.
    pub(super) fn is_free(self) -> bool {
        *self.schema == true
    }

    /// Whether a value of this JSON type may stand here.
    pub(super) fn accepts(self, json_type: &str) -> bool {
        let names_type = |branch: &Value| match branch.get("type") {
            Some(Value::String(only)) => only == json_type,
            Some(Value::Array(several)) => several.iter().any(|one| one == json_type),
            _ => false,
        };
        self.is_free() || self.branches().into_iter().any(names_type)
    }

    /// The words that may stand here, for a key that takes one of a few.
    pub(super) fn choices(self) -> Vec<&'static str> {
        let mut words = Vec::new();
        for branch in self.branches() {
            words.extend(branch.get("const").and_then(Value::as_str));
            let listed = branch.get("enum").and_then(Value::as_array);
            words.extend(listed.into_iter().flatten().filter_map(Value::as_str));
        }
        words
    }

    /// What to write here, in words.
    pub(super) fn expected(self) -> String {
        let choices = self.choices();
        let format = |branch: &'static Value| {
            let words = branch.get("format")?.as_str()?;
            words.contains(' ').then(|| words.to_owned())
        };
        if !choices.is_empty() {
            return format!("one of: {}", choices.join(", "));
        }
        if let Some(words) = self.branches().into_iter().find_map(format) {
            return words;
        }
        let types = [
            ("boolean", "true or false"),
            ("integer", "a whole number"),
            ("number", "a number"),
            ("array", "a list"),
            ("object", "a map of keys"),
            ("string", "text"),
        ];
        let found: Vec<_> = types.iter().filter(|(name, _)| self.accepts(name)).collect();
        let words = found.iter().map(|(_, words)| *words).collect::<Vec<_>>().join(" or ");
        let bound = |keyword| self.branches().into_iter().find_map(|branch| branch.get(keyword));
        let bound = |keyword, words| bound(keyword).map(|bound| format!(", {words} {bound}"));
        let bounds = [bound("minimum", "at least"), bound("maximum", "at most")];
        words + &bounds.map(Option::unwrap_or_default).concat()
    }

    pub(super) fn description(self) -> &'static str {
        self.schema.get("description").and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn default(self) -> Option<&'static Value> {
        self.schema.get("default")
    }
}

/// One key that holds a value, as an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvVariable {
    /// The variable's name; items of a list have their number, here 0.
    pub variable: String,
    /// What the key does.
    pub meaning: String,
    /// Its default, or `required`.
    pub default: String,
}

/// Every key as an environment variable, sorted by name.
///
/// ```
/// let help = cartridge_warp::config::env_help();
/// assert!(help.iter().any(|line| line.variable == "CARTRIDGE_WARP_DRY_RUN"));
/// ```
#[must_use]
pub fn env_help() -> Vec<EnvVariable> {
    let mut lines = Vec::new();
    collect(Node::root(), &KeyPath::default(), true, "", &mut lines);
    lines.sort_by(|a, b| a.variable.cmp(&b.variable));
    lines
}

/// `around` is the meaning of the key around, for those that have none of their own.
fn collect(
    node: Node,
    path: &KeyPath,
    required: bool,
    around: &'static str,
    lines: &mut Vec<EnvVariable>,
) {
    if unsupported::reason(path).is_some() {
        return;
    }
    let meaning = if node.description().is_empty() { around } else { node.description() };
    let names = node.names();
    if names.is_empty() {
        let item = node.step(&Segment::Index(0)).filter(|item| !item.names().is_empty());
        let entry = node.step(&Segment::Key("name".into())).filter(|e| !e.names().is_empty());
        match (item, entry) {
            (Some(item), _) => collect(item, &path.index(0), required, meaning, lines),
            (_, Some(entry)) => collect(entry, &path.key("name"), required, meaning, lines),
            _ => lines.push(line(node, path, required, meaning)),
        }
    }
    let must = node.required();
    for name in names {
        if let Some(child) = node.step(&Segment::Key(name.into())) {
            collect(child, &path.key(name), must.contains(&name), meaning, lines);
        }
    }
}

fn line(node: Node, path: &KeyPath, required: bool, meaning: &str) -> EnvVariable {
    let default = match node.default() {
        None if required => "required".to_owned(),
        None | Some(Value::Null) => "(not set)".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let meaning = meaning.split_whitespace().collect::<Vec<_>>().join(" ");
    EnvVariable { variable: variable_of(path), meaning, default }
}

/// The environment variable of a key.
pub(super) fn variable_of(path: &KeyPath) -> String {
    let parts: Vec<String> = path.segments().iter().map(ToString::to_string).collect();
    format!("{PREFIX}{}", parts.join("__").to_uppercase())
}

/// What the variables of the configuration begin with.
pub(super) const PREFIX: &str = "CARTRIDGE_WARP_";
