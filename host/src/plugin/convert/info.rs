//! What a connector says it is.

use super::bounds::{bounded_name, count, malformed, message};
use crate::plugin::{
    Cause, ConnectorInfo, GrantKind, Role, WantedGrant,
    bindings::source::cartridge::warp::types as wit,
    file_name,
    limits::{
        CAPABILITIES_MAX, NAME_BYTES_MAX, OPTIONS_SCHEMA_BYTES_MAX, WANTED_GRANTS_MAX,
        WORD_BYTES_MAX,
    },
    text,
};

pub(in crate::plugin) fn connector_info(info: wit::ConnectorInfo) -> Result<ConnectorInfo, Cause> {
    count("capabilities", info.capabilities.len(), CAPABILITIES_MAX)?;
    count("wanted grants", info.wanted_grants.len(), WANTED_GRANTS_MAX)?;
    let capabilities = info.capabilities.into_iter();
    let capabilities = capabilities.map(|word| bounded_name("capability", word, WORD_BYTES_MAX));
    Ok(ConnectorInfo {
        name: connector_name(info.name)?,
        role: role(&info.role)?,
        version: bounded_name("version", info.version, WORD_BYTES_MAX)?,
        description: message(&info.description),
        capabilities: capabilities.collect::<Result<_, _>>()?,
        options_schema: options_schema(&info.options_schema)?,
        wanted_grants: info.wanted_grants.into_iter().filter_map(wanted_grant).collect(),
    })
}

fn connector_name(name: String) -> Result<String, Cause> {
    if file_name::is_connector_name(&name) {
        return Ok(name);
    }
    let shown = text::one_line(&name, WORD_BYTES_MAX);
    Err(malformed(format!("`{shown}` is no connector name: [a-z][a-z0-9-]*, at most 64 bytes, is")))
}

fn role(word: &str) -> Result<Role, Cause> {
    match word {
        "source" => Ok(Role::Source),
        "destination" => Ok(Role::Destination),
        other => {
            let shown = text::one_line(other, WORD_BYTES_MAX);
            Err(malformed(format!("`{shown}` is no role: `source` and `destination` are")))
        }
    }
}

fn options_schema(schema: &str) -> Result<serde_json::Value, Cause> {
    if schema.len() > OPTIONS_SCHEMA_BYTES_MAX {
        let length = schema.len();
        return Err(malformed(format!(
            "an options schema of {length} bytes, {OPTIONS_SCHEMA_BYTES_MAX} are allowed"
        )));
    }
    serde_json::from_str(schema)
        .map_err(|error| malformed(format!("its options schema is not JSON: {error}")))
}

/// A grant of an unknown kind is one that nobody can give, so it is only reported.
fn wanted_grant(grant: wit::WantedGrant) -> Option<WantedGrant> {
    let Some(kind) = GrantKind::from_word(&grant.kind) else {
        let kind = text::one_line(&grant.kind, WORD_BYTES_MAX);
        tracing::warn!(kind, "the connector wants a grant of a kind that this host does not know");
        return None;
    };
    Some(WantedGrant {
        kind,
        value: text::one_line(&grant.value, NAME_BYTES_MAX),
        reason: message(&grant.reason),
    })
}
