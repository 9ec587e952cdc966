//! What a request's line asks for behind `?`.
//!
//! A key that no field has is refused, as in a body.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use axum::http::Uri;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error};
use serde_json::Value;

use super::answers::Told;

/// What is asked, as `example` would.
pub fn asked<T: DeserializeOwned>(uri: &Uri, example: &str) -> Result<T, Told> {
    let refused = |message: String| {
        let help = format!("ask as in {example}");
        Told::bad_request(message, help)
    };
    let mut pairs = BTreeMap::new();
    for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(key), Some(value)) = (text(key), text(value)) else {
            return Err(refused(format!("`{pair}` is no text")));
        };
        if pairs.insert(key, Value::String(value)).is_some() {
            return Err(refused(format!("`{pair}` says something a second time")));
        }
    }
    let value = Value::Object(pairs.into_iter().collect());
    serde_json::from_value(value)
        .map_err(|error| refused(format!("the request cannot be understood: {error}")))
}

/// For a field that is a number, or true or false: all that comes is text.
pub fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(text: D) -> Result<T, D::Error> {
    let text = String::deserialize(text)?;
    text.parse().map_err(|error| D::Error::custom(format!("`{text}`: {error}")))
}

fn text(encoded: &str) -> Option<String> {
    let spaced = encoded.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sought {
        #[serde(default)]
        name: Option<String>,
        #[serde(default, deserialize_with = "parsed")]
        limit: u32,
    }

    #[test]
    fn what_is_asked_is_read_or_refused() {
        let sought =
            |name: Option<&str>, limit| Some(Sought { name: name.map(str::to_owned), limit });
        let cases = [
            ("/x", sought(None, 0)),
            ("/x?name=a%20b%26%3D&limit=7", sought(Some("a b&="), 7)),
            ("/x?name=a+b", sought(Some("a b"), 0)),
            ("/x?name=7", sought(Some("7"), 0)),
            ("/x?limit=seven", None),
            ("/x?limit=-1", None),
            ("/x?name=a&name=b", None),
            ("/x?name=%ff", None),
            ("/x?other=1", None),
        ];
        for (line, expected) in cases {
            let uri: Uri = line.parse().unwrap();
            assert_eq!(asked::<Sought>(&uri, "").ok(), expected, "{line}");
        }
    }
}
