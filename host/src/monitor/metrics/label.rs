//! Values of labels: they come from sources, connectors and operators, and each series repeats them.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::{
    model::{
        redaction::redact,
        text::{escaped, prefix},
    },
    plugin::hex,
};

/// What a value of a label may take (I7). A longer one is cut and ends with a part of its hash, so that
/// names which begin alike stay apart.
pub const LABEL_BYTES_MAX: usize = 96;
const HASH_BYTES: usize = 8;

/// The value without known secrets, with what is hidden written out, and not longer than allowed.
pub(super) fn label(value: &str) -> Cow<'_, str> {
    let clean = match redact(value) {
        Cow::Borrowed(plain) => escaped(plain, |_| false),
        Cow::Owned(plain) => Cow::Owned(escaped(&plain, |_| false).into_owned()),
    };
    if clean.len() <= LABEL_BYTES_MAX {
        return clean;
    }
    let digest = Sha256::digest(clean.as_bytes());
    let hash = hex(digest.get(..HASH_BYTES).unwrap_or_default());
    Cow::Owned(format!("{}~{hash}", prefix(&clean, LABEL_BYTES_MAX - 1 - 2 * HASH_BYTES)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_short_and_still_tells_names_apart() {
        let long = "ü".repeat(250);
        let (one, other) = (label(&long).into_owned(), label(&format!("{long}x")).into_owned());
        assert!(one.len() <= LABEL_BYTES_MAX && other.len() <= LABEL_BYTES_MAX, "{one} {other}");
        assert!(one != other && one.starts_with('ü'), "{one} {other}");
        assert_eq!(label(&long), one, "always the same");
        assert_eq!(label("orders"), "orders");
        assert_eq!(label("a\u{202e}b"), "a\\u{202e}b");
    }
}
