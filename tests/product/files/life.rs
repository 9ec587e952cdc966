//! Files that come, grow and go, while a run is under way and between two runs.

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use cartridge_warp_tests::{Pipeline, rows::sqlite_count_live};
use serde_json::{Value, json};

use super::{assert_ended, letters, rows};

#[test]
fn what_comes_while_it_runs_is_read_at_once() {
    let pipeline = Pipeline::new();
    pipeline.write("known.ndjson", "{\"id\":1}\n");
    pipeline.write("empty.ndjson", "");
    pipeline.write("header.csv", "id,v\n");
    let mut running = pipeline.start();
    running.wait_for("following changes");
    pipeline.write("new.csv", "id,v\n1,a\n2,b\n");
    pipeline.append("empty.ndjson", "{\"id\":1}\n{\"id\":2}\n");
    pipeline.append("header.csv", "1,5\n2,6\n");
    let start = Instant::now();
    for table in ["new", "empty", "header"] {
        while sqlite_count_live(&pipeline.database(), table) != Some(2) {
            assert!(start.elapsed() < Duration::from_secs(120), "{table}: {}", running.stderr());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    running.signal(15);
    assert_ended("it runs", &running.wait(Duration::from_secs(30)), 0);
    let header = cartridge_warp_tests::rows::sqlite_rows(&pipeline.database(), "header", "id");
    assert_eq!(header[1]["v"], json!(6), "its types are those of its first rows");
    assert_ended("again", &pipeline.catch_up(), 0);
}

#[test]
fn a_table_that_is_not_selected_is_not_read_when_it_comes() {
    let mut pipeline = Pipeline::new();
    pipeline.set("schemas.0.table_whitelist", json!(["known"]));
    pipeline.write("known.ndjson", "{\"id\":1}\n");
    let mut running = pipeline.start();
    running.wait_for("following changes");
    pipeline.write("other.ndjson", "{\"id\":1}\n");
    pipeline.write("bad.ndjson", "nonsense\n");
    pipeline.append("known.ndjson", "{\"id\":2}\n");
    let start = Instant::now();
    while sqlite_count_live(&pipeline.database(), "known") != Some(2) {
        assert!(start.elapsed() < Duration::from_secs(120), "{}", running.stderr());
        std::thread::sleep(Duration::from_millis(20));
    }
    running.signal(15);
    assert_ended("it runs", &running.wait(Duration::from_secs(30)), 0);
    assert_eq!(sqlite_count_live(&pipeline.database(), "other"), None);
}

/// What happens to `t.ndjson` while nobody looks.
type Deed = fn(&Pipeline);

fn rename(pipeline: &Pipeline, to: &str) {
    let path = |name: &str| pipeline.path("data/shop").join(name);
    fs::rename(path("t.ndjson"), path(to)).unwrap();
    pipeline.write("t.ndjson", "{\"id\":3}\n");
}

fn remove(pipeline: &Pipeline, name: &str) {
    fs::remove_file(pipeline.path("data/shop").join(name)).unwrap();
}

#[test]
fn a_file_that_goes_while_nobody_looks_takes_no_row_in_silence() {
    let cases: &[(&str, Deed, &[u64], usize)] = &[
        ("numbered", |p| rename(p, "t.ndjson.1"), &[1, 2, 3], 0),
        ("dated", |p| rename(p, "t.ndjson-20240501"), &[1, 2, 3], 0),
        ("dated before its extension", |p| rename(p, "t-20240501.ndjson"), &[1, 2, 3], 0),
        ("under a name that says nothing", |p| rename(p, "t.bak"), &[1, 2, 3], 0),
        (
            "compressed",
            |p| {
                rename(p, "t.ndjson.1");
                remove(p, "t.ndjson.1");
                p.write("t.ndjson.1.gz", "compressed");
            },
            &[1, 3],
            1,
        ),
    ];
    for (name, deed, ids, lost) in cases {
        let pipeline = Pipeline::new();
        pipeline.write("t.ndjson", "{\"id\":1}\n");
        assert_ended(name, &pipeline.catch_up(), 0);
        pipeline.append("t.ndjson", "{\"id\":2}\n");
        deed(&pipeline);
        assert_ended(name, &pipeline.catch_up(), *lost);
        let found = rows(&pipeline);
        let found: Vec<&Value> = found.as_array().unwrap().iter().map(|row| &row["id"]).collect();
        assert_eq!(
            found,
            ids.iter().map(|id| json!(id)).collect::<Vec<_>>().iter().collect::<Vec<_>>(),
            "{name}"
        );
        let codes: Vec<_> =
            letters(&pipeline).iter().map(|row| row["error_code"].clone()).collect();
        assert_eq!(codes, vec![json!("file-gone"); *lost], "{name}");
        // It is said once.
        assert_ended(name, &pipeline.catch_up(), 0);
        assert_eq!(letters(&pipeline).len(), *lost, "{name}");
    }
}

#[test]
fn a_file_that_cannot_have_grown_may_go() {
    let cases: &[(&str, &str, bool)] = &[
        ("rotated", "t.ndjson.1", false),
        ("a part", "t/a.ndjson", false),
        ("complete", "t.csv", true),
    ];
    for (name, file, complete) in cases {
        let mut pipeline = Pipeline::new();
        pipeline.set("source.options", json!({"complete_files": complete}));
        let content = if file.ends_with("csv") { "id\n1\n" } else { "{\"id\":1}\n" };
        pipeline.write(file, content);
        pipeline.write("other.ndjson", "{\"id\":1}\n");
        assert_ended(name, &pipeline.catch_up(), 0);
        remove(&pipeline, file);
        if *complete {
            pipeline.write(file, "id\n2\n");
        }
        assert_ended(name, &pipeline.catch_up(), 0);
        assert!(letters(&pipeline).is_empty(), "{name}");
    }
}

#[test]
fn the_last_file_of_a_table_does_not_go_without_a_word() {
    let pipeline = Pipeline::new();
    pipeline.write("t.ndjson", "{\"id\":1}\n");
    pipeline.write("other.ndjson", "{\"id\":1}\n");
    assert_ended("first", &pipeline.catch_up(), 0);
    pipeline.append("t.ndjson", "{\"id\":2}\n");
    remove(&pipeline, "t.ndjson");
    let ended = pipeline.catch_up();
    assert!(ended.stderr.contains("was read up to byte 9 and is gone"), "{}", ended.stderr);
}

#[test]
fn an_end_that_is_not_read_is_named() {
    for (content, word) in [
        ("id,v\n1,a\n2,\"b\n3,c\n", "a quote in the file is not closed"),
        ("id,v\n1,a\n2,b", "the last line of the file has no line feed yet"),
        ("id,v\r1,a\r2,b\r", "end in a carriage return alone"),
    ] {
        let pipeline = Pipeline::new();
        pipeline.write("other.ndjson", "{\"id\":1}\n");
        pipeline.write("t.csv", content);
        let ended = pipeline.catch_up();
        assert!(
            ended.stderr.contains(word) && ended.stderr.contains("shop/t.csv"),
            "{}",
            ended.stderr
        );
        let alone = Pipeline::new();
        alone.write("t.csv", "id,v\r1,a\r2,b\r");
        assert!(alone.catch_up().stderr.contains("carriage return"));
    }
}

#[test]
fn an_end_that_nobody_will_end_is_a_dead_letter() {
    // What the file has, whether its owner says that files are complete, and whether it is old.
    for (content, complete, old, letter) in [
        ("id,v\n1,a\n2,\"b\n3,c\n", false, true, "a quote in the file is not closed"),
        ("id,v\n1,a\n2,\"b\n3,c\n", true, false, "a quote in the file is not closed"),
        ("id,v\n1,a\n2\r3\r4,b", false, true, "carriage return alone"),
        ("id,v\n1,a\n2,b", true, false, "no line feed yet"),
        ("id,v\n1,a\n2,b", false, true, ""),
        ("id,v\n1,a\n2,\"b\n3,c\n", false, false, ""),
        ("id,v\n\"1,a\n2,b\n", false, true, "a quote in the file is not closed"),
    ] {
        let case = format!("{content:?}, complete {complete}, old {old}");
        let mut pipeline = Pipeline::new();
        pipeline.set("source.options", json!({ "complete_files": complete }));
        pipeline.write("t.csv", content);
        pipeline.write("other.ndjson", "{\"id\":1}\n");
        if old {
            let file =
                fs::File::options().append(true).open(pipeline.path("data/shop/t.csv")).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
        }
        assert_ended(&case, &pipeline.catch_up(), usize::from(!letter.is_empty()));
        let letters = letters(&pipeline);
        assert_eq!(letters.len(), usize::from(!letter.is_empty()), "{case}");
        for row in letters {
            assert_eq!(
                (&row["table_name"], &row["origin"]),
                (&json!("t"), &json!("shop/t.csv")),
                "{case}"
            );
            let row = format!("{row:?}");
            assert!(row.contains(letter) && row.contains("from byte"), "{case}: {row}");
        }
        // Ended after all, it is read.
        pipeline.append("t.csv", if content.contains('"') { "4\",d\n" } else { "\n" });
        pipeline.catch_up();
    }
}

#[test]
fn a_restored_file_is_not_read_again() {
    let mut pipeline = Pipeline::new();
    pipeline.set("schemas.0.tables", json!([{"name": "t", "write_mode": "append"}]));
    pipeline.write("t.csv", "a,b\n1,x\n2,y\n");
    assert_ended("first", &pipeline.catch_up(), 0);
    let path = pipeline.path("data/shop/t.csv");
    let (content, changed) =
        (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap());
    // The inode that becomes free must not be given to the copy.
    fs::rename(&path, pipeline.path("aside")).unwrap();
    fs::write(&path, content).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(changed).unwrap();
    assert_ended("restored", &pipeline.catch_up(), 0);
    pipeline.append("t.csv", "3,z\n");
    assert_ended("added to", &pipeline.catch_up(), 0);
    assert_eq!(rows(&pipeline).as_array().unwrap().len(), 3);
    assert!(letters(&pipeline).is_empty());
}
