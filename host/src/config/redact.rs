//! Takes passwords out of text a person will read.
//!
//! What: `user:password@` of a URL, and the value of anything named like a password. What not: it
//! can't know a secret without such a sign, so values from the environment in free-form places
//! are hidden by their origin instead (see `effective`).
//! Invariant: the replacement is as long as the secret, so spans into the text stay right.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

const SECRET_NAMES: &str = "password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key\
                            |private[_-]?key|credential|credentials";

// The patterns are constants covered by tests; should one be broken, everything is hidden.
static CREDENTIALS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?<keep>://)(?<secret>[^\s/?#]+)@").ok());

static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let name = format!(r#"(?i)(?<keep>[\w-]*(?:{SECRET_NAMES})["']?\s*[=:]\s*)"#);
    let value = r#"(?<secret>"[^"\n]*"|'[^'\n]*'|[^\s&;,]+)"#;
    Regex::new(&(name + value)).ok()
});

/// Whether a key of this name holds a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase().replace('-', "_");
    let mut words = SECRET_NAMES.split('|').map(|word| word.replace("[_-]?", "_"));
    words.any(|word| name.contains(&word) || name.contains(&word.replace('_', "")))
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
    let (Some(credentials), Some(named)) = (&*CREDENTIALS, &*NAMED) else {
        return "*".repeat(text.len()).into();
    };
    let without_urls = credentials.replace_all(text, |found: &Captures<'_>| {
        format!("{}{}@", &found["keep"], stars(&found["secret"]))
    });
    let without_any = named.replace_all(&without_urls, |found: &Captures<'_>| {
        format!("{}{}", &found["keep"], stars(&found["secret"]))
    });
    if without_any == text { Cow::Borrowed(text) } else { without_any.into_owned().into() }
}

fn stars(secret: &str) -> String {
    // A placeholder names a variable, not its value: showing it helps.
    if secret.starts_with("${") { secret.to_owned() } else { "*".repeat(secret.len()) }
}
