//! Which of file, environment and command line wins, and how their values are read.

use super::{MINIMAL, assert_says, load, load_with_env, refusal, rendered, written};
use crate::config::{LogLevel, Mode, Origin, WarpConfig};

#[test]
fn nearer_layers_win() {
    let text = format!("{MINIMAL}dry_run: false\nmode: single\n");
    let (_directory, sources) = written(&text);
    let sources = sources
        .env([("CARTRIDGE_WARP_DRY_RUN", "true"), ("CARTRIDGE_WARP_MODE", "duo")])
        .set("mode", "multi", "--mode");
    let config = WarpConfig::load(sources).unwrap();
    assert!(config.dry_run, "environment over file");
    assert_eq!(config.mode, Mode::Multi, "command line over environment");
    assert_eq!(config.monitoring.prometheus.port, 8080, "default where nobody says");
}

#[test]
fn variables_reach_every_level_and_type() {
    let env = [
        ("CARTRIDGE_WARP_MONITORING__PROMETHEUS__PORT", "9100"),
        ("CARTRIDGE_WARP_MONITORING__LOG_LEVEL", "DEBUG"),
        ("CARTRIDGE_WARP_SCHEMAS__0__DEFAULT_POLLING_INTERVAL", "0.25"),
        ("CARTRIDGE_WARP_SCHEMAS__0__TABLES__0__NAME", "orders"),
        ("CARTRIDGE_WARP_SCHEMAS__0__TABLES__0__WRITE_BATCH_SIZE", "7"),
        ("CARTRIDGE_WARP_SCHEMAS__1__NAME", "123"),
        ("CARTRIDGE_WARP_GLOBAL_TABLE_WHITELIST", "a, b"),
        ("CARTRIDGE_WARP_GLOBAL_TABLE_BLACKLIST", "[c, d]"),
        ("CARTRIDGE_WARP_SOURCE__OPTIONS__NESTED__DEPTH", "3"),
        ("CARTRIDGE_WARP_SOURCE__GRANTS__SECRETS__PW__ENV", "DB_PASSWORD"),
        ("CARTRIDGE_WARP_SOURCE__GRANTS__ENVIRONMENT__PGUSER", "me"),
        ("CARTRIDGE_WARP_SOURCE__LIMITS__MEMORY", "64MiB"),
        ("CARTRIDGE_WARP_PLUGIN_DIR", "not a key, left alone"),
        ("CARTRIDGE_WARP_LOG", "not a key"),
        ("CARTRIDGE_WARP_TEST_ANYTHING", "not a key"),
    ];
    let config = load_with_env(MINIMAL, &env).unwrap();
    assert_eq!(config.monitoring.prometheus.port, 9100);
    assert_eq!(config.monitoring.log_level, LogLevel::Debug);
    let settings = config.table_settings("shop", "orders");
    assert_eq!(settings.polling_interval.as_millis(), 250);
    assert_eq!(settings.write_batch_size.get(), 7);
    assert_eq!(config.schemas[1].name, "123", "digits stay text where text belongs");
    assert_eq!(config.global_table_whitelist.iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(config.global_table_blacklist.iter().collect::<Vec<_>>(), ["c", "d"]);
    assert_eq!(config.source.options["nested"]["depth"], 3);
    assert!(config.source.grants.secrets.contains_key("pw"));
    assert!(config.source.grants.environment.contains_key("PGUSER"));
    assert_eq!(config.source.limits.memory.to_string(), "64MiB");
}

#[test]
fn what_kubernetes_tells_of_a_service_is_no_key() {
    let service = [
        ("CARTRIDGE_WARP_SERVICE_HOST", "10.0.0.1"),
        ("CARTRIDGE_WARP_SERVICE_PORT", "8080"),
        ("CARTRIDGE_WARP_PORT", "tcp://10.0.0.1:8080"),
        ("CARTRIDGE_WARP_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ];
    load_with_env(MINIMAL, &service).unwrap();

    let misspelt = [service[0], service[1], ("CARTRIDGE_WARP_STATE_DIRR", "/var")];
    let text = refusal("a misspelt key beside a Service", MINIMAL, &misspelt);
    assert_says(
        "a misspelt key beside a Service",
        &text,
        &["STATE_DIRR", "`CARTRIDGE_WARP_STATE_DIR`"],
    );
    assert!(!text.contains("CARTRIDGE_WARP_PORT"), "{text}");
}

#[test]
fn a_configuration_may_come_from_the_environment_alone() {
    let env = [
        ("HOME", "/home/me"),
        ("CARTRIDGE_WARP_MODE", "multi"),
        ("CARTRIDGE_WARP_SOURCE__TYPE", "files"),
        ("CARTRIDGE_WARP_SOURCE__CONNECTION_STRING", "/data"),
        ("CARTRIDGE_WARP_DESTINATION__TYPE", "sqlite"),
        ("CARTRIDGE_WARP_DESTINATION__CONNECTION_STRING", "/out.db"),
        ("CARTRIDGE_WARP_SCHEMAS__0__NAME", "a"),
        ("CARTRIDGE_WARP_SCHEMAS__1__NAME", "b"),
    ];
    let config = WarpConfig::load(crate::config::ConfigSources::new().env(env)).unwrap();
    assert_eq!(config.active_schemas().count(), 2);
}

#[test]
fn wrong_variables_are_named() {
    let cases: &[(&str, (&str, &str), &[&str])] = &[
        (
            "an unknown variable names its nearest",
            ("CARTRIDGE_WARP_SOURCE__CONECTION_STRING", "x"),
            &[
                "environment variable CARTRIDGE_WARP_SOURCE__CONECTION_STRING",
                "did you mean `CARTRIDGE_WARP_SOURCE__CONNECTION_STRING`?",
                "config::unknown-key",
            ],
        ),
        (
            "levels joined by one underscore are recognised",
            ("CARTRIDGE_WARP_SOURCE_TYPE", "x"),
            &["`CARTRIDGE_WARP_SOURCE__TYPE`"],
        ),
        (
            "a value of the wrong type names the variable, not the file",
            ("CARTRIDGE_WARP_DRY_RUN", "perhaps"),
            &["environment variable CARTRIDGE_WARP_DRY_RUN: `dry_run` can't be \"perhaps\""],
        ),
        (
            "an item after a gap is refused",
            ("CARTRIDGE_WARP_SCHEMAS__5__NAME", "x"),
            &["CARTRIDGE_WARP_SCHEMAS__5__NAME", "item 5 leaves a gap: the list has 1"],
        ),
        (
            "an unsupported key is refused from the environment too",
            ("CARTRIDGE_WARP_SCHEMA_EVOLUTION__MIGRATION_TIMEOUT_SECONDS", "5"),
            &["CARTRIDGE_WARP_SCHEMA_EVOLUTION__MIGRATION_TIMEOUT_SECONDS", "not supported yet"],
        ),
        (
            "an unknown key inside a whole value names the variable",
            ("CARTRIDGE_WARP_MONITORING", "{zebra: 1}"),
            &["CARTRIDGE_WARP_MONITORING: unknown key `monitoring.zebra`"],
        ),
    ];
    for (case, variable, words) in cases {
        assert_says(case, &refusal(case, MINIMAL, &[*variable]), words);
    }
}

#[test]
fn wrong_flags_are_named() {
    let (_directory, sources) = written(MINIMAL);
    let error = WarpConfig::load(sources.clone().set("mode", "duo", "--mode")).unwrap_err();
    let words = ["--mode on the command line", "can't be \"duo\"", "single, multi"];
    assert_says("a wrong value", &rendered(&error, None), &words);
    let sources = sources.set("single_schema_name", "shoop", "--schema");
    let error = WarpConfig::load(sources).unwrap_err();
    assert_says("a wrong schema", &rendered(&error, None), &["--schema", "did you mean `shop`?"]);
}

#[test]
fn placeholders_expand_in_values_of_the_file_only() {
    let env = [("A", "one"), ("EMPTY", ""), ("NESTED", "${A}"), ("PORT", "9100")];
    let cases = [
        ("a variable", "${A}", "one"),
        ("a variable inside text", "x-${A}-y", "x-one-y"),
        ("a default where the variable is unset", "${B:-two}", "two"),
        ("a default where the variable is empty", "${EMPTY:-two}", "two"),
        ("no default where the variable is set", "${A:-two}", "one"),
        ("an escaped placeholder", "$${A}", "${A}"),
        ("a dollar that is no placeholder", "$A $5", "$A $5"),
        ("a variable's own text is not expanded again", "${NESTED}", "${A}"),
    ];
    for (case, text, expected) in cases {
        let lines = MINIMAL.replace(
            "connection_string: ./data",
            &format!("connection_string: /data\n  database: '{text}'"),
        );
        let config = load_with_env(&lines, &env).unwrap();
        assert_eq!(config.source.database.as_deref(), Some(expected), "{case}");
    }
    let text = format!("{MINIMAL}monitoring: {{prometheus: {{port: '${{PORT}}'}}}}\n");
    let config = load_with_env(&text, &env).unwrap();
    assert_eq!(config.monitoring.prometheus.port, 9100, "numbers too");
}

#[test]
fn merge_keys_and_empty_keys_are_understood() {
    let text = MINIMAL.replace("  - name: shop", "  - &first\n    name: shop\n    default_batch_size: 5\n  - <<: *first\n    name: other\n    tables:\n");
    let config = load(&text).unwrap();
    assert_eq!(config.schemas[1].default_batch_size.get(), 5);
    assert!(config.schemas[1].tables.is_empty(), "`tables:` without a value is as if not written");
}

#[test]
fn values_in_memory_pass_the_same_checks() {
    let value = serde_json::json!({
        "mode": "multi",
        "source": {"type": "files", "connection_string": "./in"},
        "destination": {"type": "sqlite", "connection_string": "./out.db"},
        "schemas": [{"name": "a"}],
    });
    let base = std::path::Path::new("/base");
    let config = WarpConfig::from_value(value.clone(), base).unwrap();
    assert_eq!(config.source.connection_string.as_ref().unwrap().expose(), "/base/in");
    let mode = config.effective().into_iter().find(|key| key.path == "mode").unwrap();
    assert_eq!(mode.origin, Origin::Program);
    let mut wrong = value;
    wrong["schemas"][0]["nmae"] = "b".into();
    let error = WarpConfig::from_value(wrong, base).unwrap_err();
    assert_says(
        "unknown key",
        &rendered(&error, None),
        &["schemas.0.nmae", "did you mean `name`?"],
    );
}
