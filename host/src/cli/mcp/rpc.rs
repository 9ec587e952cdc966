//! Messages of JSON-RPC 2.0.

use serde_json::{Value, json};

pub const PARSE_ERROR: i32 = -32_700;
pub const INVALID_REQUEST: i32 = -32_600;
pub const METHOD_NOT_FOUND: i32 = -32_601;
pub const INVALID_PARAMS: i32 = -32_602;

/// What a message is.
#[derive(Debug, PartialEq)]
pub enum Said {
    Request {
        id: Value,
        method: String,
        params: Value,
    },
    /// It wants no answer.
    Nothing,
    /// It is no message; the answer.
    Wrong(Value),
}

/// Reads a line.
pub fn read(line: &[u8]) -> Said {
    if line.trim_ascii().is_empty() {
        return Said::Nothing;
    }
    let mut message: Value = match serde_json::from_slice(line) {
        Ok(message) => message,
        Err(problem) => {
            let what = format!("the line is no JSON: {problem}");
            return Said::Wrong(error(Value::Null, PARSE_ERROR, &what));
        }
    };
    let wrong = |id: Value, what: &str| Said::Wrong(error(id, INVALID_REQUEST, what));
    let Some(fields) = message.as_object_mut() else {
        return wrong(Value::Null, "a message is one JSON object; there are no batches");
    };
    let id = fields.remove("id");
    let id = match id {
        Some(id @ (Value::String(_) | Value::Number(_))) => Some(id),
        None => None,
        Some(_) => return wrong(Value::Null, "`id` is neither text nor a number"),
    };
    if fields.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return wrong(id.unwrap_or_default(), "`jsonrpc` is not \"2.0\"");
    }
    let is_answer = fields.contains_key("result") || fields.contains_key("error");
    let (method, params) = (fields.remove("method"), fields.remove("params"));
    match (id, method) {
        (_, None) if is_answer => Said::Nothing,
        (Some(id), Some(Value::String(method))) => {
            Said::Request { id, method, params: params.unwrap_or_default() }
        }
        (None, Some(Value::String(_))) => Said::Nothing,
        (id, _) => wrong(id.unwrap_or_default(), "`method` is no text"),
    }
}

/// The answer to a request.
#[allow(clippy::needless_pass_by_value, reason = "both become parts of it")]
pub fn result(id: Value, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

/// The answer to what cannot be done as it was said.
#[allow(clippy::needless_pass_by_value, reason = "it becomes a part of it")]
pub fn error(id: Value, code: i32, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

pub fn too_long() -> Value {
    error(Value::Null, INVALID_REQUEST, "the line is too long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_comes_is_a_request_nothing_or_wrong() {
        let cases: [(&[u8], i32); 12] = [
            (b"{", PARSE_ERROR),
            (b"\xff\xfe", PARSE_ERROR),
            (b"[]", INVALID_REQUEST),
            (b"7", INVALID_REQUEST),
            (br#"{"jsonrpc":"2.0","id":1}"#, INVALID_REQUEST),
            (br#"{"id":1,"method":"ping"}"#, INVALID_REQUEST),
            (br#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, INVALID_REQUEST),
            (br#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, INVALID_REQUEST),
            (br#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, INVALID_REQUEST),
            (br#"{"jsonrpc":"2.0","id":1,"method":7}"#, INVALID_REQUEST),
            (br#"{"jsonrpc":"2.0","method":7}"#, INVALID_REQUEST),
            (br#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, INVALID_REQUEST),
        ];
        for (line, code) in cases {
            match read(line) {
                Said::Wrong(answer) => assert_eq!(answer["error"]["code"], code, "{line:?}"),
                other => panic!("{line:?}: {other:?}"),
            }
        }
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        assert!(matches!(read(&deep), Said::Wrong(_)));
        for line in [
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            r#"{"jsonrpc":"2.0","id":3,"result":{}}"#,
            " ",
        ] {
            assert_eq!(read(line.as_bytes()), Said::Nothing, "{line}");
        }
        let said = read(br#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#);
        let (id, method, params) = (json!("a"), "ping".to_owned(), Value::Null);
        assert_eq!(said, Said::Request { id, method, params });
    }
}
