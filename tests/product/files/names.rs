//! Fields that no column can be called after have one of another name, and hurt nobody else.

use cartridge_warp_tests::Pipeline;
use serde_json::{Value, json};

use super::{assert_ended, rows};

#[test]
fn every_field_has_a_column_of_its_own() {
    let cases: &[(&str, &str, &str, Value)] = &[
        ("equal names", "t.csv", "id,a,a\n1,x,y\n", json!([{"id": 1, "a": "x", "a_2": "y"}])),
        (
            "no name, as the index of a data frame",
            "t.csv",
            ",id,v\n0,1,x\n",
            json!([{"column_1": 0, "id": 1, "v": "x"}]),
        ),
        ("no name in JSON", "t.ndjson", "{\"id\":1,\"\":2}\n", json!([{"id": 1, "_": 2}])),
        (
            "a time stamp that is a number",
            "t.ndjson",
            "{\"id\":1,\"_ts\":1714521600}\n",
            json!([{"id": 1, "__ts": 1_714_521_600}]),
        ),
        (
            "a reserved name",
            "t.ndjson",
            "{\"id\":1,\"_unchanged\":true}\n",
            json!([{"id": 1, "__unchanged": 1}]),
        ),
        (
            "whole numbers without a sign",
            "t.ndjson",
            "{\"id\":1,\"v\":18446744073709551615}\n",
            json!([{"id": 1, "v": "18446744073709551615"}]),
        ),
    ];
    for (name, file, content, expected) in cases {
        let pipeline = Pipeline::new();
        pipeline.write(file, content);
        assert_ended(name, &pipeline.catch_up(), 0);
        assert_eq!(rows(&pipeline), *expected, "{name}");
    }
}

#[test]
fn an_odd_name_is_the_problem_of_its_field_or_table_alone() {
    let pipeline = Pipeline::new();
    pipeline.write("t.ndjson", "{\"id\":1}\n");
    pipeline.write("odd.csv", "id,\"two\nlines\"\n1,x\n");
    pipeline.write("long.csv", &format!("id,{}\n1,x\n", "n".repeat(600)));
    pipeline.write("hidden.ndjson", "{\"id\":1,\"a\\u0000b\":1,\"a\\u200bb\":2}\n");
    pipeline.write("line\nbreak.csv", "id\n1\n");
    assert_ended("odd names", &pipeline.catch_up(), 0);
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' \
                  AND name NOT LIKE 'cartridge%' AND name NOT LIKE 'sqlite%' ORDER BY name";
    let tables = cartridge_warp_tests::rows::sqlite_query(&pipeline.database(), tables);
    let names: Vec<&str> = tables.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    for name in names {
        let rows = cartridge_warp_tests::rows::sqlite_rows(&pipeline.database(), name, "1");
        assert_eq!(rows.len(), 1, "{name}");
        let columns = if name == "hidden" {
            3
        } else {
            if name.starts_with("line") || name == "t" { 1 } else { 2 }
        };
        assert_eq!(rows[0].len(), columns, "{rows:?}");
    }
}
