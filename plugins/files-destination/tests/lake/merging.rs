//! Small files become larger ones, and nobody sees anything but the same rows in fewer files.

use std::fs;
use std::path::Path;

use cartridge_warp_sdk::Destination;
use cartridge_warp_sdk::naming::fnv1a;

use crate::bed::{Bed, TABLE, files, listed, read, row, rows};

const FORMATS: [&str; 2] = ["ndjson", "parquet"];

/// Merges files of next to nothing.
fn options(format: &str, more: &str) -> String {
    format!(r#"{{"format": "{format}", "target_file_bytes": 50000{more}}}"#)
}

/// Fails unless exactly the keys 1 to `last` are there, each file and all files in the order of the log.
fn assert_holds(root: &Path, last: i64, case: &str) {
    let rows = read(&root.join(TABLE)).concat();
    let keys: Vec<i64> = rows.iter().map(|(_, id)| *id).collect();
    assert_eq!(keys, (1..=last).collect::<Vec<_>>(), "{case}");
    assert!(rows.is_sorted(), "{case}: {rows:?}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
fn small_files_are_merged_in_order_and_none_but_them_go() {
    for format in FORMATS {
        let root = tempfile::tempdir().unwrap();
        let mut bed = Bed::at(root.path(), &options(format, r#", "keep_replaced_seconds": 0"#));
        for id in 1..=200 {
            bed.write(vec![row(id, None)], &id.to_be_bytes()).unwrap();
            assert_holds(root.path(), id, format);
        }
        let table = root.path().join(TABLE);
        let names = listed(&table);
        assert!((2..30).contains(&names.len()), "{format}: {names:?}");
        bed.write(Vec::new(), b"end").unwrap();
        assert_eq!(
            files(&table, "part-").len(),
            listed(&table).len(),
            "{format}: replaced ones go"
        );
        let mut next = Bed::at(root.path(), "{}");
        assert_eq!(next.marker().as_deref(), Some(&b"end"[..]));
        assert_holds(root.path(), 200, format);
    }
}

#[test]
fn merging_can_be_off_and_replaced_files_stay_for_a_while() {
    let root = tempfile::tempdir().unwrap();
    let mut bed = Bed::at(root.path(), &options("ndjson", r#", "compact": false"#));
    for id in 1..=20 {
        bed.write(vec![row(id, None)], b"p").unwrap();
    }
    let table = root.path().join(TABLE);
    assert_eq!((listed(&table).len(), files(&table, "part-").len()), (20, 20));
    let mut bed = Bed::at(root.path(), &options("ndjson", r#", "checkpoint_commits": 3"#));
    for id in 21..=40 {
        bed.write(vec![row(id, None)], b"p").unwrap();
    }
    assert!(listed(&table).len() < 12, "{:?}", listed(&table));
    let merged = files(&table, "-m").len();
    assert_eq!(files(&table, "part-").len(), 40 + merged, "an hour for readers");
    // Neither a claim nor a checkpoint forgets that.
    Bed::at(root.path(), "{}").write(Vec::new(), b"q").unwrap();
    assert_eq!(files(&table, "part-").len(), 40 + merged);
    let over = options("ndjson", r#", "keep_replaced_seconds": 0, "compact": false"#);
    Bed::at(root.path(), &over).write(Vec::new(), b"q").unwrap();
    assert_eq!(files(&table, "part-").len(), listed(&table).len());
    assert_holds(root.path(), 40, "at the end");
}

#[test]
fn a_folder_that_nothing_came_to_for_long_becomes_one_file() {
    let root = tempfile::tempdir().unwrap();
    let more = r#", "partition_by": "day", "checkpoint_commits": 4, "keep_replaced_seconds": 0"#;
    let mut bed = Bed::at(root.path(), &options("parquet", more));
    for id in 1..=3 {
        bed.write(vec![row(id, Some(0))], b"p").unwrap();
    }
    let old = |root: &Path| {
        listed(&root.join(TABLE)).iter().filter(|file| file.contains("1970-01-01")).count()
    };
    assert_eq!(old(root.path()), 3);
    for id in 4..=20 {
        bed.write(vec![row(id, Some(86_400_000_000))], b"p").unwrap();
    }
    assert_eq!(old(root.path()), 1);
    assert_holds(root.path(), 20, "by day");
}

/// Whatever a kill leaves on the disk, and wherever within a merge it was.
#[test]
fn a_kill_at_any_step_of_a_merge_loses_and_doubles_nothing() {
    for format in FORMATS {
        let root = tempfile::tempdir().unwrap();
        let options = options(format, r#", "keep_replaced_seconds": 0"#);
        let mut bed = Bed::at(root.path(), &options);
        let table = root.path().join(TABLE);
        let mut merges = 0;
        for id in 1..=70_i64 {
            let before = tempfile::tempdir().unwrap();
            copy(root.path(), before.path());
            bed.write(vec![row(id, None)], &id.to_be_bytes()).unwrap();
            let old = read(&before.path().join(TABLE)).len();
            if listed(&table).len() > old {
                continue;
            }
            merges += 1;
            let newest = files(&root.path().join("shop/_cartridge"), "manifest-").pop().unwrap();
            let list = fs::read(before.path().join(TABLE).join("_files.csv")).unwrap();
            // The merge is committed and its list is not written; or it is not committed, and its
            // file has its name, or a part of it has the temporary one.
            for step in ["no list", "no manifest", "half a file"] {
                let killed = tempfile::tempdir().unwrap();
                copy(root.path(), killed.path());
                let table = killed.path().join(TABLE);
                fs::write(table.join("_files.csv"), &list).unwrap();
                if step != "no list" {
                    let manifest = newest.strip_prefix(root.path()).unwrap();
                    fs::remove_file(killed.path().join(manifest)).unwrap();
                }
                if step == "half a file" {
                    let merged = files(&table, "-m").pop().unwrap();
                    let half = fs::read(&merged).unwrap();
                    fs::write(merged.with_added_extension("tmp"), &half[..half.len() / 2]).unwrap();
                    fs::remove_file(&merged).unwrap();
                }
                let mut next = Bed::at(killed.path(), &options);
                assert_eq!(next.marker(), Some(id.to_be_bytes().to_vec()), "{step}");
                assert_holds(killed.path(), id, step);
                next.write(vec![row(id + 1, None)], b"q").unwrap();
                next.write(vec![row(id + 2, None)], b"q").unwrap();
                assert_holds(killed.path(), id + 2, step);
                assert!(files(&table, ".tmp").is_empty(), "{step}");
            }
        }
        assert!(merges >= 8, "{merges}");
    }
}

#[test]
fn a_merge_is_spread_over_commits_and_given_up_where_its_table_begins_anew() {
    for format in FORMATS {
        let root = tempfile::tempdir().unwrap();
        let options = format!(r#"{{"format": "{format}", "compression": "none"}}"#);
        let mut bed = Bed::at(root.path(), &options);
        let table = root.path().join(TABLE);
        let many = |at: i64| rows((0..30_000).map(|id| (at * 30_000 + id + 1, None)));
        for at in 0..8 {
            bed.write(vec![many(at)], b"p").unwrap();
        }
        let mut commits = 0;
        while !files(&table, ".tmp").is_empty() {
            commits += 1;
            bed.write(Vec::new(), b"p").unwrap();
        }
        assert!((2..40).contains(&commits), "{format}: {commits}");
        assert_eq!(listed(&table).len(), 1, "{format}");
        assert_holds(root.path(), 240_000, format);
        for at in 0..8 {
            bed.write(vec![many(at)], b"p").unwrap();
        }
        assert_eq!(files(&table, ".tmp").len(), 1, "{format}");
        bed.write_over(&["or/ders"], vec![row(1, None)], b"p").unwrap();
        assert!(files(&table, ".tmp").is_empty(), "{format}");
        assert_holds(root.path(), 1, format);
    }
}

#[test]
fn files_that_are_damaged_or_gone_stay_out_of_merges_and_hold_nothing_up() {
    for format in FORMATS {
        // Lines are copied whatever they say.
        for damage in
            ["cut", "gone", "other"].into_iter().filter(|it| format != "ndjson" || *it != "other")
        {
            let root = tempfile::tempdir().unwrap();
            let mut bed = Bed::at(root.path(), &options(format, ""));
            let table = root.path().join(TABLE);
            for id in 1..=7 {
                bed.write(vec![row(id, None)], b"p").unwrap();
            }
            let victim = table.join(&listed(&table)[3]);
            let bytes = fs::read(&victim).unwrap();
            match damage {
                "cut" => fs::write(&victim, &bytes[..bytes.len() - 9]).unwrap(),
                "other" => fs::write(&victim, vec![b'\n'; bytes.len()]).unwrap(),
                _ => fs::remove_file(&victim).unwrap(),
            }
            for id in 8..=60 {
                bed.write(vec![row(id, None)], b"p").unwrap();
            }
            let names = listed(&table);
            assert!(names.contains(&victim.file_name().unwrap().to_str().unwrap().to_owned()));
            assert!(names.len() < 40, "the others are merged: {names:?}");
            assert!(files(&table, ".tmp").is_empty(), "{format} {damage}");
        }
    }
}

/// A lake of the release before: its manifests say less, and its rows have no number.
#[test]
fn a_lake_of_the_format_before_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let (metadata, table) = (root.path().join("shop/_cartridge"), root.path().join(TABLE));
    fs::create_dir_all(&metadata).unwrap();
    fs::create_dir_all(&table).unwrap();
    let file = |number: u32| format!("part-{number:012}-1-0.ndjson");
    for number in 1..=20 {
        let row = format!("{{\"_op\":\"insert\",\"_ts\":null,\"id\":{number}}}\n");
        fs::write(table.join(file(number)), &row).unwrap();
        let shape = r#"{"columns":[["id","bigint"]],"key":["id"]}"#;
        let body = format!(
            r#"{{"format":1,"number":{number},"epoch":1,"owner":"o","markers":{{"s":"{number:02x}"}},"tables":{{"or/ders":{shape}}},"files":[{{"table":"or/ders","path":"or%2fders/{}","format":"ndjson","rows":1,"bytes":{}}}]}}"#,
            file(number),
            row.len()
        );
        let sum = fnv1a(body.as_bytes());
        let text = format!("{body}\n{{\"checksum\":\"{sum:016x}\"}}\n");
        fs::write(metadata.join(format!("manifest-{number:012}.json")), text).unwrap();
    }
    let mut bed = Bed::at(root.path(), &options("ndjson", r#", "keep_replaced_seconds": 0"#));
    assert_eq!(bed.marker(), Some(vec![20]));
    for id in 21..=60 {
        bed.write(vec![row(id, None)], b"p").unwrap();
    }
    let keys: Vec<i64> = read(&table).concat().iter().map(|(_, id)| *id).collect();
    assert_eq!(keys, (1..=60).collect::<Vec<_>>());
    let names = listed(&table);
    assert!(names.len() < 35 && names[..20] == (1..=20).map(file).collect::<Vec<_>>(), "{names:?}");
    let mut read = crate::bed::connect(root.path(), "{}");
    assert_eq!(read.get_marker("shop", "s").unwrap().as_deref(), Some(&b"p"[..]));
}
