//! From the configuration of one side to the settings its plugin is opened with.
//!
//! Nothing is accepted and ignored: a key that the connector does not declare it reads is refused.
//! Grants come from what the operator wrote, and from nowhere else (I10).

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::{
    RunError, bounds::plugin_bounds, connectors::Connectors, context::Endpoint,
    protected::protected_places,
};
use crate::{
    config::{
        self, ChangeDetectionStrategy, DestinationConfig, EnvironmentGrant, Grants, Limits,
        SecretSource, SourceConfig, WarpConfig,
    },
    model::HostPattern,
    plugin::{
        self, ConnectSettings, HostGrant, PathGrant, PathKind, Places, Plugin, Role, TlsGrant,
        TlsStart, Written, derive_grants, merge_hosts, refuse_protected,
    },
};

/// Largest batch that may cross a plugin's border, in encoded bytes.
const MESSAGE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Largest secret that is read from a file.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// The source's side.
pub fn source(
    config: &WarpConfig,
    connectors: &Connectors,
    schema: &str,
) -> Result<Endpoint, RunError> {
    let endpoint = source_of(config, &connectors.source, schema)?;
    refuse_protected(
        Role::Source,
        &endpoint.settings.grants.paths,
        &protected_places(config, &connectors.both()),
    )?;
    Ok(endpoint)
}

/// The destination's side.
pub fn destination(
    config: &WarpConfig,
    connectors: &Connectors,
    schema: &str,
) -> Result<Endpoint, RunError> {
    let endpoint = destination_of(config, &connectors.destination, schema)?;
    refuse_protected(
        Role::Destination,
        &endpoint.settings.grants.paths,
        &protected_places(config, &connectors.both()),
    )?;
    Ok(endpoint)
}

/// The side of the configuration that a connector is for, as if it was the one that is named there.
pub fn endpoint_of(config: &WarpConfig, plugin: &Arc<Plugin>) -> Result<Endpoint, RunError> {
    let endpoint = match plugin.info.role {
        Role::Source => source_of(config, plugin, "")?,
        Role::Destination => destination_of(config, plugin, "")?,
    };
    let (role, paths) = (plugin.info.role, &endpoint.settings.grants.paths);
    refuse_protected(role, paths, &protected_places(config, &[plugin]))?;
    Ok(endpoint)
}

fn source_of(
    config: &WarpConfig,
    plugin: &Arc<Plugin>,
    schema: &str,
) -> Result<Endpoint, RunError> {
    let section = &config.source;
    let settings = source_settings(section, plugin)?;
    let connection = section
        .read_connection_string()
        .map_err(|cause| RunError::ConnectionFile { key: "source", cause })?;
    let connection = connection.expose();
    let options = serde_json::Value::Object(section.options.clone());
    let side = Side { key: "source", plugin, connection, options, base_dir: &config.base_dir };
    side.endpoint(settings, &section.grants, &section.limits, schema)
}

fn destination_of(
    config: &WarpConfig,
    plugin: &Arc<Plugin>,
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
    let connection = section
        .read_connection_string()
        .map_err(|cause| RunError::ConnectionFile { key: "destination", cause })?;
    let connection = connection.expose();
    let options = serde_json::Value::Object(section.options.clone());
    let side = Side { key: "destination", plugin, connection, options, base_dir: &config.base_dir };
    side.endpoint(settings, &section.grants, &section.limits, schema)
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

struct Side<'a> {
    key: &'static str,
    plugin: &'a Arc<Plugin>,
    connection: &'a str,
    options: serde_json::Value,
    base_dir: &'a Path,
}

impl Side<'_> {
    fn endpoint(
        self,
        settings: Vec<(String, String)>,
        grants: &Grants,
        limits: &Limits,
        schema: &str,
    ) -> Result<Endpoint, RunError> {
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
        let derived =
            derive_grants(&self.plugin.info, self.connection, &self.options, self.base_dir)?;
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
        let hosts = merge_hosts(derived.hosts, grants.hosts.iter().map(host).collect())?;
        let settings = ConnectSettings {
            connection_string: self.connection.to_owned(),
            options: self.options,
            settings,
            grants: plugin::Grants {
                paths,
                places: Places::default(),
                written: limits
                    .written_bytes
                    .map(|max| Written::new(self.plugin.info.role, max.get())),
                hosts,
                srv,
                secrets: secrets(self.key, &grants.secrets)?,
                environment: environment(&grants.environment),
            },
            limits: plugin::Limits {
                memory_max_bytes: limits.memory.get(),
                call_deadline: limits.call_deadline.duration(),
                log_lines_per_second: limits.log_lines_per_second.get(),
                message_bytes_max: MESSAGE_BYTES_MAX,
                bounds: plugin_bounds(limits),
            },
            label: schema.to_owned(),
        };
        Ok(Endpoint { plugin: Arc::clone(self.plugin), settings })
    }
}

/// TLS that the operator asks for beside the connection string begins at once.
fn host(grant: &config::HostGrant) -> HostGrant {
    let tls = grant.tls.map(|mode| TlsGrant {
        start: TlsStart::Direct,
        mode,
        ca: grant.ca.clone(),
        certificate: grant.certificate.clone(),
        key: grant.key.clone(),
    });
    HostGrant {
        key: "grants.hosts".into(),
        host: grant.host.clone(),
        port: grant.port,
        tls,
        private: grant.private,
    }
}

fn secrets(
    key: &str,
    granted: &BTreeMap<String, SecretSource>,
) -> Result<BTreeMap<String, String>, RunError> {
    let read = |(name, source): (&String, &SecretSource)| {
        let (value, place) = match source {
            SecretSource::Env(variable) => {
                (std::env::var(variable).ok(), format!("environment variable {variable}"))
            }
            SecretSource::File(path) => (secret_file(path), format!("file {}", path.display())),
        };
        match value {
            Some(value) => Ok((name.clone(), value)),
            None => Err(RunError::Unusable {
                what: format!("`{key}.grants.secrets.{name}`: {place} cannot be read"),
                help: "set it, or remove the grant".into(),
            }),
        }
    };
    granted.iter().map(read).collect()
}

fn secret_file(path: &Path) -> Option<String> {
    let is_small = std::fs::metadata(path).is_ok_and(|file| file.len() <= SECRET_BYTES_MAX);
    let text = if is_small { std::fs::read_to_string(path).ok()? } else { return None };
    Some(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn environment(granted: &BTreeMap<String, EnvironmentGrant>) -> BTreeMap<String, String> {
    let value = |(name, grant): (&String, &EnvironmentGrant)| match grant {
        EnvironmentGrant::Inherit => std::env::var(name).ok().map(|value| (name.clone(), value)),
        EnvironmentGrant::Value(value) => Some((name.clone(), value.clone())),
    };
    granted.iter().filter_map(value).collect()
}
