//! Checks a connector's options against the JSON Schema that the connector brought.
//!
//! The schema is a guest's (I8): it may not fetch anything, recurse, or explode. So references must
//! point into the schema itself without a cycle, the schema with all references written out has a
//! limit to its size, its depth and its patterns, and patterns run on an engine without backtracking.

use std::collections::HashMap;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::{
    limits::{
        MESSAGE_BYTES_MAX, OPTION_ERRORS_MAX, OPTIONS_PATTERNS_MAX, OPTIONS_SCHEMA_DEPTH_MAX,
        OPTIONS_SCHEMA_NODES_MAX,
    },
    text,
};

/// Keywords that refer to schemas by other means than a pointer from the root.
const REFUSED_KEYWORDS: [&str; 7] =
    ["$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$anchor", "$id", "id"];
/// Of one compiled pattern.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// One option that the connector's schema refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionError {
    /// Dotted path below `options`; empty for the whole.
    pub path: String,
    pub message: String,
}

/// A schema that is safe to use.
pub(super) struct OptionsSchema(Validator);

impl OptionsSchema {
    /// The error is a reason for a person.
    pub(super) fn compile(schema: &Value) -> Result<Self, String> {
        if !schema.is_object() && !schema.is_boolean() {
            return Err("it is not a JSON Schema".to_owned());
        }
        Expansion { root: schema, sizes: HashMap::new(), depth: 0 }.size(schema, true)?;
        let patterns =
            PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
        jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .offline()
            .with_pattern_options(patterns)
            .build(schema)
            .map(Self)
            .map_err(|error| text::one_line(&error.to_string(), MESSAGE_BYTES_MAX))
    }

    pub(super) fn check(&self, options: &Value) -> Vec<OptionError> {
        self.0
            .iter_errors(options)
            .take(OPTION_ERRORS_MAX)
            .map(|error| {
                let pointer = error.instance_path().to_string();
                let path = pointer.trim_start_matches('/').replace('/', ".");
                let message = text::one_line(&error.to_string(), MESSAGE_BYTES_MAX);
                OptionError { path, message }
            })
            .collect()
    }
}

/// What a part of a schema costs, with references written out.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    /// Each is compiled, to many times its length.
    patterns: usize,
    /// Schemas are read by recursion, here and by the validator.
    depth: usize,
}

impl Size {
    const NODE: Self = Self { nodes: 1, patterns: 0, depth: 1 };
    const PATTERN: Self = Self { nodes: 1, patterns: 1, depth: 1 };

    /// With a part inside of it.
    fn with(self, part: Self) -> Result<Self, String> {
        let nodes = self.nodes.saturating_add(part.nodes);
        let patterns = self.patterns.saturating_add(part.patterns);
        let depth = self.depth.max(part.depth + 1);
        if nodes > OPTIONS_SCHEMA_NODES_MAX {
            return Err(format!("it has more than {OPTIONS_SCHEMA_NODES_MAX} parts"));
        }
        if patterns > OPTIONS_PATTERNS_MAX {
            return Err(format!("it has more than {OPTIONS_PATTERNS_MAX} patterns"));
        }
        if depth > OPTIONS_SCHEMA_DEPTH_MAX {
            return Err(too_deep());
        }
        Ok(Self { nodes, patterns, depth })
    }
}

fn too_deep() -> String {
    format!("it is nested deeper than {OPTIONS_SCHEMA_DEPTH_MAX} levels")
}

/// Adds up a schema with references written out.
struct Expansion<'a> {
    root: &'a Value,
    /// By reference; none while it is being counted.
    sizes: HashMap<&'a str, Option<Size>>,
    /// How deep the counting is.
    depth: usize,
}

impl<'a> Expansion<'a> {
    /// `is_schema` tells keywords from names: below `properties` everything is a name.
    fn size(&mut self, node: &'a Value, is_schema: bool) -> Result<Size, String> {
        if self.depth == OPTIONS_SCHEMA_DEPTH_MAX {
            return Err(too_deep());
        }
        self.depth += 1;
        let mut size = Size::NODE;
        match node {
            Value::Array(items) => {
                for item in items {
                    size = size.with(self.size(item, is_schema)?)?;
                }
            }
            Value::Object(members) => {
                for (key, value) in members {
                    size = size.with(self.member(key, value, is_schema)?)?;
                }
            }
            _ => {}
        }
        self.depth -= 1;
        Ok(size)
    }

    fn member(&mut self, key: &'a str, value: &'a Value, is_schema: bool) -> Result<Size, String> {
        if !is_schema {
            return self.size(value, true);
        }
        if key == "$ref" {
            return self.reference(value);
        }
        if REFUSED_KEYWORDS.contains(&key) {
            return Err(format!("it uses `{key}`; only `$ref` to a part of itself is allowed"));
        }
        // Data, not schemas.
        if matches!(key, "const" | "enum" | "default" | "examples") {
            return Ok(Size::NODE);
        }
        if key == "pattern" {
            return Ok(Size::PATTERN);
        }
        let names = matches!(
            key,
            "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas"
        );
        let mut size = self.size(value, !names)?;
        if key == "patternProperties" {
            let patterns = value.as_object().map_or(0, serde_json::Map::len);
            size = size.with(Size { patterns, ..Size::default() })?;
        }
        Ok(size)
    }

    fn reference(&mut self, value: &'a Value) -> Result<Size, String> {
        let reference = value.as_str().unwrap_or_default();
        let shown = || text::one_line(reference, 128);
        let pointer = reference
            .strip_prefix('#')
            .filter(|pointer| pointer.starts_with('/') && !pointer.contains('%'))
            .ok_or_else(|| format!("`$ref: {}` does not point to a part of it", shown()))?;
        match self.sizes.get(reference) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(format!("`$ref: {}` refers to itself", shown())),
            None => {}
        }
        let target = self
            .root
            .pointer(pointer)
            .ok_or_else(|| format!("`$ref: {}` points to nothing", shown()))?;
        self.sizes.insert(reference, None);
        let size = self.size(target, true)?;
        self.sizes.insert(reference, Some(size));
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_are_checked_with_their_path() {
        let schema = OptionsSchema::compile(&json!({
            "type": "object",
            "required": ["path"],
            "additionalProperties": false,
            "$defs": {"size": {"type": "integer", "minimum": 1}},
            "properties": {
                "path": {"type": "string", "pattern": "^[a-z]+$"},
                "$ref": {"type": "boolean"},
                "chunk": {"properties": {"rows": {"$ref": "#/$defs/size"}}},
            },
        }))
        .unwrap();
        assert_eq!(schema.check(&json!({"path": "abc", "chunk": {"rows": 3}})), []);
        let errors = schema.check(&json!({"path": "abc", "chunk": {"rows": 0}}));
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].path, "chunk.rows");
        assert_eq!(schema.check(&json!({"wrong": 1})).len(), 2);
    }

    #[test]
    fn hostile_schemas_are_refused_at_once() {
        let doubling: serde_json::Map<_, _> = (0..64)
            .map(|n| {
                let next = json!({"$ref": format!("#/$defs/s{}", n + 1)});
                (format!("s{n}"), json!({"allOf": [next.clone(), next]}))
            })
            .chain([("s64".to_owned(), json!({}))])
            .collect();
        // Each is short, and compiled it has a hundred kilobytes.
        let patterns: serde_json::Map<_, _> =
            (0..20_000).map(|n| (format!("p{n}"), json!({"pattern": "\\w{30}"}))).collect();
        let chain: serde_json::Map<_, _> = (0..20_000)
            .map(|n| (format!("s{n}"), json!({"$ref": format!("#/$defs/s{}", n + 1)})))
            .chain([("s20000".to_owned(), json!({}))])
            .collect();
        // Each is counted before the one that refers to it.
        let backwards: serde_json::Map<_, _> = (1..200)
            .map(|n| (format!("s{n:03}"), json!({"$ref": format!("#/$defs/s{:03}", n - 1)})))
            .chain([("s000".to_owned(), json!({}))])
            .collect();
        let deep = (0..OPTIONS_SCHEMA_DEPTH_MAX).fold(json!({}), |inner, _| json!({"not": inner}));
        let cases = [
            ("references one behind the other", json!({"$defs": chain, "$ref": "#/$defs/s0"})),
            ("the same from its end", json!({"$defs": backwards})),
            ("deep nesting", deep),
            ("many patterns", json!({"properties": patterns})),
            ("many names' patterns", json!({"patternProperties": patterns})),
            ("a remote reference", json!({"$ref": "https://example.com/schema.json"})),
            ("a file", json!({"$ref": "file:///etc/passwd"})),
            ("itself", json!({"$ref": "#"})),
            (
                "a cycle",
                json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}),
            ),
            ("its own ancestor", json!({"properties": {"a": {"$ref": "#/properties/a"}}})),
            ("exponential growth", json!({"$defs": doubling, "$ref": "#/$defs/s0"})),
            (
                "another base",
                json!({"$id": "https://example.com/", "$ref": "#/$defs/x", "$defs": {"x": {}}}),
            ),
            ("a dynamic reference", json!({"$dynamicRef": "#x"})),
            ("nothing there", json!({"$ref": "#/$defs/x"})),
            ("a pattern that backtracks", json!({"pattern": "(?=(a+)+$)b"})),
            ("a huge pattern", json!({"pattern": "((a{1000}){1000}){1000}"})),
            ("no schema", json!([1])),
        ];
        for (name, schema) in cases {
            assert!(OptionsSchema::compile(&schema).is_err(), "{name}");
        }
    }
}
