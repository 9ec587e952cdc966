//! From the section of one side to the settings its plugin is opened with.
//!
//! Grants come from what the operator wrote, and from nowhere else (I10).

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use super::bounds::plugin_bounds;
use crate::{
    config::{self, ConnectionString, Credentials, EnvironmentGrant, Grants, Limits},
    model::HostPattern,
    plugin::{
        self, ConnectSettings, DerivedGrants, HostGrant, PathGrant, PathKind, Patience, Places,
        Plugin, Secrets, TlsGrant, TlsStart, Written, derive_grants, keep_credentials,
        limits::CPU_WEIGHT, merge_hosts, secure_hosts,
    },
    runner::error::RunError,
};

/// Largest batch that may cross a plugin's border, in encoded bytes.
const MESSAGE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// One side of a pipeline, but for its connection string.
#[derive(Clone)]
pub struct Side {
    pub key: &'static str,
    pub plugin: Arc<Plugin>,
    /// Keys of the section that its connector reads.
    pub settings: Vec<(String, String)>,
    pub options: serde_json::Value,
    pub base_dir: PathBuf,
    pub grants: Grants,
    pub limits: Limits,
    pub secrets: Secrets,
    /// What is granted, once it is open: one for all connections, whatever is found anew for each.
    pub places: Places,
    /// How far files have grown, by all connections.
    pub written: Option<Written>,
    pub label: String,
}

impl Side {
    /// A variable or file that is not there at the start is a typing mistake. Commands are run when
    /// they are needed.
    pub fn check_secrets(&self) -> Result<(), RunError> {
        for name in self.grants.secrets.keys() {
            self.secrets.check(name).map_err(|cause| RunError::Unusable {
                what: format!("`{}.grants.secrets.{name}`: {cause}", self.key),
                help: "set it, or remove the grant".into(),
            })?;
        }
        Ok(())
    }

    /// The settings for a connection string, the secrets it has places for not filled in. What it
    /// grants does not depend on them.
    pub fn settings(&self, text: &ConnectionString) -> Result<ConnectSettings, RunError> {
        let Self { grants, limits, .. } = self;
        let connection = without_secrets(text, |text| {
            Ok(derive_grants(&self.plugin.info, text, &self.options, &self.base_dir)?)
        })?;
        if let Some(error) = self.plugin.check_options(&self.options).into_iter().next() {
            let dot = if error.path.is_empty() { "" } else { "." };
            return Err(RunError::Unusable {
                what: format!("`{}.options{dot}{}`: {}", self.key, error.path, error.message),
                help: format!(
                    "`cartridge-warp connectors inspect {}` shows the options",
                    self.plugin.info.name
                ),
            });
        }
        let derived = derive_grants(&self.plugin.info, &connection, &self.options, &self.base_dir)?;
        let mut paths = derived.paths;
        paths.extend(grants.directories.iter().map(|grant| PathGrant {
            key: "grants".into(),
            configured: grant.path.display().to_string(),
            host_path: self.base_dir.join(&grant.path),
            kind: PathKind::Directory,
            writable: grant.writable,
        }));
        let mut srv = derived.srv;
        for wanted in &mut srv {
            // Its servers are not known yet: what the operator says of the name holds for them.
            wanted.private = grants
                .hosts
                .iter()
                .any(|grant| grant.private && grant.host == HostPattern::Name(wanted.host.clone()));
        }
        let mut hosts = merge_hosts(derived.hosts, grants.hosts.iter().map(host).collect())?;
        secure_hosts(&mut hosts, &connection, &self.options)?;
        let mut granted = plugin::Grants {
            paths,
            places: self.places.clone(),
            written: self.written.clone(),
            hosts,
            srv,
            secrets: self.secrets.clone(),
            environment: environment(&grants.environment),
        };
        Ok(ConnectSettings {
            connection_string: self.kept(&connection, &mut granted)?,
            options: self.options.clone(),
            settings: self.settings.clone(),
            grants: granted,
            limits: plugin::Limits {
                memory_max_bytes: limits.memory.get(),
                call_deadline: limits.call_deadline.duration(),
                log_lines_per_second: limits.log_lines_per_second.get(),
                cpu_weight: CPU_WEIGHT,
                message_bytes_max: MESSAGE_BYTES_MAX,
                bounds: plugin_bounds(limits),
            },
            // The runner has some; a command that looks once answers at once.
            patience: Patience::default(),
            label: self.label.clone(),
        })
    }
}

impl Side {
    /// The connection string as the connector gets it: where the host logs in, the password stays.
    pub fn kept(&self, text: &str, grants: &mut plugin::Grants) -> Result<String, RunError> {
        let at_host = |grant: &&config::HostGrant| grant.credentials == Credentials::Host;
        let places = self.grants.hosts.iter().filter(at_host);
        let places: Vec<_> = places.map(|grant| (grant.host.clone(), grant.port)).collect();
        Ok(keep_credentials(&self.plugin.info, text, &places, grants)?)
    }
}

/// TLS that the operator asks for beside the connection string begins at once.
fn host(grant: &config::HostGrant) -> HostGrant {
    let tls = grant.tls.map(|mode| TlsGrant {
        ca: grant.ca.clone(),
        certificate: grant.certificate.clone(),
        key: grant.key.clone(),
        ..TlsGrant::new(TlsStart::Direct, mode)
    });
    HostGrant {
        key: "grants.hosts".into(),
        host: grant.host.clone(),
        port: grant.port,
        tls,
        private: grant.private,
        login: None,
    }
}

fn environment(granted: &BTreeMap<String, EnvironmentGrant>) -> BTreeMap<String, String> {
    let value = |(name, grant): (&String, &EnvironmentGrant)| match grant {
        EnvironmentGrant::Inherit => std::env::var(name).ok().map(|value| (name.clone(), value)),
        EnvironmentGrant::Value(value) => Some((name.clone(), value.clone())),
    };
    granted.iter().filter_map(value).collect()
}

/// The text with something in the places of its secrets, for `derive` to read: if what it grants
/// depended on them, a secret could widen it.
fn without_secrets(
    text: &ConnectionString,
    derive: impl Fn(&str) -> Result<DerivedGrants, RunError>,
) -> Result<String, RunError> {
    let [one, other] = ["one", "other"].map(|word| text.fill(|_| word.to_owned()));
    if one != other && derive(&one)? != derive(&other)? {
        return Err(RunError::Unusable {
            what:
                "a `${secrets.NAME}` of the connection string decides what the connector may reach"
                    .into(),
            help: "write hosts and paths out; secrets stand for users, passwords and tokens".into(),
        });
    }
    Ok(one)
}
