//! What a run takes over of an edited configuration.

use super::{MINIMAL, load as load_text};
use crate::config::{ConfigError, WarpConfig};

/// Two texts in two directories with the same places in them.
fn load(text: &str) -> Result<WarpConfig, ConfigError> {
    load_text(&text.replace("./", "/srv/"))
}

#[test]
fn what_is_read_once_stays_and_is_named() {
    let before = load(&format!("{MINIMAL}full_resync: [a]\n")).unwrap();
    let text = MINIMAL.replace("type: files", "type: other");
    let edited = load(&format!(
        "{text}    table_blacklist: [b]\nfull_resync: [a]\nmonitoring: {{log_level: DEBUG, prometheus: {{port: 1}}}}\ncontrol: {{enabled: false}}\n"
    ))
    .unwrap();
    let reloaded = before.reloaded(edited);
    assert_eq!(
        reloaded.changed,
        ["monitoring.log_level", "schemas.0.table_blacklist", "schemas.0.table_blacklist.0"]
    );
    assert_eq!(reloaded.later, ["control.enabled", "monitoring.prometheus.port", "source.type"]);
    assert!(reloaded.config.control.enabled, "the socket stays");
    assert!(reloaded.concerns_schemas);
    let config = reloaded.to_run(false);
    assert_eq!((config.source.r#type.as_str(), config.monitoring.prometheus.port), ("files", 8080));
    assert!(!config.selects_table("shop", "b"));
    assert!(!config.full_resync_of("shop").includes("a"), "that was for the first start");
    assert!(reloaded.to_run(true).full_resync_of("shop").includes("a"), "it has not begun");
    let again = reloaded.config.reloaded(reloaded.config.clone());
    assert!(!again.to_run(false).full_resync_of("shop").includes("a"), "it was read before");
    let other = load(&format!("{MINIMAL}full_resync: [c]\n")).unwrap();
    assert!(reloaded.config.reloaded(other).to_run(false).full_resync_of("shop").includes("c"));
}

#[test]
fn another_secret_key_and_nothing_else() {
    let with = |key: &str| load(&format!("{MINIMAL}hash_key: {key}\n")).unwrap();
    let (one, other) = (with("0123456789abcdef"), with("0123456789abcdeg"));
    let reloaded = one.reloaded(other);
    assert!(reloaded.changed.is_empty() && reloaded.concerns_schemas);
    let same = one.reloaded(with("0123456789abcdef"));
    assert!(same.changed.is_empty() && same.later.is_empty(), "{same:?}");
    assert!(!same.concerns_schemas);
    let level =
        load(&format!("{MINIMAL}hash_key: 0123456789abcdef\nmonitoring: {{log_level: ERROR}}\n"));
    assert!(!one.reloaded(level.unwrap()).concerns_schemas, "a level needs no new attempt");
}
