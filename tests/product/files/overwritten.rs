//! Files that were written over: the same file by its identity, and its beginning may be the same, too.

use std::fs::{self, File};
use std::sync::Arc;
use std::time::Duration;

use cartridge_warp_sdk::arrow_array::{ArrayRef, Int64Array, RecordBatch};
use cartridge_warp_tests::Pipeline;
use parquet::arrow::ArrowWriter;
use serde_json::json;

use super::{assert_ended, rows};

/// More than what is remembered of a file's beginning.
const SAME_LINES: usize = 2_000;

/// What a file of `t` becomes.
struct Case {
    name: &'static str,
    file: &'static str,
    /// Behind lines that stay as they are.
    before: &'static str,
    after: &'static str,
    /// Whether the file only grew.
    grew: bool,
}

const CASES: &[Case] = &[
    Case {
        name: "grown",
        file: "t.csv",
        before: "9000,old\n",
        after: "9000,old\n9001,new\n",
        grew: true,
    },
    Case {
        name: "a record ends elsewhere",
        file: "t.csv",
        before: "9000,old\n",
        after: "9000,longer\n9001,longer\n",
        grew: false,
    },
    Case { name: "shorter", file: "t.csv", before: "9000,old\n", after: "", grew: false },
    Case {
        name: "a record ends where the last one did, and more follow",
        file: "t.csv",
        before: "9000,old\n",
        after: "9000,new\n9001,new\n",
        grew: false,
    },
    Case {
        name: "of the same length",
        file: "t.csv",
        before: "9000,old\n9001,old\n",
        after: "9000,old\n9001,new\n",
        grew: false,
    },
    Case {
        name: "JSON",
        file: "t.ndjson",
        before: "{\"id\":9000,\"v\":\"old\"}\n",
        after: "{\"id\":9000,\"v\":\"new\"}\n{\"id\":9001,\"v\":\"new\"}\n",
        grew: false,
    },
    Case {
        name: "a part of a table",
        file: "t/part.ndjson",
        before: "{\"id\":9000,\"v\":\"old\"}\n",
        after: "{\"id\":9000,\"v\":\"new\"}\n{\"id\":9001,\"v\":\"new\"}\n",
        grew: false,
    },
];

/// The lines that stay, and others behind them.
fn content(case: &Case, rest: &str) -> String {
    let is_csv = case.file.ends_with("csv");
    let line = |n: usize| match is_csv {
        true => format!("{n},same\n"),
        false => format!("{{\"id\":{n},\"v\":\"same\"}}\n"),
    };
    let header = if is_csv { "id,v\n" } else { "" };
    let same: String = (0..SAME_LINES).map(line).collect();
    format!("{header}{same}{rest}")
}

/// Writes over a file in place, while nobody looks or while it runs, and tells how the run ended.
fn overwrite(pipeline: &Pipeline, file: &str, content: &[u8], live: bool) -> (Option<i32>, String) {
    let path = pipeline.path("data/shop").join(file);
    let running = live.then(|| {
        let mut running = pipeline.start();
        running.wait_for("following changes");
        running
    });
    // One write over what is there, so that no look finds the file empty; then what is left behind it.
    let opened = fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&opened, content, 0).unwrap();
    opened.set_len(content.len() as u64).unwrap();
    let ended = match running {
        Some(running) => running.wait(Duration::from_secs(300)),
        None => pipeline.catch_up(),
    };
    (ended.status.code(), ended.stderr)
}

#[test]
fn a_file_that_was_written_over_is_told_also_where_it_begins_the_same() {
    for case in CASES {
        for (mode, live) in [("upsert", false), ("append", false), ("upsert", true)] {
            if live && case.grew {
                continue;
            }
            let what = format!("{}, {mode}, live {live}", case.name);
            let mut pipeline = Pipeline::new();
            pipeline.set("schemas.0.tables", json!([{"name": "t", "write_mode": mode}]));
            pipeline.write(case.file, &content(case, case.before));
            assert_ended(&what, &pipeline.catch_up(), 0);
            let after = content(case, case.after);
            let (code, said) = overwrite(&pipeline, case.file, after.as_bytes(), live);
            assert_eq!(code, Some(i32::from(!case.grew)), "{what}: {said}");
            assert_eq!(said.contains("was overwritten") || said.contains("was cut"), !case.grew);
            assert!(case.grew || said.contains("--full-resync"), "{what}: {said}");
        }
    }
}

#[test]
fn a_header_that_was_changed_in_place_is_told() {
    let header = |name: &str| {
        let names: Vec<String> = (0..150).map(|n| format!("some_column_{n}")).collect();
        format!("id,{},{name}\n", names.join(","))
    };
    let row = |n: usize| format!("{n}{}\n", ",1".repeat(151));
    let text = |name: &str, rows: usize| -> String {
        header(name) + &(0..rows).map(row).collect::<String>()
    };
    for (rows, live) in [(1_000, false), (1_001, false), (1_001, true)] {
        let what = format!("{rows} rows, live {live}");
        let pipeline = Pipeline::new();
        pipeline.write("t.csv", &text("one", 1_000));
        assert_ended(&what, &pipeline.catch_up(), 0);
        let (code, said) = overwrite(&pipeline, "t.csv", text("two", rows).as_bytes(), live);
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(said.contains("begin differently"), "{what}: {said}");
    }
}

#[test]
fn a_file_that_is_another_under_the_inode_of_one_that_went_is_read() {
    // Complete files are never written over: what has the inode is a new one.
    let mut pipeline = Pipeline::new();
    pipeline.set("source.options", json!({"complete_files": true}));
    let case = &CASES[3];
    pipeline.write(case.file, &content(case, case.before));
    assert_ended("first", &pipeline.catch_up(), 0);
    let after = content(case, case.after);
    let (code, said) = overwrite(&pipeline, case.file, after.as_bytes(), false);
    assert_eq!(code, Some(0), "{said}");
    let rows = rows(&pipeline);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), SAME_LINES + 2);
    let new = rows.iter().filter(|row| row["v"] == "new").count();
    assert_eq!(new, 2, "the old row is replaced");
}

#[test]
fn a_parquet_file_that_was_written_over_is_told() {
    let write = |last: i64| -> Vec<u8> {
        let ids: Vec<i64> = (0..9_999).chain([last]).collect();
        let ids: ArrayRef = Arc::new(Int64Array::from(ids));
        let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap();
        let mut bytes = Vec::new();
        let properties = parquet::file::properties::WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_statistics_enabled(parquet::file::properties::EnabledStatistics::None)
            .build();
        let mut writer =
            ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    };
    let pipeline = Pipeline::new();
    pipeline.write("other.csv", "id\n1\n");
    let path = pipeline.path("data/shop/t.parquet");
    std::io::Write::write_all(&mut File::create(&path).unwrap(), &write(10_000)).unwrap();
    assert_ended("first", &pipeline.catch_up(), 0);
    assert_ended("again", &pipeline.catch_up(), 0);
    let (code, said) = overwrite(&pipeline, "t.parquet", &write(20_000), false);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("was overwritten"), "{said}");
}
