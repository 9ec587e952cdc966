//! Takes passwords out of text a person will read.
//!
//! What: `user:password@` of a URL, and the value of anything named like a password. What not: it
//! can't know a secret without such a sign, so values from the environment in free-form places
//! are hidden by their origin instead (see `effective`).
//! Invariant: the replacement is as long as the secret, so spans into the text stay right.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::model::redaction::SECRET_NAMES;

// The patterns are constants covered by tests; should one be broken, everything is hidden.
// Up to the last `@`: a password may hold `/`, `?` and `@` that should have been escaped.
static CREDENTIALS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?<keep>://)(?<secret>\S+)(?<end>@)").ok());

/// `password=pw`: the value ends at a space or the next pair.
static ASSIGNED: LazyLock<Option<Regex>> =
    LazyLock::new(|| named(r#"[ \t]*=[ \t]*)(?<secret>"[^"\n]*"|'[^'\n]*'|[^\s&;,]+)(?<end>)"#));

/// `password: pw`, as in YAML: the value has the rest of the line.
static WRITTEN: LazyLock<Option<Regex>> =
    LazyLock::new(|| named(r"[ \t]*:[ \t]+)(?<secret>[^\n]+)(?<end>)"));

fn named(value: &str) -> Option<Regex> {
    Regex::new(&format!(r#"(?i)(?<keep>(?:{})["']?{value}"#, SECRET_NAMES.join("|"))).ok()
}

/// The text with each secret replaced by asterisks of the same length in bytes.
///
/// ```
/// use cartridge_warp::config::redact;
/// assert_eq!(redact("postgresql://me:pw@db/shop"), "postgresql://*****@db/shop");
/// assert_eq!(redact("host=db password=pw"), "host=db password=**");
/// ```
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut clean = Cow::Borrowed(text);
    for pattern in [&CREDENTIALS, &ASSIGNED, &WRITTEN] {
        let Some(pattern) = &**pattern else { return "*".repeat(text.len()).into() };
        if pattern.is_match(&clean) {
            clean = pattern.replace_all(&clean, hidden).into_owned().into();
        }
    }
    clean
}

fn hidden(found: &Captures<'_>) -> String {
    let secret = &found["secret"];
    // A placeholder names a variable, not its value: showing it helps.
    let shown = if secret.starts_with("${") && secret.ends_with('}') {
        secret.to_owned()
    } else {
        "*".repeat(secret.len())
    };
    format!("{}{shown}{}", &found["keep"], &found["end"])
}
