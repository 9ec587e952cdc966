//! What a connection may reach, and how the configuration says so (I10).
//!
//! A connector never grants itself anything: what it wants counts only where the operator wrote the
//! value into a configuration key. Literal wishes are for the operator to read and to grant by hand.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{ConnectorInfo, GrantKind};

/// What a granted path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    Directory,
    /// A file; its directory is granted, since databases keep journals beside their files.
    File,
}

/// One directory that the guest will see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryGrant {
    /// The configuration key it came from: `connection_string`, `options.KEY` or `grants`.
    pub key: String,
    /// The text the operator wrote.
    pub configured: String,
    /// The directory or the file on this machine.
    pub host_path: PathBuf,
    pub kind: PathKind,
    /// A writable directory is made when it is missing.
    pub writable: bool,
}

/// Everything a connection may reach. Nothing by default.
#[derive(Clone, Default)]
pub struct Grants {
    pub directories: Vec<DirectoryGrant>,
    pub secrets: BTreeMap<String, String>,
    pub environment: BTreeMap<String, String>,
}

/// Why wanted grants can't be derived from the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    #[error("`{key}` is not set; {name} wants a path there: {reason}")]
    Missing { name: String, key: String, reason: String },
    #[error("`{key}` is not text; {name} wants a path there")]
    NotText { name: String, key: String },
}

/// The directories that a connector wants and that the configuration names.
///
/// Relative paths start at `base_dir`. An option that is not set grants nothing: whether it may be
/// left out is for the options schema to say.
pub fn derive_grants(
    info: &ConnectorInfo,
    connection_string: &str,
    options: &Value,
    base_dir: &Path,
) -> Result<Vec<DirectoryGrant>, GrantError> {
    let mut grants = Vec::new();
    for wanted in &info.wanted_grants {
        let (kind, writable) = match wanted.kind {
            GrantKind::ReadDirectory => (PathKind::Directory, false),
            GrantKind::WriteDirectory => (PathKind::Directory, true),
            GrantKind::WriteFile => (PathKind::File, true),
            GrantKind::Host | GrantKind::Secret | GrantKind::Environment => continue,
        };
        let Some(key) = referenced_key(&wanted.value) else { continue };
        let configured = if key == "connection_string" {
            if connection_string.is_empty() {
                return Err(GrantError::Missing {
                    name: info.name.clone(),
                    key: key.to_owned(),
                    reason: wanted.reason.clone(),
                });
            }
            vec![connection_string]
        } else {
            option_texts(key, options).ok_or_else(|| GrantError::NotText {
                name: info.name.clone(),
                key: key.to_owned(),
            })?
        };
        grants.extend(configured.into_iter().map(|configured| DirectoryGrant {
            key: key.to_owned(),
            configured: configured.to_owned(),
            host_path: base_dir.join(without_scheme(configured)),
            kind,
            writable,
        }));
    }
    Ok(grants)
}

/// `connection_string` or `options.KEY`, when the value is a reference.
fn referenced_key(value: &str) -> Option<&str> {
    let key = value.strip_prefix("${")?.strip_suffix('}')?;
    (key == "connection_string" || key.starts_with("options.")).then_some(key)
}

/// The texts of an option: none when it is not set, several when it is a list.
fn option_texts<'a>(key: &str, options: &'a Value) -> Option<Vec<&'a str>> {
    let option = key.split('.').skip(1).try_fold(options, |value, part| value.get(part));
    match option {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::String(text)) => Some(vec![text]),
        Some(Value::Array(items)) => items.iter().map(Value::as_str).collect(),
        Some(_) => None,
    }
}

/// Drops `scheme://` or `scheme:`. One letter is no scheme.
fn without_scheme(text: &str) -> &str {
    let Some((scheme, rest)) = text.split_once(':') else { return text };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let starts = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    if scheme.len() < 2 || !starts || !scheme.chars().all(plain) {
        return text;
    }
    rest.strip_prefix("//").unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plugin::{Role, WantedGrant};

    fn info(kind: GrantKind, value: &str) -> ConnectorInfo {
        ConnectorInfo {
            name: "files".to_owned(),
            role: Role::Source,
            version: "1.0.0".to_owned(),
            description: String::new(),
            capabilities: Vec::new(),
            options_schema: json!({}),
            wanted_grants: vec![WantedGrant {
                kind,
                value: value.to_owned(),
                reason: "reads it".to_owned(),
            }],
        }
    }

    fn paths(kind: GrantKind, value: &str, connection: &str, options: &Value) -> Vec<String> {
        let grants = derive_grants(&info(kind, value), connection, options, Path::new("/base"));
        grants.unwrap().into_iter().map(|grant| grant.host_path.display().to_string()).collect()
    }

    #[test]
    fn configured_values_become_paths() {
        let options = json!({"dir": "in", "dirs": ["a", "/b"], "nested": {"dir": "x"}});
        let cases: [(&str, &str, &str, &[&str]); 10] = [
            ("relative to the base", "${connection_string}", "data/in", &["/base/data/in"]),
            ("absolute", "${connection_string}", "/data", &["/data"]),
            ("scheme with slashes", "${connection_string}", "file:///data", &["/data"]),
            ("scheme, relative", "${connection_string}", "sqlite://x.db", &["/base/x.db"]),
            ("scheme without slashes", "${connection_string}", "sqlite:x.db", &["/base/x.db"]),
            ("no scheme", "${connection_string}", "./a:b/c", &["/base/./a:b/c"]),
            ("option", "${options.dir}", "", &["/base/in"]),
            ("list", "${options.dirs}", "", &["/base/a", "/b"]),
            ("unset option", "${options.none}", "", &[]),
            ("a literal grants nothing", "/etc", "", &[]),
        ];
        for (name, value, connection, expected) in cases {
            assert_eq!(
                paths(GrantKind::ReadDirectory, value, connection, &options),
                expected,
                "{name}"
            );
        }
        assert_eq!(paths(GrantKind::WriteFile, "${options.nested.dir}", "", &options), ["/base/x"]);
        assert!(paths(GrantKind::Host, "${connection_string}", "x", &options).is_empty());
    }

    #[test]
    fn what_is_missing_is_named() {
        let wanted = info(GrantKind::ReadDirectory, "${connection_string}");
        let error = derive_grants(&wanted, "", &json!({}), Path::new("/")).unwrap_err();
        assert!(error.to_string().contains("`connection_string` is not set"), "{error}");
        let wanted = info(GrantKind::ReadDirectory, "${options.dir}");
        let error = derive_grants(&wanted, "", &json!({"dir": 7}), Path::new("/")).unwrap_err();
        assert!(matches!(error, GrantError::NotText { .. }));
    }
}
