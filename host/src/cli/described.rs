//! What a connector is and weighs, as `connectors inspect` tells it.

use super::output::Output;
use crate::plugin::{Plugin, Role, Weight};

/// As one object.
pub fn as_json(plugin: &Plugin) -> serde_json::Value {
    let (info, weight) = (&plugin.info, &plugin.weight);
    let grants: Vec<_> = info
        .wanted_grants
        .iter()
        .map(|grant| {
            let (kind, value, reason) = (grant.kind.word(), &grant.value, &grant.reason);
            serde_json::json!({ "kind": kind, "value": value, "reason": reason })
        })
        .collect();
    serde_json::json!({
        "name": info.name,
        "role": info.role.word(),
        "version": info.version,
        "description": info.description,
        "delivery": delivery(plugin),
        "capabilities": info.capabilities,
        "wanted_grants": grants,
        "options_schema": info.options_schema,
        "path": plugin.path,
        "sha256": plugin.digest,
        "imports": plugin.imports,
        "exports": plugin.exports,
        "file_bytes": weight.file_bytes,
        "memory_bytes": weight.memory_bytes,
        "instance_bytes": weight.context_bytes,
        "compile_ms": weight.compiled_in.map(|took| took.as_millis()),
    })
}

/// What a destination can promise (I2).
fn delivery(plugin: &Plugin) -> Option<&'static str> {
    match plugin.info.role {
        Role::Source => None,
        Role::Destination if plugin.info.has("transactions") => Some("exactly once"),
        Role::Destination => Some("at least once"),
    }
}

/// For eyes, or as JSON.
pub fn show(plugin: &Plugin, output: Output) {
    if output.is_json() {
        output.json(&as_json(plugin));
        return;
    }
    let info = &plugin.info;
    output.line(&format!("{} `{}` {}", info.role, info.name, info.version));
    output.line(&format!("  {}", info.description));
    output.line(&format!("  file          {}", plugin.path.display()));
    output.line(&format!("  sha256        {}", plugin.digest));
    show_weight(&plugin.weight, output);
    if let Some(delivery) = delivery(plugin) {
        output.line(&format!("  delivery      {delivery}"));
    }
    output.line(&format!("  capabilities  {}", info.capabilities.join(", ")));
    for grant in &info.wanted_grants {
        let (kind, value, reason) = (grant.kind.word(), &grant.value, &grant.reason);
        output.line(&format!("  wants         {kind} {value}: {reason}"));
    }
    for (word, names) in [("imports", &plugin.imports), ("exports", &plugin.exports)] {
        output.line(&format!("  {word:<12}  {}", names.join(", ")));
    }
    let schema = serde_json::to_string_pretty(&info.options_schema).unwrap_or_default();
    output.line(&format!("  options (JSON Schema)\n{schema}"));
}

fn show_weight(weight: &Weight, output: Output) {
    let megabytes = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    output.line(&format!("  size          {}", megabytes(weight.file_bytes)));
    let (memory, context) = (megabytes(weight.memory_bytes), megabytes(weight.context_bytes));
    output.line(&format!(
        "  memory        {memory} at its start, and {context} of the host for each connection"
    ));
    output.line(&match weight.compiled_in {
        Some(took) => format!("  compiled      in {:.1} s", took.as_secs_f64()),
        None => "  compiled      before; the copy was taken".to_owned(),
    });
}
