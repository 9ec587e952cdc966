//! `GET /v1/openapi.json`: what can be asked, made of the types of the bodies themselves, so that it cannot differ.

use std::sync::LazyLock;

use schemars::{Schema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    answers::Told,
    requests::{JSON, REQUESTS, Request, of},
};

/// The document.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut forms = SchemaSettings::openapi3().into_generator();
    let mut paths = Map::new();
    for request in REQUESTS {
        let path = paths.entry(request.path).or_insert_with(|| json!({}));
        path[request.method] = described(request, &mut forms);
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

fn described(request: &Request, forms: &mut schemars::SchemaGenerator) -> Value {
    let told = of::<Told>(forms);
    let form = request.answer.map_or_else(Schema::default, |answer| answer(forms));
    let mut responses = Map::new();
    let kind = request.kind;
    let answer = json!({"description": request.does, "content": {kind: {"schema": form}}});
    responses.insert(request.code.to_owned(), answer);
    for (code, when) in request.errors {
        let error = json!({"description": when, "content": {JSON: {"schema": told}}});
        responses.insert((*code).to_owned(), error);
    }
    let mut described = json!({"summary": request.does, "responses": responses});
    if let Some(query) = request.query {
        described["parameters"] = parameters(&query(forms), forms);
    }
    if let Some(body) = request.body {
        described["requestBody"] =
            json!({"required": true, "content": {JSON: {"schema": body(forms)}}});
    }
    described
}

/// The fields of what is asked behind `?`.
fn parameters(query: &Schema, forms: &schemars::SchemaGenerator) -> Value {
    let form = query.as_value();
    let name = form["$ref"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let fields = forms.definitions().get(name).map_or(&form["properties"], |it| &it["properties"]);
    let each = fields.as_object().into_iter().flatten();
    let parameter = |(name, form): (&String, &Value)| json!({"name": name, "in": "query", "description": form["description"], "schema": form});
    Value::Array(each.map(parameter).collect())
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
        let parameters = DOCUMENT["paths"]["/v1/tables"]["get"]["parameters"].as_array().unwrap();
        let names: Vec<&str> = parameters.iter().map(|it| it["name"].as_str().unwrap()).collect();
        for name in ["search", "state", "sort", "reverse", "offset", "limit"] {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
        let orders = DOCUMENT["components"]["schemas"]["OrderBody"]["oneOf"].as_array().unwrap();
        let words = orders.iter().map(|order| order["properties"]["order"].to_string());
        let words: String = words.collect();
        for word in ["pause", "resume", "resync", "drop", "approve", "reject"] {
            assert!(words.contains(word), "{word} in {words}");
        }
    }
}
