//! What `validate` prints: every key, its value and its origin.

use std::collections::BTreeMap;

use super::{MINIMAL, written};
use crate::config::{EffectiveKey, WarpConfig, env_help};

fn effective(text: &str, env: &[(&str, &str)]) -> BTreeMap<String, (String, String)> {
    let (directory, sources) = written(text);
    let sources = sources.env(env.iter().copied()).set("dry_run", "true", "--dry-run");
    let keys = WarpConfig::load(sources).unwrap().effective();
    let shorten = |text: String| text.replace(&format!("{}/", directory.path().display()), "");
    keys.into_iter()
        .map(|EffectiveKey { path, value, origin }| {
            (path, (shorten(value), shorten(origin.to_string())))
        })
        .collect()
}

#[test]
fn every_value_tells_its_origin() {
    let text = format!(
        "{MINIMAL}    default_batch_size: 20
    on_lost_position: resync
    tables:
      - name: orders
      - name: own
        stream_batch_size: 30
        destination_table: sales
    table_prefix: raw_
global_table_whitelist: a,b
"
    );
    let env = [("CARTRIDGE_WARP_MONITORING__LOG_LEVEL", "DEBUG")];
    let keys = effective(&text, &env);
    let cases = [
        ("source.type", "files", "config.yaml:3"),
        ("monitoring.log_level", "DEBUG", "env CARTRIDGE_WARP_MONITORING__LOG_LEVEL"),
        ("dry_run", "true", "command line --dry-run"),
        ("full_resync", "false", "default"),
        ("source.database", "(not set)", "default"),
        ("source.limits.memory", "256MiB", "default"),
        ("schemas.0.on_lost_position", "resync", "config.yaml:11"),
        ("schemas.0.on_table_failure", "park", "default"),
        ("schemas.0.on_new_table", "copy", "default"),
        ("source.limits.call_deadline", "1m", "default"),
        ("schemas.0.default_batch_size", "20", "config.yaml:10"),
        (
            "schemas.0.tables.0.stream_batch_size",
            "20",
            "schemas.0.default_batch_size at config.yaml:10",
        ),
        ("schemas.0.tables.1.stream_batch_size", "30", "config.yaml:15"),
        (
            "schemas.0.tables.0.polling_interval_seconds",
            "5s",
            "schemas.0.default_polling_interval at default",
        ),
        ("schemas.0.tables.0.max_parallel_streams", "(not set)", "default"),
        ("global_table_whitelist.0", "a", "config.yaml:18"),
        ("schemas.0.destination_schema", "shop", "schemas.0.name at config.yaml:9"),
        (
            "schemas.0.tables.0.destination_table",
            "raw_orders",
            "schemas.0.table_prefix at config.yaml:17",
        ),
        ("schemas.0.tables.1.destination_table", "sales", "config.yaml:16"),
        ("global_table_blacklist", "[]", "default"),
        ("schemas.0.create", "none", "default"),
        ("schemas.0.tables.0.create", "none", "schemas.0.create at default"),
        ("schemas.0.tables.0.dead_letter_limit", "(not set)", "default"),
        ("source.connection_string", "data", "config.yaml:4"),
    ];
    for (key, value, origin) in cases {
        let found = keys.get(key).unwrap_or_else(|| panic!("{key} is not listed"));
        assert_eq!(found, &(value.to_owned(), origin.to_owned()), "{key}");
    }
    assert!(
        !keys.contains_key("schema_evolution.enable_type_narrowing"),
        "unsupported keys are left out"
    );
}

#[test]
fn a_global_switch_is_told_at_the_table_it_switches() {
    let text =
        format!("{MINIMAL}    tables: [{{name: a}}]\nschema_evolution: {{enabled: false}}\n");
    let keys = effective(&text, &[]);
    let expected = ("false".to_owned(), "schema_evolution.enabled at config.yaml:11".to_owned());
    assert_eq!(keys["schemas.0.tables.0.enable_schema_evolution"], expected);
}

#[test]
fn what_globs_say_is_told_at_the_table() {
    let text = format!(
        "{MINIMAL}    tables:
      - name: orders
        columns: {{exclude: [note], mask: {{card: redact}}}}
      - name: 'o*'
        write_mode: append
      - name: '*'
        write_mode: upsert
        columns: {{exclude: [inner], mask: {{email: hash-unkeyed, iban: {{keep_last: 4}}}}}}
"
    );
    let keys = effective(&text, &[]);
    let table = "schemas.0.tables.0";
    for (key, value, origin) in [
        ("write_mode", "append", "schemas.0.tables.1.write_mode at config.yaml:14"),
        ("write_batch_size", "500", "default"),
        ("columns.exclude.1", "inner", "schemas.0.tables.2.columns.exclude.0 at config.yaml:17"),
        ("columns.exclude.0", "note", "config.yaml:12"),
        ("columns.mask.card", "redact", "config.yaml:12"),
        (
            "columns.mask.email",
            "hash-unkeyed",
            "schemas.0.tables.2.columns.mask.email at config.yaml:17",
        ),
        (
            "columns.mask.iban.keep_last",
            "4",
            "schemas.0.tables.2.columns.mask.iban.keep_last at config.yaml:17",
        ),
    ] {
        let found = &keys[&format!("{table}.{key}")];
        assert_eq!(found, &(value.to_owned(), origin.to_owned()), "{key}");
    }
}

#[test]
fn what_is_printed_of_a_table_is_what_holds() {
    let text = format!(
        "{MINIMAL}    default_batch_size: 20\n    default_polling_interval: 2\n    tables:\n      \
         - name: a\nglobal_max_parallel_streams: 9\n"
    );
    let keys = effective(&text, &[]);
    let (_directory, sources) = written(&text);
    let settings = WarpConfig::load(sources).unwrap().table_settings("shop", "a");
    let printed = |key: &str| keys[&format!("schemas.0.tables.0.{key}")].0.clone();
    assert_eq!(printed("stream_batch_size"), settings.stream_batch_size.to_string());
    assert_eq!(printed("max_parallel_streams"), settings.max_parallel_streams.unwrap().to_string());
    assert_eq!(printed("polling_interval_seconds"), "2s");
    assert_eq!(settings.polling_interval.as_secs(), 2);
}

#[test]
fn the_list_of_variables_is_complete_and_explained() {
    let help = env_help();
    let find = |name: &str| help.iter().find(|line| line.variable == name);
    let cases = [
        ("CARTRIDGE_WARP_SOURCE__TYPE", "required"),
        ("CARTRIDGE_WARP_MODE", "single"),
        ("CARTRIDGE_WARP_MONITORING__PROMETHEUS__PORT", "8080"),
        ("CARTRIDGE_WARP_SCHEMAS__0__NAME", "required"),
        ("CARTRIDGE_WARP_SCHEMAS__0__TABLES__0__WRITE_BATCH_SIZE", "500"),
        ("CARTRIDGE_WARP_SOURCE__LIMITS__MEMORY", "256MiB"),
        ("CARTRIDGE_WARP_SOURCE__DATABASE", "(not set)"),
        ("CARTRIDGE_WARP_ERROR_HANDLING__BACKOFF_FACTOR", "2.0"),
        ("CARTRIDGE_WARP_STATE_DIR", "~/.local/state/cartridge-warp"),
        ("CARTRIDGE_WARP_SOURCE__GRANTS__DIRECTORIES__0__PATH", "required"),
        ("CARTRIDGE_WARP_SOURCE__GRANTS__SECRETS__NAME__ENV", "(not set)"),
    ];
    for (variable, default) in cases {
        let line = find(variable).unwrap_or_else(|| panic!("{variable} is not listed"));
        assert_eq!(line.default, default, "{variable}");
    }
    assert!(find("CARTRIDGE_WARP_SOURCE__GRANTS__HOSTS").is_none(), "unsupported");
    let unexplained: Vec<_> = help.iter().filter(|line| line.meaning.is_empty()).collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
}
