//! Identifiers and literals as SQL.

use cartridge_warp_sdk::Failure;

/// The server cuts longer names without a word, and two names become one.
pub const NAME_BYTES_MAX: usize = 63;

/// Refuses what the server cannot use as a name even when quoted.
///
/// # Errors
/// `config` with the name and the reason.
pub fn check(what: &str, name: &str) -> Result<(), Failure> {
    let why = if name.is_empty() {
        "an empty name".to_owned()
    } else if name.contains('\0') {
        "a name with a NUL character".to_owned()
    } else if name.len() > NAME_BYTES_MAX {
        format!("a name of {} bytes; PostgreSQL keeps {NAME_BYTES_MAX}", name.len())
    } else {
        return Ok(());
    };
    let shown: String = name.chars().take(NAME_BYTES_MAX).collect();
    Err(Failure::config("invalid-name", format!("{what} {shown:?} has {why}; rename it")))
}

/// A name as SQL.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name in a schema as SQL.
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(name))
}

/// Names as a list in SQL.
pub fn quoted_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// A text as SQL, whatever `standard_conforming_strings` says.
pub fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(qualified("s", "ü; DROP"), "\"s\".\"ü; DROP\"");
        assert_eq!(quoted_list(["a", "b"]), "\"a\", \"b\"");
        assert_eq!(literal("it's \\"), "E'it''s \\\\'");
    }

    #[test]
    fn names_that_the_server_cannot_hold_are_refused() {
        check("a table", &"x".repeat(63)).unwrap();
        for name in ["", "a\0b", &"x".repeat(64), &"ü".repeat(32)] {
            assert_eq!(check("a table", name).unwrap_err().code, "invalid-name", "{name}");
        }
    }
}
