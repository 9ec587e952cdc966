//! Makes every path of the configuration absolute.
//!
//! Relative paths start at the file's directory, not at the process's: a file means the same
//! wherever the command is run. `~/` is the home directory.

use std::path::{Path, PathBuf};

use super::{ConnectionString, Grants, SecretSource, WarpConfig};
use crate::model::is_plain_path;

/// `~/` without a home directory.
#[derive(Debug, thiserror::Error)]
#[error("`state_dir` is in the home directory, and HOME is not set")]
pub(super) struct Homeless;

pub(super) fn locate(
    config: &mut WarpConfig,
    base: &Path,
    home: Option<&str>,
) -> Result<(), Homeless> {
    let (source, destination) = (&mut config.source, &mut config.destination);
    locate_connection(&mut source.connection_string, base);
    locate_connection(&mut destination.connection_string, base);
    let single = [
        &mut source.connection_string_file,
        &mut source.plugin,
        &mut destination.connection_string_file,
        &mut destination.plugin,
        &mut config.hash_key_file,
        &mut config.control.socket,
        &mut config.control.token_file,
    ];
    for path in single.into_iter().flatten() {
        *path = absolute(base, path);
    }
    locate_grants(&mut source.grants, base);
    locate_grants(&mut destination.grants, base);
    config.state_dir = match config.state_dir.strip_prefix("~") {
        Ok(below) => Path::new(home.filter(|home| !home.is_empty()).ok_or(Homeless)?).join(below),
        Err(_) => absolute(base, &config.state_dir),
    };
    config.base_dir = base.to_owned();
    Ok(())
}

fn locate_connection(connection: &mut Option<ConnectionString>, base: &Path) {
    let Some(text) = connection.as_ref().map(ConnectionString::expose) else { return };
    // URLs, words, `key=value` lists, user@host, host:port and SQLite's `:memory:` are no paths.
    if is_plain_path(text) {
        *connection =
            Some(ConnectionString::new(absolute(base, Path::new(text)).to_string_lossy()));
    }
}

fn locate_grants(grants: &mut Grants, base: &Path) {
    for directory in &mut grants.directories {
        directory.path = absolute(base, &directory.path);
    }
    for host in &mut grants.hosts {
        for path in [&mut host.ca, &mut host.certificate, &mut host.key].into_iter().flatten() {
            *path = absolute(base, path);
        }
    }
    for secret in grants.secrets.values_mut() {
        match secret {
            SecretSource::Env(_) => {}
            SecretSource::File(path) => *path = absolute(base, path),
            SecretSource::Command { command, .. } => locate_program(command.first_mut(), base),
        }
    }
}

/// A program with a slash in its name is a path; another one is looked for as a shell would.
fn locate_program(program: Option<&mut String>, base: &Path) {
    if let Some(program) = program.filter(|program| program.contains('/')) {
        *program = absolute(base, Path::new(program)).to_string_lossy().into_owned();
    }
}

fn absolute(base: &Path, path: &Path) -> PathBuf {
    // An empty path stays empty, for the checks to refuse; joined, it would mean the base.
    if path.as_os_str().is_empty() {
        return PathBuf::new();
    }
    // `./` is left out, so that printed paths read well; `..` stays, it may cross a link.
    base.join(path).components().collect()
}
