//! The sides of a pipeline, made of its configuration.

use std::sync::Arc;

use super::{
    apart::check_directories,
    connection::{Connection, Endpoint},
    connectors::{self, Connectors},
    protected::protected_places,
    settings::{destination_settings, source_settings},
    side::Side,
};
use crate::{
    config::{Grants, Limits, WarpConfig},
    plugin::{Places, Plugin, Role, Secrets, Written, refuse_protected},
    runner::error::RunError,
};

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
    let settings = source_settings(config, plugin)?;
    let connection = Connection {
        key: Role::Source.word(),
        text: section.connection_string.clone(),
        file: section.connection_string_file.clone(),
    };
    let (options, grants, limits) = (&section.options, &section.grants, &section.limits);
    let section = Section { options, grants, limits, settings, connection };
    section.endpoint(config, plugin, secrets, schema)
}

fn destination_of(
    config: &WarpConfig,
    plugin: &Arc<Plugin>,
    secrets: Secrets,
    schema: &str,
) -> Result<Endpoint, RunError> {
    let section = &config.destination;
    let settings = destination_settings(config, plugin)?;
    if !plugin.info.has("transactions") {
        return Err(RunError::Unusable {
            what: format!(
                "destination `{}` cannot commit rows and position together",
                plugin.info.name
            ),
            help: "destinations without the capability `transactions` are not supported yet".into(),
        });
    }
    let connection = Connection {
        key: Role::Destination.word(),
        text: section.connection_string.clone(),
        file: section.connection_string_file.clone(),
    };
    let (options, grants, limits) = (&section.options, &section.grants, &section.limits);
    let section = Section { options, grants, limits, settings, connection };
    section.endpoint(config, plugin, secrets, schema)
}

/// What the sections of both sides have.
struct Section<'a> {
    options: &'a serde_json::Map<String, serde_json::Value>,
    grants: &'a Grants,
    limits: &'a Limits,
    settings: Vec<(String, String)>,
    connection: Connection,
}

impl Section<'_> {
    fn endpoint(
        self,
        config: &WarpConfig,
        plugin: &Arc<Plugin>,
        secrets: Secrets,
        schema: &str,
    ) -> Result<Endpoint, RunError> {
        let max = self.limits.written_bytes;
        let side = Side {
            key: self.connection.key,
            plugin: Arc::clone(plugin),
            settings: self.settings,
            options: serde_json::Value::Object(self.options.clone()),
            base_dir: config.base_dir.clone(),
            grants: self.grants.clone(),
            limits: self.limits.clone(),
            secrets,
            places: Places::default(),
            written: max.map(|max| Written::new(plugin.info.role, max.get())),
            label: schema.to_owned(),
        };
        Endpoint::new(side, self.connection)
    }
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
    })?;
    let mut pairs = open.iter().flat_map(|one| open.iter().map(move |other| (*one, *other)));
    pairs.try_for_each(|(source, destination)| check_directories(source, destination))
}
