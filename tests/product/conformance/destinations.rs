//! Destinations in the kit.

use cartridge_warp_tests::Product;
use serde_json::json;

use super::{Bench, all_types, assert_doubles};

pub fn of_sqlite(connector: &str, component: &std::path::Path) -> Bench {
    let driver = ["python3", "cutting.py", "far.calls-cuts", "python3", "sqlite_driver.py", "far"];
    let mut bench = Bench::new("destination", connector, component, &driver);
    bench.case["tables"] = all_types();
    bench
}

#[test]
fn each_check_of_a_destination_has_a_mutant() {
    let component = Product::find().test_plugins.join("scripted-destination.wasm");
    let make = |mutant: Option<&str>| {
        let mut bench = of_sqlite("scripted", &component);
        bench.case["destination"]["options"] = json!({ "mutant": mutant });
        bench.case["refused_options"] = json!([{"mutant": "none-such"}]);
        bench.case["driver_can"] = json!(["cut"]);
        bench.tell_secret("destination");
        bench
    };
    // The check that is there for it first.
    let doubles: &[(&str, &[&str])] = &[
        ("empties_tables", &["create-table", "markers", "clear-tables", "fence"]),
        ("trims_texts", &["values", "unchanged", "dead-letters"]),
        ("reverses_batches", &["order", "truncate", "redelivery", "dead-letters"]),
        ("keeps_deleted", &["deletes", "order", "redelivery", "dead-letters"]),
        ("nulls_unsent", &["unchanged", "refused-row", "dead-letters"]),
        ("skips_truncates", &["truncate", "dead-letters"]),
        ("refuses_again", &["redelivery"]),
        ("forgets_markers", &["markers", "dead-letters"]),
        ("commits_refused", &["refused-row"]),
        ("hides_refused", &["dead-letters"]),
        ("skips_clears", &["clear-tables"]),
        ("unfenced", &["fence"]),
        ("stops_when_cut", &["disturbed"]),
        ("prints_secrets", &["secrets"]),
    ];
    assert_doubles("destination", make, doubles);
}
