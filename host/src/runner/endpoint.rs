//! From the configuration of one side to the settings its plugin is opened with.
//!
//! Nothing is accepted and ignored: a key that the connector does not declare it reads is refused.
//! Grants come from what the operator wrote, and from nowhere else (I10).

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use super::{
    RunError,
    bounds::plugin_bounds,
    connection::{self, Connection, Endpoint},
    connectors::{self, Connectors},
    protected::protected_places,
};
use crate::{
    config::{
        self, ChangeDetectionStrategy, ConnectionString, Credentials, DestinationConfig,
        EnvironmentGrant, Grants, Limits, SourceConfig, WarpConfig,
    },
    model::HostPattern,
    plugin::{
        self, ConnectSettings, HostGrant, PathGrant, PathKind, Patience, Places, Plugin, Role,
        Secrets, TlsGrant, TlsStart, Written, derive_grants, keep_credentials, limits::CPU_WEIGHT,
        merge_hosts, refuse_protected, secure_hosts,
    },
};

/// Largest batch that may cross a plugin's border, in encoded bytes.
const MESSAGE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The source's side.
pub fn source(
    config: &WarpConfig,
    connectors: &Connectors,
    schema: &str,
) -> Result<Endpoint, RunError> {
    let secrets = connectors.source_secrets.clone();
    let endpoint = source_of(config, &connectors.source, secrets, schema)?;
    checked(config, endpoint, &connectors.both())
}

/// The destination's side.
pub fn destination(
    config: &WarpConfig,
    connectors: &Connectors,
    schema: &str,
) -> Result<Endpoint, RunError> {
    let secrets = connectors.destination_secrets.clone();
    let endpoint = destination_of(config, &connectors.destination, secrets, schema)?;
    checked(config, endpoint, &connectors.both())
}

/// The side of the configuration that a connector is for, as if it was the one that is named there.
pub fn endpoint_of(config: &WarpConfig, plugin: &Arc<Plugin>) -> Result<Endpoint, RunError> {
    let secrets = |grants: &Grants| connectors::secrets(&grants.secrets, &config.base_dir);
    let endpoint = match plugin.info.role {
        Role::Source => source_of(config, plugin, secrets(&config.source.grants), "")?,
        Role::Destination => {
            destination_of(config, plugin, secrets(&config.destination.grants), "")?
        }
    };
    checked(config, endpoint, &[plugin])
}

/// An endpoint that is granted nothing of what the host itself relies on.
fn checked(
    config: &WarpConfig,
    endpoint: Endpoint,
    plugins: &[&Arc<Plugin>],
) -> Result<Endpoint, RunError> {
    let (role, paths) = (endpoint.plugin.info.role, &endpoint.settings.grants.paths);
    refuse_protected(role, paths, &protected_places(config, plugins))?;
    Ok(endpoint)
}

fn source_of(
    config: &WarpConfig,
    plugin: &Arc<Plugin>,
    secrets: Secrets,
    schema: &str,
) -> Result<Endpoint, RunError> {
    let section = &config.source;
    let side = Side {
        key: "source",
        plugin: Arc::clone(plugin),
        settings: source_settings(section, plugin)?,
        options: serde_json::Value::Object(section.options.clone()),
        base_dir: config.base_dir.clone(),
        grants: section.grants.clone(),
        limits: section.limits.clone(),
        secrets,
        places: Places::default(),
        written: written(Role::Source, &section.limits),
        label: schema.to_owned(),
    };
    let connection = section.connection_string.clone();
    let file = section.connection_string_file.clone();
    Endpoint::new(side, Connection { key: "source", text: connection, file })
}

fn destination_of(
    config: &WarpConfig,
    plugin: &Arc<Plugin>,
    secrets: Secrets,
    schema: &str,
) -> Result<Endpoint, RunError> {
    let section = &config.destination;
    let settings = destination_settings(section, plugin)?;
    if !plugin.info.has("transactions") {
        return Err(RunError::Unusable {
            what: format!(
                "destination `{}` cannot commit rows and position together",
                plugin.info.name
            ),
            help: "destinations without the capability `transactions` are not supported yet".into(),
        });
    }
    let side = Side {
        key: "destination",
        plugin: Arc::clone(plugin),
        settings,
        options: serde_json::Value::Object(section.options.clone()),
        base_dir: config.base_dir.clone(),
        grants: section.grants.clone(),
        limits: section.limits.clone(),
        secrets,
        places: Places::default(),
        written: written(Role::Destination, &section.limits),
        label: schema.to_owned(),
    };
    let connection = section.connection_string.clone();
    let file = section.connection_string_file.clone();
    Endpoint::new(side, Connection { key: "destination", text: connection, file })
}

fn written(role: Role, limits: &Limits) -> Option<Written> {
    limits.written_bytes.map(|max| Written::new(role, max.get()))
}

/// Opens the paths that the endpoints are granted, once for all their connections. `beside` are the
/// configuration's other endpoints, which stay closed.
pub fn open_grants(open: &[&Endpoint], beside: &[&Endpoint]) -> Result<(), RunError> {
    let grants = open.iter().map(|endpoint| &endpoint.settings.grants);
    let sides: Vec<_> = grants.map(|grants| (grants.paths.as_slice(), &grants.places)).collect();
    let beside = beside.iter().map(|endpoint| endpoint.settings.grants.paths.as_slice());
    let beside: Vec<_> = beside.collect();
    Places::open(&sides, &beside).map_err(|cause| {
        let role = open.get(cause.side).map_or("", |endpoint| endpoint.plugin.info.role.word());
        RunError::Unavailable { role, cause }
    })
}

fn source_settings(
    section: &SourceConfig,
    plugin: &Plugin,
) -> Result<Vec<(String, String)>, RunError> {
    let mut given = Given { key: "source", plugin, settings: Vec::new() };
    given.add_optional("database", section.database.as_deref())?;
    given.add("timezone", &section.timezone, "UTC")?;
    let strategy = match section.change_detection_strategy {
        ChangeDetectionStrategy::Log => "log",
        ChangeDetectionStrategy::Timestamp => "timestamp",
        ChangeDetectionStrategy::Trigger => "trigger",
    };
    if !plugin.info.has(&format!("change-detection:{strategy}")) {
        let capabilities = plugin.info.capabilities.iter();
        let offered: Vec<&str> =
            capabilities.filter_map(|word| word.strip_prefix("change-detection:")).collect();
        return Err(RunError::Unusable {
            what: format!("source `{}` cannot find changes by {strategy}", plugin.info.name),
            help: format!(
                "set `source.change_detection_strategy` to one of: {}",
                offered.join(", ")
            ),
        });
    }
    given.settings.push(("change_detection_strategy".into(), strategy.into()));
    if strategy == "timestamp" {
        let column = section.change_detection_column.clone();
        given.settings.push(("change_detection_column".into(), column));
    } else if section.change_detection_column != "updated_at" {
        return Err(RunError::Unusable {
            what: format!(
                "`source.change_detection_column` means nothing when changes are found by {strategy}"
            ),
            help: "remove it, or set `change_detection_strategy: timestamp`".into(),
        });
    }
    Ok(given.settings)
}

fn destination_settings(
    section: &DestinationConfig,
    plugin: &Plugin,
) -> Result<Vec<(String, String)>, RunError> {
    let mut given = Given { key: "destination", plugin, settings: Vec::new() };
    given.add_optional("database", section.database.as_deref())?;
    given.add("metadata_schema", &section.metadata_schema, "cartridge_warp_metadata")?;
    Ok(given.settings)
}

/// Keys that only some connectors read.
struct Given<'a> {
    key: &'static str,
    plugin: &'a Plugin,
    settings: Vec<(String, String)>,
}

impl Given<'_> {
    fn add_optional(&mut self, key: &str, value: Option<&str>) -> Result<(), RunError> {
        value.map_or(Ok(()), |value| self.add(key, value, ""))
    }

    /// Passes a value on; a connector that does not read it may only be given the default.
    fn add(&mut self, key: &str, value: &str, default: &str) -> Result<(), RunError> {
        let info = &self.plugin.info;
        if info.has(&key.replace('_', "-")) {
            self.settings.push((key.to_owned(), value.to_owned()));
        } else if value != default {
            return Err(RunError::Unusable {
                what: format!(
                    "`{}.{key}` means nothing to the {} `{}`",
                    self.key, info.role, info.name
                ),
                help: "remove the key; `connectors inspect` shows what the connector reads".into(),
            });
        }
        Ok(())
    }
}

/// One side of a pipeline, but for its connection string.
#[derive(Clone)]
pub struct Side {
    key: &'static str,
    pub(super) plugin: Arc<Plugin>,
    settings: Vec<(String, String)>,
    options: serde_json::Value,
    base_dir: PathBuf,
    grants: Grants,
    limits: Limits,
    pub(super) secrets: Secrets,
    /// What is granted, once it is open: one for all connections, whatever is found anew for each.
    places: Places,
    /// How far files have grown, by all connections.
    written: Option<Written>,
    pub(super) label: String,
}

impl Side {
    /// A variable or file that is not there at the start is a typing mistake. Commands are run when
    /// they are needed.
    pub(super) fn check_secrets(&self) -> Result<(), RunError> {
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
    pub(super) fn settings(&self, text: &ConnectionString) -> Result<ConnectSettings, RunError> {
        let Self { grants, limits, .. } = self;
        let connection = connection::without_secrets(text, |text| {
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
    pub(super) fn kept(&self, text: &str, grants: &mut plugin::Grants) -> Result<String, RunError> {
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
