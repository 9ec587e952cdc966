//! Checks of `source` and `destination`.

use std::path::PathBuf;
use std::time::Duration;

use super::Findings;
use crate::config::connection_file::read_connection_file;
use crate::config::{
    ConnectionString, DirectoryGrant, Grants, Limits, OnMaxRetained, SecretSource, WarpConfig,
};

/// A component needs about this much before it does anything.
const MEMORY_MIN: u64 = 1 << 20;

/// What source and destination have in common.
struct End<'a> {
    at: &'static str,
    r#type: &'a str,
    connection_string: Option<&'a ConnectionString>,
    connection_string_file: Option<&'a PathBuf>,
    database: Option<&'a str>,
    sha256: Option<&'a str>,
    grants: &'a Grants,
    limits: &'a Limits,
}

pub(super) fn check(config: &WarpConfig, findings: &mut Findings<'_>) {
    let (source, destination) = (&config.source, &config.destination);
    check_end(
        &End {
            at: "source",
            r#type: &source.r#type,
            connection_string: source.connection_string.as_ref(),
            connection_string_file: source.connection_string_file.as_ref(),
            database: source.database.as_deref(),
            sha256: source.sha256.as_deref(),
            grants: &source.grants,
            limits: &source.limits,
        },
        findings,
    );
    check_end(
        &End {
            at: "destination",
            r#type: &destination.r#type,
            connection_string: destination.connection_string.as_ref(),
            connection_string_file: destination.connection_string_file.as_ref(),
            database: destination.database.as_deref(),
            sha256: destination.sha256.as_deref(),
            grants: &destination.grants,
            limits: &destination.limits,
        },
        findings,
    );
    check_retained(config, findings);
    findings.not_empty("source.change_detection_column", &source.change_detection_column);
    findings.not_empty("source.timezone", &source.timezone);
    findings.not_empty("destination.metadata_schema", &destination.metadata_schema);
}

fn check_retained(config: &WarpConfig, findings: &mut Findings<'_>) {
    let source = &config.source;
    match source.max_retained {
        Some(max) if max.get() == 0 => {
            let help = "write how much log the source may keep, such as 10GiB, or remove the key";
            findings.invalid("source.max_retained", "can't be zero", help);
        }
        None if source.on_max_retained == OnMaxRetained::Release => {
            let help = "add `source.max_retained`, such as 10GiB";
            let message = "means nothing without `source.max_retained`";
            findings.conflict("source.on_max_retained", message, help);
        }
        _ => {}
    }
}

fn check_end(end: &End<'_>, findings: &mut Findings<'_>) {
    let at = end.at;
    findings.not_empty(&format!("{at}.type"), end.r#type);
    if let Some(database) = end.database {
        findings.not_empty(&format!("{at}.database"), database);
    }
    check_connection(end, findings);
    let is_digest = |hex: &str| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    if end.sha256.is_some_and(|hex| !is_digest(hex)) {
        let help = "write the 64 hex digits that `sha256sum` prints for the component";
        findings.invalid(&format!("{at}.sha256"), "is not a SHA-256", help);
    }
    if end.limits.call_deadline.duration() == Duration::ZERO {
        let help = "write how long a call may take, such as 60s";
        findings.invalid(&format!("{at}.limits.call_deadline"), "can't be zero", help);
    }
    if end.limits.memory.get() < MEMORY_MIN {
        let help = "write at least 1MiB; most connectors want 64MiB or more";
        let message = format!("can't be {}", end.limits.memory);
        findings.invalid(&format!("{at}.limits.memory"), &message, help);
    }
    check_grants(end, findings);
}

fn check_connection(end: &End<'_>, findings: &mut Findings<'_>) {
    let at = end.at;
    let key = format!("{at}.connection_string");
    let file_key = format!("{at}.connection_string_file");
    match (end.connection_string, end.connection_string_file) {
        (Some(text), None) if text.expose().trim().is_empty() => {
            findings.invalid(&key, "is empty", "write how the connector finds its data");
        }
        (Some(text), None) => {
            let unknown = text.secrets().find(|name| !end.grants.secrets.contains_key(*name));
            if let Some(name) = unknown {
                let message = format!("holds `${{secrets.{name}}}`, which is not granted");
                let help = format!("say where it is found under `{at}.grants.secrets.{name}`");
                findings.invalid(&key, &message, &help);
            }
        }
        (None, Some(path)) => {
            if let Err(reason) = read_connection_file(path) {
                let help = "check the path, and that this user may read the file";
                findings.invalid(&file_key, &reason.to_string(), help);
            }
        }
        (Some(_), Some(_)) => {
            let help = "keep one of the two";
            findings.conflict(&file_key, &format!("can't stand beside `{key}`"), help);
        }
        (None, None) => {
            let help = "add `connection_string`, or `connection_string_file` with the path of a \
                        file that holds it";
            let code = crate::config::Code::MissingKey;
            findings.report(code, &key, "is missing", help);
        }
    }
}

fn check_grants(end: &End<'_>, findings: &mut Findings<'_>) {
    let at = format!("{}.grants", end.at);
    for (position, DirectoryGrant { path, .. }) in end.grants.directories.iter().enumerate() {
        if path.as_os_str().is_empty() {
            let key = format!("{at}.directories.{position}");
            findings.invalid(&key, "is empty", "write the path of a directory");
        }
    }
    for (name, secret) in &end.grants.secrets {
        let is_empty = match secret {
            SecretSource::Env(variable) => variable.is_empty(),
            SecretSource::File(path) => path.as_os_str().is_empty(),
            SecretSource::Command { command, .. } => command.first().is_none_or(String::is_empty),
        };
        if is_empty {
            let help =
                "write {env: NAME}, {file: PATH} or {command: [PROGRAM, ARGUMENT], ttl: 15m}";
            findings.invalid(&format!("{at}.secrets.{name}"), "names no place", help);
        }
    }
}
