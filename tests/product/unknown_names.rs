//! Names of the configuration that no table and no column has.

use cartridge_warp_tests::Pipeline;
use serde_json::{Value, json};

fn orders() -> Pipeline {
    let pipeline = Pipeline::new();
    for table in ["orders", "items"] {
        pipeline.write(&format!("{table}.ndjson"), "{\"id\":1,\"note\":\"n\"}\n");
    }
    pipeline
}

/// The same beside a schema of another table.
fn two_schemas() -> Pipeline {
    let mut pipeline = orders();
    std::fs::create_dir_all(pipeline.path("data/crm")).unwrap();
    std::fs::write(pipeline.path("data/crm/leads.ndjson"), "{\"id\":1}\n").unwrap();
    let schema = |name: &str| json!({"name": name, "default_polling_interval": 0.2});
    pipeline.set("schemas", json!([schema("shop"), schema("crm")]));
    pipeline
}

fn evolution(table: &str) -> Value {
    json!({"table_configs": {table: {"require_approval": true}}})
}

#[test]
fn rules_for_a_table_that_is_not_there_are_refused() {
    let of_evolution = "`schema_evolution.table_configs` names `ordres`";
    let cases = [
        ("schema_evolution", evolution("ordres"), of_evolution),
        ("schema_evolution", evolution("shop.ordres"), of_evolution),
        ("schemas.0.tables", json!([{"name": "ordres"}]), "`tables` names `ordres`"),
        ("full_resync", json!("ordres"), "`full_resync` names `ordres`"),
    ];
    for (key, value, expected) in cases {
        let mut pipeline = orders();
        pipeline.set(key, value.clone());
        for (ended, code) in [(pipeline.run(&["check"]), 2), (pipeline.catch_up(), 1)] {
            let said = ended.words();
            assert_eq!(ended.status.code(), Some(code), "{value}: {said}");
            for words in [expected, "did you mean `orders`?", "items"] {
                assert!(said.contains(words), "{value}: no {words:?} in {said}");
            }
        }
    }
    for table in ["orders", "shop.orders"] {
        let mut pipeline = orders();
        pipeline.set("schema_evolution", evolution(table));
        for ended in [pipeline.run(&["check"]), pipeline.catch_up()] {
            assert!(ended.status.success(), "{table}: {}", ended.stderr);
        }
        // It is known, although it is gone.
        std::fs::remove_file(pipeline.path("data/shop/orders.ndjson")).unwrap();
        assert!(pipeline.run(&["check"]).status.success(), "{table}");
    }
}

#[test]
fn a_name_may_be_that_of_any_schema() {
    let refused = [
        (evolution("ladse"), "names `ladse`"),
        (evolution("crm.orders"), "names `orders`, and schema `crm`"),
    ];
    for (rules, expected) in refused {
        let mut pipeline = two_schemas();
        pipeline.set("mode", json!("multi"));
        pipeline.set("schema_evolution", rules.clone());
        let ended = pipeline.run(&["check"]);
        assert_eq!(ended.status.code(), Some(2), "{rules}: {}", ended.stderr);
        let said = ended.words();
        assert_eq!(said.matches("schema_evolution.table_configs").count(), 1, "{rules}: {said}");
        assert!(said.contains(expected), "{rules}: no {expected:?} in {said}");
        assert!(!pipeline.catch_up().status.success(), "{rules}");
    }
    for table in ["leads", "crm.leads", "orders", "shop.orders"] {
        let mut pipeline = two_schemas();
        pipeline.set("schema_evolution", evolution(table));
        // Of a schema that is not run nobody knows.
        assert!(pipeline.run(&["check"]).status.success(), "{table}");
        pipeline.set("mode", json!("multi"));
        for ended in [pipeline.run(&["check"]), pipeline.catch_up()] {
            assert!(ended.status.success(), "{table}: {}", ended.stderr);
        }
    }
}

#[test]
fn lists_and_globs_that_match_nothing_are_told() {
    let masks = json!({"mask": ["nota"]});
    let cases = [
        ("schemas.0.table_whitelist", json!(["orders", "itmes"]), "`table_whitelist` has `itmes`"),
        ("schemas.0.table_blacklist", json!(["itmes"]), "`table_blacklist` has `itmes`"),
        (
            "global_table_whitelist",
            json!(["ord*", "itmes"]),
            "`global_table_whitelist` has `itmes`",
        ),
        ("global_table_blacklist", json!(["audit_*"]), "`global_table_blacklist` has `audit_*`"),
        (
            "schema_evolution",
            json!({"excluded_tables": ["itmes"]}),
            "`schema_evolution.excluded_tables` has `itmes`",
        ),
        (
            "schemas.0.tables",
            json!([{"name": "*", "columns": masks}]),
            "`columns.mask` of the entry `*` names a column that none of its tables has",
        ),
    ];
    for (key, value, expected) in cases {
        let mut pipeline = orders();
        pipeline.set(key, value.clone());
        for ended in [pipeline.run(&["check"]), pipeline.catch_up()] {
            let said = ended.words();
            assert!(ended.status.success(), "{value}: {said}");
            assert_eq!(said.matches(expected).count(), 1, "{value}: {expected:?} once in {said}");
            assert_eq!(said.contains("did you mean `items`?"), value.to_string().contains("itmes"));
        }
    }
    let mut pipeline = two_schemas();
    pipeline.set("mode", json!("multi"));
    pipeline.set("global_table_blacklist", json!(["leads*", "items"]));
    pipeline.set("schemas.1.table_whitelist", json!(["le*"]));
    let ended = pipeline.run(&["check"]);
    assert!(!ended.stderr.contains("global_table_blacklist"), "{}", ended.stderr);
}
