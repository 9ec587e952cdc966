//! What a component's file name says: `NAME-ROLE.wasm`.
//!
//! The name decides which file is loaded, so that no other file of the directory is even read. What
//! the component says of itself must agree. Cargo writes `_` for `-`; both are accepted.

use std::path::Path;

use super::{
    ConnectorInfo, Role,
    limits::{NAME_BYTES_MAX, WORD_BYTES_MAX},
    text,
};

/// The connector that a file of this name holds; none for a name that says nothing.
pub(super) fn meaning(path: &Path) -> Option<(Role, String)> {
    let word = path.file_name()?.to_str()?.strip_suffix(".wasm")?.replace('_', "-");
    let roles = [Role::Source, Role::Destination].into_iter();
    let mut split = roles.filter_map(|role| {
        let name = word.strip_suffix(role.word())?.strip_suffix('-')?;
        Some((role, name.to_owned()))
    });
    split.next().filter(|(_, name)| is_connector_name(name))
}

/// The name that a file of this connector has.
pub(super) fn of(role: Role, name: &str) -> String {
    format!("{name}-{role}.wasm")
}

/// True when the connector is the one that was looked for.
pub(super) fn agrees(info: &ConnectorInfo, role: Role, name: &str) -> bool {
    info.role == role && info.name == name
}

/// `[a-z][a-z0-9-]*`, not long: what configurations and file names can hold everywhere.
pub(super) fn is_connector_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
    starts && name.chars().all(plain) && name.len() <= WORD_BYTES_MAX
}

/// The last part of a path, for people: nothing in it commands a terminal.
pub(super) fn shown(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    text::one_line(&name.to_string_lossy(), NAME_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_a_name_and_a_role_or_nothing() {
        let source = |name: &str| Some((Role::Source, name.to_owned()));
        let cases = [
            ("what our components are called", "files-source.wasm", source("files")),
            ("what cargo calls them", "my_own_source.wasm", source("my-own")),
            ("a mixture", "my-own_source.wasm", source("my-own")),
            ("the last word is the role", "open-source-source.wasm", source("open-source")),
            ("no role", "files.wasm", None),
            ("no name", "-source.wasm", None),
            ("only a role", "source.wasm", None),
            ("another role", "files-sink.wasm", None),
            ("letters that no connector has", "Files-source.wasm", None),
            ("a hidden file", ".files-source.wasm", None),
            ("no component", "files-source.txt", None),
        ];
        for (name, file, expected) in cases {
            assert_eq!(meaning(Path::new(file)), expected, "{name}");
        }
        let destination = of(Role::Destination, "files");
        assert_eq!(meaning(Path::new(&destination)), Some((Role::Destination, "files".to_owned())));
    }
}
