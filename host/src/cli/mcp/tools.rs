//! What an agent can ask for.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::control::{ApprovalsQuery, LettersQuery, Meant, Tables, TablesQuery, VerifyQuery};

/// A tool.
pub struct Tool {
    pub name: &'static str,
    pub about: &'static str,
    /// The form of its arguments.
    form: fn() -> Value,
    pub does: Does,
    /// Whether something is another way afterwards.
    pub changes: bool,
}

/// How a tool does it.
pub enum Does {
    /// The run is asked for this, with the arguments behind `?`.
    Get(&'static str),
    /// The run is sent the arguments, and this beside them.
    Post {
        path: &'static str,
        field: &'static str,
        word: &'static str,
    },
    Explain,
    Validate,
}

/// Fields that a person has to say, not an agent.
const KEPT_BACK: [&str; 2] = ["take_over", "by"];

/// The tools.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "status",
        about: "The run in a few numbers: schemas with state, error and lag, tables by state, dead letters, tables that \
                drifted, connectors, and what changed lately.",
        form: form::<Nothing>,
        does: Does::Get("/v1/overview"),
        changes: false,
    },
    Tool {
        name: "tables",
        about: "Tables by the page, sought and sorted, each with its state, why it is left out and what helps, lag, rows, \
                copy, dead letters. `state` \"attention\" are those that need somebody.",
        form: form::<TablesQuery>,
        does: Does::Get("/v1/tables"),
        changes: false,
    },
    Tool {
        name: "letters",
        about: "Open dead letters of a schema: rows that could not be written, with code and message, without the rows.",
        form: form::<LettersQuery>,
        does: Does::Get("/v1/letters"),
        changes: false,
    },
    Tool {
        name: "approvals",
        about: "Changes of tables' shapes that the destination has not, and whether they wait for a person.",
        form: form::<ApprovalsQuery>,
        does: Does::Get("/v1/approvals"),
        changes: false,
    },
    Tool {
        name: "verify_report",
        about: "What the last comparison of both sides' rows found (`verify.every` in the configuration).",
        form: form::<VerifyQuery>,
        does: Does::Get("/v1/verify"),
        changes: false,
    },
    Tool {
        name: "explain",
        about: "What the code of an error means, and what to do about it.",
        form: form::<Code>,
        does: Does::Explain,
        changes: false,
    },
    Tool {
        name: "validate",
        about: "Whether the configuration can be used, with each key's value and origin, or all that is wrong with it. \
                Needs no run.",
        form: form::<Nothing>,
        does: Does::Validate,
        changes: false,
    },
    Tool {
        name: "pause",
        about: "Leave tables out, and pass over what changes in them. To come back they are copied again.",
        form: form::<Tables>,
        does: Does::Post { path: "/v1/orders", field: "order", word: "pause" },
        changes: true,
    },
    Tool {
        name: "resume",
        about: "Copy parked or paused tables again and follow them; all of them, where none is named.",
        form: form::<Tables>,
        does: Does::Post { path: "/v1/orders", field: "order", word: "resume" },
        changes: true,
    },
    Tool {
        name: "resync",
        about: "Copy tables again, whatever they are doing.",
        form: form::<Tables>,
        does: Does::Post { path: "/v1/orders", field: "order", word: "resync" },
        changes: true,
    },
    Tool {
        name: "retry_letters",
        about: "Look the rows of open dead letters up at the source and write them as they are, about a thousand at a \
                time.",
        form: form::<Meant>,
        does: Does::Post { path: "/v1/letters", field: "action", word: "retry" },
        changes: true,
    },
];

/// No arguments.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Nothing {}

/// The argument of `explain`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "its form alone is used")]
struct Code {
    /// As it stands in an error, an event or a log line.
    code: String,
}

/// The form of a type, whole in itself.
fn form<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|it| {
        it.inline_subschemas = true;
        it.meta_schema = None;
    });
    let mut form = settings.into_generator().into_root_schema_for::<T>().to_value();
    for field in KEPT_BACK {
        if let Some(fields) = form["properties"].as_object_mut() {
            fields.remove(field);
        }
    }
    form
}

impl Tool {
    /// As the protocol describes a tool.
    pub fn described(&self) -> Value {
        json!({
            "name": self.name,
            "description": self.about,
            "inputSchema": (self.form)(),
            "annotations": {"readOnlyHint": !self.changes, "destructiveHint": self.changes},
        })
    }

    /// The arguments of a call, or what is wrong with them. What their values may be the run says.
    pub fn read(&self, arguments: &Value) -> Result<Map<String, Value>, String> {
        let arguments = match arguments {
            Value::Null => Map::new(),
            Value::Object(fields) => fields.clone(),
            _ => return Err("`arguments` is no JSON object".to_owned()),
        };
        let form = (self.form)();
        let unknown = arguments.keys().find(|field| form["properties"].get(field).is_none());
        match unknown {
            Some(field) => Err(format!("`{}` has no argument `{field}`", self.name)),
            None => Ok(arguments),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_tool_is_described_whole_and_takes_nothing_else() {
        let names: BTreeSet<&str> = TOOLS.iter().map(|tool| tool.name).collect();
        assert_eq!(names.len(), TOOLS.len());
        for tool in TOOLS {
            let described = tool.described();
            let form = &described["inputSchema"];
            assert_eq!(form["type"], "object", "{described}");
            assert!(!described.to_string().contains("$ref"), "{described}");
            for field in KEPT_BACK {
                assert!(tool.read(&json!({field: true})).is_err(), "{} {field}", tool.name);
            }
            assert!(tool.read(&json!([])).is_err() && tool.read(&Value::Null).is_ok());
            assert_eq!(described["annotations"]["readOnlyHint"], !tool.changes);
        }
        let tables = TOOLS.iter().find(|tool| tool.name == "tables").unwrap();
        assert!(tables.read(&json!({"search": "a", "limit": 5})).is_ok());
        assert!(tables.read(&json!({"sort_by": "a"})).unwrap_err().contains("`sort_by`"));
    }
}
