//! Keys of a section that are handed on to its connector.
//!
//! Nothing is accepted and ignored: a key that the connector does not declare it reads is refused.

use crate::{
    config::{ChangeDetectionStrategy, CommitAt, WarpConfig},
    plugin::{Plugin, Role},
    runner::error::RunError,
};

/// The source's.
pub fn source_settings(
    config: &WarpConfig,
    plugin: &Plugin,
) -> Result<Vec<(String, String)>, RunError> {
    let section = &config.source;
    let mut given = Given { key: "source", plugin, settings: Vec::new() };
    // It means something to the host, whether or not the connector names what it makes by it.
    if let (Some(name), true) = (&config.name, plugin.info.has("pipeline")) {
        given.settings.push(("pipeline".into(), name.clone()));
    }
    given.add_optional("database", section.database.as_deref())?;
    given.add("timezone", &section.timezone, "UTC")?;
    let capabilities = plugin.info.capabilities.iter();
    let offered: Vec<&str> =
        capabilities.filter_map(|word| word.strip_prefix("change-detection:")).collect();
    let strategy = strategy(section.change_detection_strategy, &offered);
    if !offered.contains(&strategy) {
        return Err(RunError::Unusable {
            what: format!("source `{}` cannot find changes by {strategy}", plugin.info.name),
            help: format!(
                "set `source.change_detection_strategy` to one of: {}",
                offered.join(", ")
            ),
        });
    }
    if config.commit_at == CommitAt::Transaction && !plugin.info.has("transactions") {
        return Err(RunError::Unusable {
            what: format!("source `{}` does not tell where transactions end", plugin.info.name),
            help: "set `commit_at: batch`".into(),
        });
    }
    if section.max_retained.is_some() && !plugin.info.has("retained-log") {
        return Err(RunError::Unusable {
            what: format!(
                "`source.max_retained` means nothing to the source `{}`, whose system keeps no log for a \
                 pipeline",
                plugin.info.name
            ),
            help: "remove the key".into(),
        });
    }
    check_create(config, plugin)?;
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

/// The configured way to find changes; else `log`, or the only one there is.
fn strategy<'a>(configured: Option<ChangeDetectionStrategy>, offered: &[&'a str]) -> &'a str {
    match (configured, offered) {
        (None, [only]) => only,
        (None | Some(ChangeDetectionStrategy::Log), _) => "log",
        (Some(ChangeDetectionStrategy::Timestamp), _) => "timestamp",
        (Some(ChangeDetectionStrategy::Trigger), _) => "trigger",
    }
}

/// The destination's.
pub fn destination_settings(
    config: &WarpConfig,
    plugin: &Plugin,
) -> Result<Vec<(String, String)>, RunError> {
    let section = &config.destination;
    check_create(config, plugin)?;
    let mut given = Given { key: "destination", plugin, settings: Vec::new() };
    given.add_optional("database", section.database.as_deref())?;
    given.add("metadata_schema", &section.metadata_schema, "cartridge_warp_metadata")?;
    Ok(given.settings)
}

/// What is to be created has to be told by the one side and made by the other.
fn check_create(config: &WarpConfig, plugin: &Plugin) -> Result<(), RunError> {
    for schema in config.active_schemas() {
        let of_tables = schema.tables.iter().filter_map(|table| table.create.as_ref());
        let kinds = of_tables.chain([&schema.create]).flat_map(|create| create.kinds());
        let Some(kind) = kinds.into_iter().find(|kind| !plugin.info.has(kind.capability())) else {
            continue;
        };
        let (info, kind, schema) = (&plugin.info, kind.word(), &schema.name);
        let (role, name) = (info.role, &info.name);
        let cannot = match role {
            Role::Source => "cannot tell which",
            Role::Destination => "cannot make them",
        };
        return Err(RunError::Unusable {
            what: format!(
                "`create` of schema `{schema}` names {kind}, and the {role} `{name}` {cannot}"
            ),
            help: format!(
                "remove `{kind}` there; `connectors inspect {name}` lists as `create:…` what it can"
            ),
        });
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_strategy_needs_no_key() {
        use ChangeDetectionStrategy::{Log, Timestamp, Trigger};
        let cases: [(_, &[&str], _); 7] = [
            (None, &["timestamp"], "timestamp"),
            (None, &["log"], "log"),
            (None, &["timestamp", "log"], "log"),
            (None, &["timestamp", "trigger"], "log"),
            (Some(Log), &["timestamp"], "log"),
            (Some(Timestamp), &["log"], "timestamp"),
            (Some(Trigger), &[], "trigger"),
        ];
        for (configured, offered, expected) in cases {
            assert_eq!(strategy(configured, offered), expected, "{configured:?} of {offered:?}");
        }
    }
}
