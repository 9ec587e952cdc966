//! Directory names for tables and schemas of any name.

/// Letters, digits, `-` and `.` stay; anything else, and a first `_` or `.`, becomes `%xx`. So a
/// name never leaves its directory and never meets the connector's own.
pub(crate) fn directory_name(name: &str) -> String {
    let mut out = String::new();
    for (at, byte) in name.bytes().enumerate() {
        let plain =
            byte.is_ascii_alphanumeric() || byte == b'-' || at > 0 && matches!(byte, b'_' | b'.');
        if plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02x}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_directory() {
        for (name, directory) in [
            ("orders_2024.v1", "orders_2024.v1"),
            ("../x", "%2e.%2fx"),
            ("_cartridge", "%5fcartridge"),
            ("a b/ü", "a%20b%2f%c3%bc"),
        ] {
            assert_eq!(directory_name(name), directory);
        }
    }
}
