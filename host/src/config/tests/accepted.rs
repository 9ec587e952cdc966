//! Forms a value may have, and configurations made in code.

use super::{MINIMAL, assert_says, load, rendered};
use crate::config::{
    ChangeDetectionStrategy, Code, DestinationConfig, EnvironmentGrant, Mask, Names, Origin,
    SchemaConfig, SourceConfig, SyncMode, TableConfig, WarpConfig,
};

#[test]
fn lists_may_be_one_text() {
    for list in ["[orders, 'audit_*']", "'orders, audit_*'", "' orders ,audit_*,'"] {
        let config = load(&format!("{MINIMAL}global_table_whitelist: {list}\n")).unwrap();
        let patterns: Vec<_> = config.global_table_whitelist.iter().collect();
        assert_eq!(patterns, ["orders", "audit_*"], "{list}");
    }
}

#[test]
fn lengths_of_time_have_several_forms() {
    for (written, millis) in [
        ("5", 5000),
        ("0.25", 250),
        ("250ms", 250),
        ("5s", 5000),
        ("1m 30s", 90_000),
        ("'2'", 2000),
    ] {
        let text = format!("{MINIMAL}    default_polling_interval: {written}\n");
        let interval = load(&text).unwrap().schemas[0].default_polling_interval;
        assert_eq!(interval.duration().as_millis(), millis, "{written}");
    }
}

#[test]
fn numbers_of_bytes_have_several_forms() {
    for (written, bytes) in
        [("256MiB", 268_435_456), ("'1 GiB'", 1 << 30), ("2MB", 2_000_000), ("4194304", 4_194_304)]
    {
        let limits = format!("type: files\n  limits: {{memory: {written}}}");
        let config = load(&MINIMAL.replace("type: files", &limits)).unwrap();
        assert_eq!(config.source.limits.memory.get(), bytes, "{written}");
    }
}

#[test]
fn columns_and_grants_may_be_short_or_long() {
    let grants =
        "type: files\n  change_detection_strategy: trigger\n  grants: {environment: [A, B]}";
    let columns = "    tables: [{name: a, columns: {mask: [x], include: 'x,y', rename: {x: z}}},
      {name: b, columns: {mask: {x: hash-unkeyed, y: redact}}}]\n";
    let text = format!("{}{columns}", MINIMAL.replace("type: files", grants));
    let config = load(&text).unwrap();
    assert_eq!(config.source.change_detection_strategy, Some(ChangeDetectionStrategy::Trigger));
    assert_eq!(config.source.grants.environment["A"], EnvironmentGrant::Inherit);
    let short = config.table_settings("shop", "a").columns;
    assert_eq!(short.mask["x"], Mask::Redact);
    assert_eq!(short.include, Names::from("x,y"));
    assert_eq!(config.table_settings("shop", "b").columns.mask["x"], Mask::HashUnkeyed);
}

#[test]
fn the_builder_checks_like_the_loader() {
    let valid = || {
        WarpConfig::builder()
            .source(SourceConfig::new("files", "./in"))
            .destination(DestinationConfig::new("sqlite", "./out.db"))
            .base_dir("/base")
    };
    let built = valid().schema(SchemaConfig::new("a")).multi().build().unwrap();
    assert_eq!(built.destination.connection_string.as_ref().unwrap().expose(), "/base/out.db");
    let origin =
        |path: &str| built.effective().into_iter().find(|k| k.path == path).unwrap().origin;
    assert_eq!(origin("mode"), Origin::Program);
    assert_eq!(origin("dry_run"), Origin::Default);
    let batch = TableConfig { mode: Some(SyncMode::Batch), ..TableConfig::new("t") };
    let cases = [
        ("no source", WarpConfig::builder().build(), "`source` is missing"),
        ("no schema", valid().multi().build(), "`schemas` is empty"),
        (
            "a schema not in the list",
            valid().schema(SchemaConfig::new("a")).single("b").build(),
            "not in `schemas`",
        ),
        (
            "an unsupported key",
            valid().schema(SchemaConfig::new("a").table(batch)).multi().build(),
            "schemas.0.tables.0.mode` is not supported yet",
        ),
    ];
    for (case, result, words) in cases {
        assert_says(case, &rendered(&result.unwrap_err(), None), &[words, "help:"]);
    }
    let error = WarpConfig::builder().build().unwrap_err();
    assert_eq!(error.problems()[0].code(), Code::MissingKey);
}
