//! Shows what connectors are granted, before it is given.

use super::output::Output;
use crate::{
    model::text,
    plugin::{HostGrant, PathGrant, PathKind},
    runner::Endpoint,
};

/// As much of a path as the system allows.
const PATH_BYTES_MAX: usize = 4096;

/// Everything that an endpoint's connector may reach: on the screen, or a JSON line each.
pub fn show(endpoint: &Endpoint, output: Output) {
    let role = endpoint.plugin.info.role.word();
    let grants = &endpoint.settings.grants;
    for grant in &grants.paths {
        if output.is_json() {
            output.json(&serde_json::json!({
                "role": role,
                access_key(grant): path(grant),
                "kind": kind(grant),
                "suffixes": suffixes(grant),
                "granted_by": grant.key,
            }));
        } else {
            output.line(&format!("{role} {}", line(grant)));
        }
    }
    for grant in &grants.hosts {
        show_host(role, grant, output);
    }
    for grant in &grants.srv {
        if output.is_json() {
            output.json(&serde_json::json!({
                "role": role,
                "may_reach_servers_of": grant.host,
                "granted_by": grant.key,
            }));
        } else {
            let (host, key) = (&grant.host, &grant.key);
            output.line(&format!("{role} may reach the servers that {host} names  (by `{key}`)"));
        }
    }
}

/// The same as log lines, at the start of a run.
pub fn log(endpoint: &Endpoint) {
    let role = endpoint.plugin.info.role.word();
    let connector = &endpoint.plugin.info.name;
    let grants = &endpoint.settings.grants;
    for grant in &grants.paths {
        tracing::info!(role, connector, key = grant.key, "granted: {}", line(grant));
    }
    for grant in &grants.hosts {
        tracing::info!(role, connector, key = grant.key, "granted: may reach {grant}");
    }
    for grant in &grants.srv {
        let host = &grant.host;
        tracing::info!(role, connector, key = grant.key, "granted: may reach servers of {host}");
    }
}

fn line(grant: &PathGrant) -> String {
    let access = if grant.writable { "read and write" } else { "read" };
    let (kind, path, key) = (kind(grant), path(grant), &grant.key);
    let siblings = match suffixes(grant) {
        [] => String::new(),
        suffixes => format!(" and what is named like it with {}", suffixes.join(", ")),
    };
    format!("may {access} the {kind} {path}{siblings}  (by `{key}`)")
}

fn access_key(grant: &PathGrant) -> &'static str {
    if grant.writable { "may_write" } else { "may_read" }
}

fn kind(grant: &PathGrant) -> &'static str {
    match grant.kind {
        PathKind::Directory => "directory",
        PathKind::File(_) => "file",
    }
}

fn suffixes(grant: &PathGrant) -> &[String] {
    match &grant.kind {
        PathKind::Directory => &[],
        PathKind::File(siblings) => siblings.suffixes(),
    }
}

/// The whole path. `./` is left out, `..` stays: it may cross a link.
fn path(grant: &PathGrant) -> String {
    let path: std::path::PathBuf = grant.host_path.components().collect();
    text::one_line(&path.to_string_lossy(), PATH_BYTES_MAX)
}

/// A place that a connector will be able to reach, and why.
fn show_host(role: &str, grant: &HostGrant, output: Output) {
    let tls = grant.tls.as_ref().map(|tls| tls.mode.word());
    let (login, advice) = (grant.login.is_some(), grant.advice());
    if output.is_json() {
        output.json(&serde_json::json!({
            "role": role,
            "may_reach": grant.to_string(),
            "granted_by": grant.key,
            "tls": tls,
            "private": grant.private,
            "host_logs_in": login,
            "advice": advice,
        }));
        return;
    }
    let tls = tls.map_or_else(String::new, |mode| format!(", TLS {mode}"));
    let private = if grant.private { ", also at private addresses" } else { "" };
    let login = if login { ", where the host logs in" } else { "" };
    output.line(&format!("{role} may reach {grant}{tls}{private}{login}  (by `{}`)", grant.key));
    if let Some(advice) = advice {
        output.line(&format!("  {advice}"));
    }
}
