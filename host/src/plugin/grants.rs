//! What a connection may reach, and how the configuration says so (I10).
//!
//! A connector never grants itself anything: what it wants counts only where the operator wrote the
//! value into a configuration key. Literal wishes are for the operator to read and to grant by hand.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use super::{
    ConnectorInfo, GrantKind, HostGrant, PathGrant, Places, Role, Secrets, SrvGrant, WantedGrant,
    files::Written,
    network::{CredentialsError, Reading, WantedError, limits::HOSTS_MAX},
    paths::PathWish,
};
use crate::model::NoPath;

/// Everything a connection may reach. Nothing by default.
#[derive(Clone, Default)]
pub struct Grants {
    pub paths: Vec<PathGrant>,
    /// The same paths once they are open; a guest sees those and no others.
    pub places: Places,
    /// How far files may grow, by all instances of the connector; none is no limit.
    pub written: Option<Written>,
    pub hosts: Vec<HostGrant>,
    /// Hosts that stand for those of their SRV records.
    pub srv: Vec<SrvGrant>,
    pub secrets: Secrets,
    pub environment: BTreeMap<String, String>,
}

/// Why wanted grants can't be derived from the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    #[error("`{key}` is not set; {name} wants it: {reason}")]
    Missing { name: String, key: String, reason: String },
    #[error("`{key}` is not text, or a list of texts; {name} wants it so")]
    NotText { name: String, key: String },
    #[error(
        "`{role}.{key}` {cause}, and `{name}` wants a path there ({reason}); write `./NAME` for one \
         beside the configuration, or the whole path from `/` on"
    )]
    NoPath { role: Role, key: String, name: String, reason: String, cause: NoPath },
    #[error("`{name}` asks for a grant in words this host does not know: {declared}")]
    Wish { name: String, declared: String },
    #[error("`{key}`, which {name} takes hosts from: {cause}")]
    Host { name: String, key: String, cause: Box<WantedError> },
    #[error(
        "TLS of {host} is `{has}` by `{key}`; `tls: {wanted}` of `grants.hosts` would be less, or names \
         other files. It can only add to it: change `{key}`, or remove `tls`"
    )]
    TlsLooser { host: String, key: String, has: &'static str, wanted: &'static str },
    #[error(
        "`{key}` names {host} in a URL that means TLS, and TLS {mode} may send plain bytes there; ask \
         for more, or write another URL"
    )]
    Plain { host: String, key: String, mode: &'static str },
    #[error("`credentials: host`: {0}")]
    Credentials(#[from] CredentialsError),
    #[error("{count} hosts are granted; {HOSTS_MAX} are possible")]
    TooManyHosts { count: usize },
}

/// What a connector wants and the configuration names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DerivedGrants {
    pub paths: Vec<PathGrant>,
    pub hosts: Vec<HostGrant>,
    pub srv: Vec<SrvGrant>,
}

/// The paths and hosts that a connector wants and that the configuration names.
///
/// Relative paths start at `base_dir`. An option that is not set grants nothing: whether it may be
/// left out is for the options schema to say.
pub fn derive_grants(
    info: &ConnectorInfo,
    connection_string: &str,
    options: &Value,
    base_dir: &Path,
) -> Result<DerivedGrants, GrantError> {
    let configured = Configured { info, connection_string, options };
    let mut grants = DerivedGrants::default();
    for wanted in &info.wanted_grants {
        if wanted.kind == GrantKind::Host {
            configured.hosts(wanted, base_dir, &mut grants)?;
        } else {
            grants.paths.extend(configured.paths(wanted, base_dir)?);
        }
    }
    Ok(grants)
}

/// What the operator wrote.
struct Configured<'a> {
    info: &'a ConnectorInfo,
    connection_string: &'a str,
    options: &'a Value,
}

impl<'a> Configured<'a> {
    /// The texts of a key: none when an option is not set, several when it is a list.
    fn texts(&self, key: &str, wanted: &WantedGrant) -> Result<Vec<&'a str>, GrantError> {
        let name = || self.info.name.clone();
        if key != "connection_string" {
            return option_texts(key, self.options)
                .ok_or_else(|| GrantError::NotText { name: name(), key: key.to_owned() });
        }
        if self.connection_string.is_empty() {
            let (key, reason) = (key.to_owned(), wanted.reason.clone());
            return Err(GrantError::Missing { name: name(), key, reason });
        }
        Ok(vec![self.connection_string])
    }

    fn paths(&self, wanted: &WantedGrant, base_dir: &Path) -> Result<Vec<PathGrant>, GrantError> {
        let name = || self.info.name.clone();
        let wish = PathWish::parse(wanted.kind, &wanted.value)
            .map_err(|()| GrantError::Wish { name: name(), declared: wanted.value.clone() })?;
        let Some(wish) = wish else { return Ok(Vec::new()) };
        let grant = |configured: &str| {
            let path = wish.path(configured).map_err(|cause| GrantError::NoPath {
                role: self.info.role,
                key: wish.key.clone(),
                name: name(),
                reason: wanted.reason.clone(),
                cause,
            })?;
            Ok(PathGrant {
                key: wish.key.clone(),
                configured: configured.to_owned(),
                host_path: base_dir.join(path),
                kind: wish.kind.clone(),
                writable: wish.writable,
            })
        };
        self.texts(&wish.key, wanted)?.into_iter().map(grant).collect()
    }

    fn hosts(
        &self,
        wanted: &WantedGrant,
        base_dir: &Path,
        grants: &mut DerivedGrants,
    ) -> Result<(), GrantError> {
        let failed = |key: &str| {
            let (name, key) = (self.info.name.clone(), key.to_owned());
            move |cause| GrantError::Host { name, key, cause: Box::new(cause) }
        };
        let reading = Reading::parse(&wanted.value).map_err(failed(&wanted.value))?;
        let Some(reading) = reading else { return Ok(()) };
        for text in self.texts(&reading.key, wanted)? {
            let found = reading.grants(text, base_dir).map_err(failed(&reading.key))?;
            grants.hosts.extend(found.hosts);
            grants.srv.extend(found.srv);
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plugin::Role;

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
        grants
            .unwrap()
            .paths
            .into_iter()
            .map(|grant| grant.host_path.display().to_string())
            .collect()
    }

    #[test]
    fn configured_values_become_paths() {
        let options = json!({"dir": "./in", "dirs": ["./a", "/b"], "nested": {"dir": "../x"}});
        let cases: [(&str, &str, &str, &[&str]); 8] = [
            ("relative to the base", "${connection_string}", "./data/in", &["/base/./data/in"]),
            ("absolute", "${connection_string}", "/data", &["/data"]),
            ("a URL of a file", "${connection_string}", "file:///data", &["/data"]),
            ("of its scheme", "${connection_string}?scheme=ab", "ab:x.db", &["/base/x.db"]),
            ("option", "${options.dir}", "", &["/base/./in"]),
            ("list", "${options.dirs}", "", &["/base/./a", "/b"]),
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
        let nested = paths(GrantKind::WriteFile, "${options.nested.dir}", "", &options);
        assert_eq!(nested, ["/base/../x"]);
        assert!(paths(GrantKind::Host, "${connection_string}", "x:1", &options).is_empty());
    }

    #[test]
    fn what_is_no_path_by_its_form_grants_none_and_is_not_repeated() {
        let options = json!({"slot": "main", "list": ["./a", "db.example:5432"]});
        let cases = [
            ("${connection_string}", "x://me:hunter2@db.example:5432", "a URL that names a host"),
            ("${connection_string}?scheme=xy", "xy://hunter2/db", "a URL that names a host"),
            ("${connection_string}", "hunter2:5432", "`host:port`"),
            ("${connection_string}", "hunter2", "is a word"),
            ("${options.slot}", "", "`source.options.slot` is a word"),
            ("${options.list}", "", "`source.options.list` has the form of `host:port`"),
            ("${connection_string}?sheme=x", "./a", "words this host does not know"),
        ];
        for (value, connection, expected) in cases {
            for kind in [GrantKind::ReadDirectory, GrantKind::WriteDirectory, GrantKind::WriteFile]
            {
                let derived =
                    derive_grants(&info(kind, value), connection, &options, Path::new("/base"));
                let error = derived.unwrap_err().to_string();
                assert!(error.contains(expected) && !error.contains("hunter2"), "{value}: {error}");
            }
        }
    }

    fn hosts(value: &str, connection: &str, options: &Value) -> Result<Vec<String>, GrantError> {
        let grants =
            derive_grants(&info(GrantKind::Host, value), connection, options, Path::new("/"))?;
        assert!(grants.paths.is_empty());
        Ok(grants.hosts.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn configured_values_become_hosts() {
        let options = json!({"url": "x://a:1", "urls": ["x://b,c:2", "d:3"], "number": 1});
        let cases: [(&str, &str, &[&str]); 5] = [
            ("${connection_string}?port=9", "x://u:p@db/name", &["db:9"]),
            ("${options.url}", "", &["a:1"]),
            ("${options.urls}?port=9", "", &["b:9", "c:2", "d:3"]),
            ("${options.none}", "", &[]),
            ("db.example:5432", "x://db:1", &[]),
        ];
        for (value, connection, expected) in cases {
            assert_eq!(hosts(value, connection, &options).unwrap(), expected, "{value}");
        }
        let refused = [
            ("${connection_string}", "", "`connection_string` is not set"),
            ("${connection_string}", "x://u:pw@db", "`db` names no port"),
            ("${options.number}", "", "not text"),
            ("${connection_string}?x=1", "x://db:1", "words this host does not know"),
        ];
        for (value, connection, expected) in refused {
            let error = hosts(value, connection, &options).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("pw"), "{value}: {error}");
        }
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
