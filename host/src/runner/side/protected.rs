//! What of the configuration and the host no connector may be granted (I10).

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    config::{Grants, SecretSource, WarpConfig},
    plugin::{Plugin, Protected, Role, TlsGrant, derive_grants},
};

/// The configuration and its secrets, these connectors, and the host's own state.
pub fn protected_places(config: &WarpConfig, plugins: &[&Arc<Plugin>]) -> Vec<Protected> {
    let mut places: Vec<_> =
        plugins.iter().flat_map(|plugin| tls_files(config, plugin).unwrap_or_default()).collect();
    let mut add = |what: &str, path: &Path, tree: bool| {
        places.push(Protected { what: what.to_owned(), path: path.to_owned(), tree });
    };
    if let Some(file) = &config.file {
        add("the configuration", file, false);
    }
    add("the host's own state (`state_dir`)", &config.state_dir, true);
    if let Some(socket) = &config.control.socket {
        add("the control socket", socket, false);
    }
    if let Some(file) = &config.control.token_file {
        add("the token of the control port", file, false);
    }
    for plugin in plugins {
        add("a connector's component", &plugin.path, false);
        let by_path = match plugin.info.role {
            Role::Source => &config.source.plugin,
            Role::Destination => &config.destination.plugin,
        };
        if let (None, Some(directory)) = (by_path, plugin.path.parent()) {
            add("the plugin directory", directory, true);
        }
    }
    if let Ok(program) = std::env::current_exe() {
        // It is started as the compiler, and by the operator.
        add("this program", &program, false);
    }
    let (source, destination) = (&config.source, &config.destination);
    for file in [&source.connection_string_file, &destination.connection_string_file] {
        file.iter().for_each(|file| add("a connection string", file, false));
    }
    for grants in [&source.grants, &destination.grants] {
        for file in programs(grants, &config.base_dir) {
            add("the program of a secret", &file, false);
        }
    }
    for (what, file) in secrets(&source.grants).chain(secrets(&destination.grants)) {
        add(what, &config.base_dir.join(file), false);
    }
    places
}

fn secrets(grants: &Grants) -> impl Iterator<Item = (&'static str, &Path)> {
    let files = grants.secrets.values().filter_map(|secret| match secret {
        SecretSource::File(path) => Some(("a secret", path.as_path())),
        SecretSource::Command { .. } | SecretSource::Env(_) => None,
    });
    let of_hosts = grants.hosts.iter().flat_map(|host| {
        let files = [&host.ca, &host.certificate, &host.key];
        files.into_iter().flatten().map(|path| ("a file for TLS", path.as_path()))
    });
    files.chain(of_hosts)
}

/// What runs when the commands of secrets do, and every file that they name: a script is an argument
/// of the program that reads it. Whoever can write one of them has the host run anything.
fn programs(grants: &Grants, base_dir: &Path) -> Vec<PathBuf> {
    let commands = grants.secrets.values().filter_map(|secret| match secret {
        SecretSource::Command { command, .. } => Some(command),
        SecretSource::File(_) | SecretSource::Env(_) => None,
    });
    let mut files = Vec::new();
    for command in commands {
        let looked_up = command.first().filter(|program| !program.contains('/'));
        let path = std::env::var_os("PATH").filter(|_| looked_up.is_some()).unwrap_or_default();
        let program = looked_up.map_or("", String::as_str);
        files.extend(std::env::split_paths(&path).map(|directory| directory.join(program)));
        // Also the value of `--config=FILE`.
        let words = command.iter().flat_map(|word| [Some(word.as_str()), value_of(word)]);
        files.extend(words.flatten().map(|word| base_dir.join(word)));
    }
    files.retain(|file| file.is_file());
    files
}

fn value_of(word: &str) -> Option<&str> {
    word.split_once('=').map(|(_, value)| value)
}

/// Files that the connection string of a connector's side names for TLS. What can't be read of it is
/// that side's own error.
fn tls_files(config: &WarpConfig, plugin: &Plugin) -> Option<Vec<Protected>> {
    let (connection, options) = match plugin.info.role {
        Role::Source => (config.source.read_connection_string(), &config.source.options),
        Role::Destination => {
            (config.destination.read_connection_string(), &config.destination.options)
        }
    };
    let options = serde_json::Value::Object(options.clone());
    // No grant depends on the secrets that have places in it.
    let connection = connection.ok()?.fill(str::to_owned);
    let derived = derive_grants(&plugin.info, &connection, &options, &config.base_dir).ok()?;
    let hosts = derived.hosts.into_iter().filter_map(|host| host.tls);
    let tls = hosts.chain(derived.srv.into_iter().filter_map(|host| host.tls));
    let files = tls.flat_map(|TlsGrant { ca, certificate, key, .. }| [ca, certificate, key]);
    let protected = |path| Protected { what: "a file for TLS".to_owned(), path, tree: false };
    Some(files.flatten().map(protected).collect())
}
