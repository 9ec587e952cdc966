//! Where a secret stands in what an operator writes.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// A key with one of these in its name holds a secret.
pub const SECRET_NAMES: [&str; 17] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "accountkey",
    "access_key",
    "accesskey",
    "private_key",
    "hash_key",
    "hashkey",
    "credential",
    "credentials",
];
/// A user without a password is a token from this length on.
const TOKEN_BYTES_MIN: usize = 20;
/// Of a password with `@` in it, as many are looked at.
const SIGNS_MAX: usize = 4;

/// `name=value`, as in a URL's parameters and between spaces, commas or semicolons.
// A constant covered by tests.
static ASSIGNED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?<name>[\w.-]+)[ \t]*=[ \t]*(?:'(?<single>(?:[^'\\]|\\.)*)'|"(?<double>(?:[^"\\]|\\.)*)"|(?<plain>[^\s&;,#]+))"#,
    )
    .ok()
});

/// Whether a key of this name holds a secret.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_NAMES.iter().any(|word| name.contains(word))
}

/// Whether its value is the place of a secret rather than one.
fn names_a_place(name: &str) -> bool {
    ["file", "path", "dir"].iter().any(|end| name.to_lowercase().ends_with(end))
}

/// The passwords and tokens of a connection string, as they stand there and as they are meant.
pub(super) fn secrets(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some((_, rest)) = text.split_once("://") {
        // A password may hold an `@` that should have been encoded, and so may what comes later.
        for (sign, _) in rest.match_indices('@').take(SIGNS_MAX) {
            let login = &rest[..sign];
            match login.split_once(':') {
                Some((_, password)) => found.push(password.to_owned()),
                None if login.len() >= TOKEN_BYTES_MIN => found.push(login.to_owned()),
                None => {}
            }
        }
    }
    for pair in ASSIGNED.iter().flat_map(|pattern| pattern.captures_iter(text)) {
        let value = ["single", "double", "plain"].iter().find_map(|kind| pair.name(kind));
        let Some(value) = value.map(|value| value.as_str()) else { continue };
        if is_secret_name(&pair["name"]) && !names_a_place(&pair["name"]) {
            found.push(value.to_owned());
            found.push(unescaped(value));
        }
    }
    let decoded: Vec<String> = found.iter().map(|secret| percent_decoded(secret)).collect();
    found.extend(decoded);
    found.retain(|secret| !secret.is_empty());
    found
}

/// Walks settings of free form. `secret`: a key around them is called like one.
pub(super) fn in_settings(
    settings: &Value,
    secret: bool,
    connection_string: &mut impl FnMut(&str),
    value: &mut impl FnMut(&str),
) {
    match settings {
        Value::String(text) if secret => value(text),
        Value::String(text) => connection_string(text),
        Value::Array(items) => {
            items.iter().for_each(|item| in_settings(item, secret, connection_string, value));
        }
        Value::Object(entries) => {
            for (name, inner) in entries {
                let secret = (secret || is_secret_name(name)) && !names_a_place(name);
                in_settings(inner, secret, connection_string, value);
            }
        }
        _ => {}
    }
}

/// `\'` inside of quotes is `'`.
fn unescaped(value: &str) -> String {
    let mut chars = value.chars();
    let mut plain = String::with_capacity(value.len());
    while let Some(char) = chars.next() {
        plain.extend(if char == '\\' { chars.next() } else { Some(char) });
    }
    plain
}

fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}
