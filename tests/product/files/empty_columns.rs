//! Columns that are empty when they are first seen, or at a restart: the first value gives the type.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::arrow_array::{ArrayRef, Int64Array, NullArray, RecordBatch};
use cartridge_warp_test_postgresql::Cluster;
use cartridge_warp_tests::{Pipeline, rows::sqlite_query};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use super::{assert_ended, letters, rows, small_sample};

/// A destination of table `t`.
enum Kept {
    Sqlite,
    Postgresql(Cluster),
}

impl Kept {
    fn all() -> Vec<Self> {
        let server = Cluster::start(&[]);
        server.create_database("copy");
        vec![Self::Sqlite, Self::Postgresql(server)]
    }

    fn pipeline(&self, mode: &str) -> Pipeline {
        let mut pipeline = Pipeline::new();
        pipeline.set("schemas.0.tables", json!([{"name": "t", "write_mode": mode}]));
        if let Self::Postgresql(server) = self {
            let destination =
                json!({"type": "postgresql", "connection_string": server.url("copy")});
            pipeline.set("destination", destination);
            let schemas = "shop, _cartridge_warp, cartridge_warp_metadata";
            server.sql("copy", &format!("DROP SCHEMA IF EXISTS {schemas} CASCADE"));
        }
        pipeline
    }

    /// The type of column `v`, and its values by `id` as text.
    fn column(&self, pipeline: &Pipeline) -> (String, Vec<String>) {
        match self {
            Self::Sqlite => {
                let sql = "SELECT type AS v FROM pragma_table_info('t') WHERE name = 'v'";
                let data_type = sqlite_query(&pipeline.database(), sql)[0]["v"].clone();
                let sql = "SELECT CAST(v AS TEXT) AS v FROM t ORDER BY id";
                let rows = sqlite_query(&pipeline.database(), sql);
                let text = |value: &Value| value.as_str().unwrap_or("null").to_owned();
                (text(&data_type), rows.iter().map(|row| text(&row["v"])).collect())
            }
            Self::Postgresql(server) => {
                let data_type = "SELECT data_type FROM information_schema.columns
                                 WHERE table_schema = 'shop' AND table_name = 't' AND column_name = 'v'";
                let values = "SELECT coalesce(v::text, 'null') FROM shop.t ORDER BY id";
                (server.sql("copy", data_type).concat(), server.sql("copy", values))
            }
        }
    }
}

/// What is there first, what is added, and the types and values in the end.
struct Case {
    name: &'static str,
    file: &'static str,
    first: &'static str,
    then: &'static str,
    /// In SQLite and in PostgreSQL.
    types: [&'static str; 2],
    values: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "numbers",
        file: "t.csv",
        first: "id,v\n1,\n2,\n",
        then: "3,7\n",
        types: ["INTEGER", "bigint"],
        values: &["null", "null", "7"],
    },
    Case {
        name: "what comes with the first value counts",
        file: "t.csv",
        first: "id,v\n1,\n2,\n",
        then: "3,7\n4,7.5\n5,\n",
        types: ["REAL", "double precision"],
        values: &["null", "null", "7", "7.5", "null"],
    },
    Case {
        name: "words",
        file: "t.csv",
        first: "id,v\n1,\n",
        then: "3,02134\n4,7\n",
        types: ["TEXT", "text"],
        values: &["null", "02134", "7"],
    },
    Case {
        name: "days, and an empty word",
        file: "t.csv",
        first: "id,v\n1,\n",
        then: "3,2024-05-01\n4,\n",
        types: ["TEXT", "date"],
        values: &["null", "2024-05-01", "null"],
    },
    Case {
        name: "JSON",
        file: "t.ndjson",
        first: "{\"id\":1,\"v\":null}\n",
        then: "{\"id\":2}\n{\"id\":3,\"v\":18446744073709551615}\n{\"id\":4,\"v\":1}\n",
        types: ["TEXT", "numeric"],
        values: &["null", "null", "18446744073709551615", "1"],
    },
    Case {
        name: "nested",
        file: "t.ndjson",
        first: "{\"id\":1,\"v\":null}\n",
        then: "{\"id\":2,\"v\":{\"a\":1}}\n",
        types: ["TEXT", "jsonb"],
        values: &["null", "{\"a\":1}"],
    },
    Case {
        name: "nothing still",
        file: "t.csv",
        first: "id,v\n1,\n",
        then: "2,\n",
        types: ["TEXT", "text"],
        values: &["null", "null"],
    },
];

/// Appends while nobody looks, or while it runs, and comes to its end.
fn append(kept: &Kept, pipeline: &Pipeline, case: &Case, live: bool) {
    if live {
        let mut running = pipeline.start();
        running.wait_for("following changes");
        pipeline.append(case.file, case.then);
        let start = Instant::now();
        while kept.column(pipeline).1.len() != case.values.len() {
            assert!(start.elapsed() < Duration::from_secs(120), "{}", running.stderr());
            std::thread::sleep(Duration::from_millis(50));
        }
        running.signal(15);
        assert_ended(case.name, &running.wait(Duration::from_secs(60)), 0);
    } else {
        pipeline.append(case.file, case.then);
    }
    assert_ended(case.name, &pipeline.catch_up(), 0);
}

#[test]
fn the_first_value_gives_an_empty_column_its_type() {
    for kept in Kept::all() {
        let place = usize::from(matches!(kept, Kept::Postgresql(_)));
        for case in CASES {
            for (mode, live) in
                [("upsert", false), ("append", false), ("upsert", true), ("append", true)]
            {
                let what = format!("{}, {mode}, live {live}, {}", case.name, case.types[place]);
                let mut pipeline = kept.pipeline(mode);
                // The first value is no change of shape that anybody has to allow.
                pipeline.set("schema_evolution", json!({"strategy": "strict"}));
                pipeline.write(case.file, case.first);
                assert_ended(&what, &pipeline.catch_up(), 0);
                assert_eq!(kept.column(&pipeline).0.to_lowercase(), "text", "{what}");
                append(&kept, &pipeline, case, live);
                let (data_type, values) = kept.column(&pipeline);
                let values: Vec<String> =
                    values.iter().map(|value| value.replace(": ", ":")).collect();
                let values: Vec<&str> =
                    values.iter().map(|value| value.strip_suffix(".0").unwrap_or(value)).collect();
                assert_eq!(
                    (data_type.as_str(), values.as_slice()),
                    (case.types[place], case.values),
                    "{what}"
                );
            }
        }
    }
}

/// Puts another file in a file's place, as a tool that writes it anew does.
fn replace(pipeline: &Pipeline, file: &str, content: &str) {
    pipeline.write("new.tmp", content);
    let path = |name: &str| pipeline.path("data/shop").join(name);
    fs::rename(path("new.tmp"), path(file)).unwrap();
}

#[test]
fn a_type_that_is_known_outlives_emptiness() {
    for (file, first, empty, then) in [
        ("t.csv", "id,v\n1,5\n", "id,v\n2,\n", "3,6\n"),
        ("t.csv", "id,v\n1,5\n", "id,v\n", "2,\n3,6\n"),
        ("t.csv", "id,v\n1,5\n", "", "id,v\n2,\n3,6\n"),
        ("t.ndjson", "{\"id\":1,\"v\":5}\n", "{\"id\":2,\"v\":null}\n", "{\"id\":3,\"v\":6}\n"),
        ("t.ndjson", "{\"id\":1,\"v\":5}\n", "", "{\"id\":2,\"v\":null}\n{\"id\":3,\"v\":6}\n"),
    ] {
        for kept in Kept::all() {
            for mode in ["upsert", "append"] {
                let what = format!("{empty:?}, {mode}");
                let mut pipeline = kept.pipeline(mode);
                pipeline.set("source.options", json!({"complete_files": true}));
                pipeline.write(file, first);
                assert_ended(&what, &pipeline.catch_up(), 0);
                let before = kept.column(&pipeline).0;
                replace(&pipeline, file, empty);
                // Once with the new file, once with nothing new.
                assert_ended(&what, &pipeline.catch_up(), 0);
                assert_ended(&what, &pipeline.catch_up(), 0);
                pipeline.append(file, then);
                assert_ended(&what, &pipeline.catch_up(), 0);
                let wanted = ["5", "null", "6"].map(str::to_owned).to_vec();
                assert_eq!(kept.column(&pipeline), (before, wanted), "{what}");
            }
        }
    }
}

#[test]
fn a_key_without_a_value_gets_its_type_with_the_first_one() {
    for kept in Kept::all() {
        let mut pipeline = kept.pipeline("upsert");
        pipeline.set("source.options", json!({"sample_rows": 1, "keys": {"t": ["v"]}}));
        pipeline
            .write("t.ndjson", "{\"id\":1,\"v\":null}\n{\"id\":2,\"v\":2}\n{\"id\":3,\"v\":3}\n");
        assert_ended("key", &pipeline.catch_up(), 1);
        pipeline.append("t.ndjson", "{\"id\":4,\"v\":4}\n");
        assert_ended("again", &pipeline.catch_up(), 0);
        let (data_type, values) = kept.column(&pipeline);
        assert!(["INTEGER", "bigint"].contains(&data_type.as_str()), "{data_type}");
        assert_eq!(values, ["2", "3", "4"]);
    }
}

#[test]
fn what_does_not_fit_the_first_value_is_a_dead_letter() {
    let pipeline = small_sample();
    pipeline.write("t.csv", "id,v\n1,\n");
    assert_ended("first", &pipeline.catch_up(), 0);
    pipeline.append("t.csv", "2,7\n3,x\n4,8\n");
    assert_ended("then", &pipeline.catch_up(), 1);
    let values: Vec<Value> =
        rows(&pipeline).as_array().unwrap().iter().map(|row| row["v"].clone()).collect();
    assert_eq!(values, [Value::Null, json!(7), json!(8)]);
    assert_eq!(letters(&pipeline)[0]["origin"], json!("shop/t.csv:4"));
}

#[test]
fn a_column_of_parquet_without_a_type_gets_that_of_the_next_file() {
    for kept in Kept::all() {
        for mode in ["upsert", "append"] {
            let write = |pipeline: &Pipeline, name: &str, id: i64, v: ArrayRef| {
                let ids: ArrayRef = Arc::new(Int64Array::from(vec![id]));
                let batch = RecordBatch::try_from_iter([("id", ids), ("v", v)]).unwrap();
                fs::create_dir_all(pipeline.path("data/shop/t")).unwrap();
                let file = fs::File::create(pipeline.path("data/shop/t").join(name)).unwrap();
                let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
                writer.write(&batch).unwrap();
                writer.close().unwrap();
            };
            let pipeline = kept.pipeline(mode);
            write(&pipeline, "a.parquet", 1, Arc::new(NullArray::new(1)));
            assert_ended(mode, &pipeline.catch_up(), 0);
            write(&pipeline, "b.parquet", 2, Arc::new(Int64Array::from(vec![7])));
            write(&pipeline, "c.parquet", 3, Arc::new(NullArray::new(1)));
            assert_ended(mode, &pipeline.catch_up(), 0);
            let (data_type, values) = kept.column(&pipeline);
            assert!(["INTEGER", "bigint"].contains(&data_type.as_str()), "{mode}: {data_type}");
            assert_eq!(values, ["null", "7", "null"], "{mode}");
        }
    }
}
