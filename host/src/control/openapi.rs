//! `GET /v1/openapi.json`: what can be asked, made of the types of the bodies themselves, so that it cannot differ.

use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    answers::Told,
    orders::{OrderAnswer, OrderBody},
    process::{Draining, Level, Reload},
    view::Status,
};
use crate::monitor::Event;

/// The form of a body, and the place for what it is made of.
type Form = fn(&mut SchemaGenerator) -> Schema;

/// One request.
struct Route {
    method: &'static str,
    path: &'static str,
    does: &'static str,
    body: Option<Form>,
    code: &'static str,
    answer: Option<Form>,
    kind: &'static str,
    /// Codes of answers that are errors, with when they come.
    errors: &'static [(&'static str, &'static str)],
}

const JSON: &str = "application/json";
const BAD_BODY: (&str, &str) = ("400", "The body is none that is understood.");

const ROUTES: &[Route] = &[
    Route {
        method: "get",
        path: "/v1/status",
        does: "What each schema, table and connector of the run is doing, as of now.",
        body: None,
        code: "200",
        answer: Some(of::<Status>),
        kind: JSON,
        errors: &[],
    },
    Route {
        method: "get",
        path: "/v1/events",
        does: "What changes from now on, as server-sent events: `state` with an event, `lost` with how many were \
               lost by reading too slowly.",
        body: None,
        code: "200",
        answer: Some(of::<Event>),
        kind: "text/event-stream",
        errors: &[("503", "Too many listen already.")],
    },
    Route {
        method: "post",
        path: "/v1/orders",
        does: "Pauses tables, has them back or copied again, forgets them, decides about changes of their shape; answers when \
               that is committed.",
        body: Some(of::<OrderBody>),
        code: "200",
        answer: Some(of::<OrderAnswer>),
        kind: JSON,
        errors: &[
            BAD_BODY,
            ("409", "Some schemas refuse it (an answer with `refused`), or all (an error)."),
        ],
    },
    Route {
        method: "post",
        path: "/v1/drain",
        does: "Ends the run as SIGTERM does.",
        body: None,
        code: "202",
        answer: Some(of::<Draining>),
        kind: JSON,
        errors: &[],
    },
    Route {
        method: "post",
        path: "/v1/reload",
        does: "Reads the configuration again, as SIGHUP does.",
        body: None,
        code: "200",
        answer: Some(of::<Reload>),
        kind: JSON,
        errors: &[
            ("422", "It cannot be run; the run goes on as it was."),
            ("409", "The run is ending."),
        ],
    },
    Route {
        method: "put",
        path: "/v1/log-level",
        does: "Sets the level of the log, until the configuration is read again.",
        body: Some(of::<Level>),
        code: "200",
        answer: Some(of::<Level>),
        kind: JSON,
        errors: &[BAD_BODY, ("409", "A variable of the environment says what is logged.")],
    },
    Route {
        method: "get",
        path: "/v1/openapi.json",
        does: "This document.",
        body: None,
        code: "200",
        answer: None,
        kind: JSON,
        errors: &[],
    },
];

fn of<T: JsonSchema>(forms: &mut SchemaGenerator) -> Schema {
    forms.subschema_for::<T>()
}

/// The document.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut forms = SchemaSettings::openapi3().into_generator();
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = described(route, &mut forms);
    }
    let schemas = forms.take_definitions(true);
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "cartridge-warp: a running pipeline",
            "version": "1",
            "description": "On the run's Unix socket, and over TCP with a token where `control.listen` is set.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    })
});

fn described(route: &Route, forms: &mut SchemaGenerator) -> Value {
    let told = of::<Told>(forms);
    let form = route.answer.map_or_else(Schema::default, |answer| answer(forms));
    let mut responses = Map::new();
    let kind = route.kind;
    let answer = json!({"description": route.does, "content": {kind: {"schema": form}}});
    responses.insert(route.code.to_owned(), answer);
    for (code, when) in route.errors {
        let error = json!({"description": when, "content": {JSON: {"schema": told}}});
        responses.insert((*code).to_owned(), error);
    }
    let mut described = json!({"summary": route.does, "responses": responses});
    if let Some(body) = route.body {
        described["requestBody"] =
            json!({"required": true, "content": {JSON: {"schema": body(forms)}}});
    }
    described
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_is_spoken_of_is_there() {
        let text = DOCUMENT.to_string();
        let spoken_of = text.split("\"#/components/schemas/").skip(1);
        let names: Vec<&str> = spoken_of.filter_map(|rest| rest.split('"').next()).collect();
        assert!(names.len() > 10, "{text}");
        for name in names {
            assert!(DOCUMENT["components"]["schemas"][name].is_object(), "{name}");
        }
        let orders = DOCUMENT["components"]["schemas"]["OrderBody"]["oneOf"].as_array().unwrap();
        let words = orders.iter().map(|order| order["properties"]["order"].to_string());
        let words: String = words.collect();
        for word in ["pause", "resume", "resync", "drop", "approve", "reject"] {
            assert!(words.contains(word), "{word} in {words}");
        }
    }
}
