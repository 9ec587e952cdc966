//! Files that are other ones, or are written otherwise, than those that were read before.

use std::time::{Duration, Instant};

use cartridge_warp_tests::{Pipeline, rows::sqlite_count_live};
use serde_json::{Value, json};

use super::{assert_ended, letters, rows};

/// What is there first, what comes behind it, and the rows at the end.
struct Case {
    name: &'static str,
    first: (&'static str, &'static str),
    then: (&'static str, &'static str),
    wanted: fn() -> Value,
}

const CASES: &[Case] = &[
    Case {
        name: "the header has another order",
        first: ("t/a.csv", "id,a,b\n1,x,2\n"),
        then: ("t/b.csv", "b,id,a\n3,2,y\n"),
        wanted: || json!([{"id": 1, "a": "x", "b": 2}, {"id": 2, "a": "y", "b": 3}]),
    },
    Case {
        name: "a column in the middle",
        first: ("t/a.csv", "id,a,b\n1,x,2\n"),
        then: ("t/b.csv", "id,new,a,b\n2,0.5,y,3\n"),
        wanted: || {
            json!([{"id": 1, "a": "x", "b": 2, "new": null},
                   {"id": 2, "a": "y", "b": 3, "new": 0.5}])
        },
    },
    Case {
        name: "a column that is gone",
        first: ("t/a.csv", "id,a,b\n1,x,2\n"),
        then: ("t/b.csv", "id,b\n2,3\n"),
        wanted: || json!([{"id": 1, "a": "x", "b": 2}, {"id": 2, "a": null, "b": 3}]),
    },
    Case {
        name: "another format",
        first: ("t/a.csv", "id,a\n1,x\n"),
        then: ("t/b.ndjson", "{\"a\":\"y\",\"id\":2}\n"),
        wanted: || json!([{"id": 1, "a": "x"}, {"id": 2, "a": "y"}]),
    },
];

/// The rows without what a log says of them.
fn values(pipeline: &Pipeline) -> Value {
    let mut rows = rows(pipeline);
    for row in rows.as_array_mut().unwrap() {
        row.as_object_mut().unwrap().retain(|name, _| !name.starts_with("_cartridge"));
    }
    rows
}

/// Writes the second file while nobody looks, or while it runs, and comes to its end.
fn then(pipeline: &Pipeline, case: &Case, live: bool) {
    let (path, content) = case.then;
    if !live {
        pipeline.write(path, content);
        return;
    }
    let mut running = pipeline.start();
    running.wait_for("following changes");
    pipeline.write(path, content);
    let start = Instant::now();
    while sqlite_count_live(&pipeline.database(), "t") != Some(2) {
        assert!(start.elapsed() < Duration::from_secs(120), "{}: {}", case.name, running.stderr());
        std::thread::sleep(Duration::from_millis(20));
    }
    running.signal(15);
    assert_ended(case.name, &running.wait(Duration::from_secs(30)), 0);
}

#[test]
fn a_file_of_other_columns_joins_those_that_were_read() {
    for case in CASES {
        for (mode, live) in
            [("upsert", false), ("upsert", true), ("append", false), ("append", true)]
        {
            let what = format!("{}, {mode}, live {live}", case.name);
            let mut pipeline = Pipeline::new();
            pipeline.set("schemas.0.tables", json!([{"name": "t", "write_mode": mode}]));
            pipeline.write(case.first.0, case.first.1);
            assert_ended(&what, &pipeline.catch_up(), 0);
            then(&pipeline, case, live);
            assert_ended(&what, &pipeline.catch_up(), 0);
            assert_eq!(values(&pipeline), (case.wanted)(), "{what}");
            assert!(letters(&pipeline).is_empty(), "{what}");
        }
    }
}

#[test]
fn a_value_of_another_type_is_held_or_told() {
    // A key of JSON that changes its type behind the sample.
    for (value, letter) in [("\"two\"", 1), ("{\"a\":2}", 1), ("2.5", 1), ("null", 0), ("2", 0)] {
        for mode in ["upsert", "append"] {
            let what = format!("{value}, {mode}");
            let mut pipeline = Pipeline::new();
            pipeline.set("schemas.0.tables", json!([{"name": "t", "write_mode": mode}]));
            pipeline.set("source.options", json!({"sample_rows": 1}));
            pipeline.write("t.ndjson", "{\"id\":1,\"v\":1}\n");
            assert_ended(&what, &pipeline.catch_up(), 0);
            pipeline.append("t.ndjson", &format!("{{\"id\":2,\"v\":{value}}}\n"));
            assert_ended(&what, &pipeline.catch_up(), letter);
            let found = rows(&pipeline).as_array().unwrap().len();
            assert_eq!((found, letters(&pipeline).len()), (2 - letter, letter), "{what}");
        }
    }
}
