//! Commits: rows and positions together, fencing, what a crash leaves.

use std::fs;

use cartridge_warp_sdk::{Action, Destination, WriteMode};

use crate::bed::{Bed, TABLE, connect, files, marker, read, row, some_rows};

#[test]
fn every_operation_is_a_line_and_positions_come_with_it() {
    let root = tempfile::tempdir().unwrap();
    let mut bed = Bed::at(root.path(), "{}");
    assert_eq!(bed.marker(), None);
    assert_eq!(bed.write(vec![some_rows()], b"\x00p").unwrap(), 4);
    let parts = files(&bed.root.join("shop/or%2fders"), "part-");
    assert_eq!(
        fs::read_to_string(&parts[0]).unwrap(),
        concat!(
            r#"{"_op":"insert","_ts":null,"_seq":30000000,"id":1,"doc":{"a":  1.10},"price":"1.50"}"#,
            "\n",
            r#"{"_op":"update","_ts":"1970-01-01T00:00:00Z","_seq":30000001,"_unchanged":["doc"],"id":1,"price":null}"#,
            "\n",
            r#"{"_op":"delete","_ts":null,"_seq":30000002,"id":1}"#,
            "\n",
            r#"{"_op":"truncate","_ts":null,"_seq":30000003}"#,
            "\n"
        )
    );
    bed.write(Vec::new(), b"q").unwrap();
    assert_eq!(files(&bed.root.join("shop/_cartridge"), "part-").len(), 1, "dead letters");
    let mut again = connect(&bed.root, "{}");
    assert_eq!(again.get_marker("shop", "s").unwrap().as_deref(), Some(&b"q"[..]));
    bed.claimed.mark(&[marker(None)]).unwrap();
    assert_eq!(bed.marker(), None);
}

#[test]
fn parquet_files_are_whole() {
    for options in [r#"{"format":"parquet"}"#, r#"{"format":"parquet","compression":"none"}"#] {
        let root = tempfile::tempdir().unwrap();
        let mut bed = Bed::at(root.path(), options);
        bed.write(vec![some_rows()], b"p").unwrap();
        let parts = files(&bed.root.join("shop/or%2fders"), ".parquet");
        let file = fs::File::open(&parts[0]).unwrap();
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file);
        let batches: Vec<_> = reader.unwrap().build().unwrap().map(Result::unwrap).collect();
        assert_eq!((batches[0].num_rows(), batches[0].num_columns()), (4, 7));
    }
}

#[test]
fn only_append_is_accepted_and_the_words_say_so() {
    let root = tempfile::tempdir().unwrap();
    let failure = Bed::at(root.path(), "{}").plan(WriteMode::Upsert).unwrap_err();
    assert_eq!((failure.action, failure.code.as_str()), (Action::Config, "append-only"));
    assert!(failure.message.contains("write_mode: append"));
}

#[test]
fn a_writer_that_lost_its_schema_is_fenced_even_after_the_log_was_tidied() {
    for commits in [0, 1, 9] {
        let root = tempfile::tempdir().unwrap();
        let options = r#"{"checkpoint_commits": 2}"#;
        let mut old = Bed::at(root.path(), options);
        let mut new = Bed::at(root.path(), options);
        for _ in 0..commits {
            new.write(vec![some_rows()], b"new").unwrap();
        }
        let failure = old.write(vec![some_rows()], b"old").unwrap_err();
        assert_eq!((failure.action, failure.code.as_str()), (Action::Stop, "fenced"));
        let failure = old.claimed.mark(&[]).unwrap_err();
        assert_eq!(failure.code, "fenced");
        new.write(vec![some_rows()], b"last").unwrap();
        let mut read = connect(root.path(), options);
        assert_eq!(read.get_marker("shop", "s").unwrap().as_deref(), Some(&b"last"[..]));
    }
}

#[test]
fn the_log_stays_short_and_loses_nothing() {
    let root = tempfile::tempdir().unwrap();
    let mut bed = Bed::at(root.path(), r#"{"checkpoint_commits": 5, "compact": false}"#);
    for commit in 0..40_u8 {
        bed.write(vec![some_rows()], &[commit]).unwrap();
    }
    let metadata = root.path().join("shop/_cartridge");
    assert!(files(&metadata, "manifest-").len() <= 10);
    assert_eq!(files(&metadata, "checkpoint-").len(), 1);
    let mut next = Bed::at(root.path(), "{}");
    assert_eq!(next.marker(), Some(vec![39]));
    assert_eq!(files(&root.path().join("shop/or%2fders"), "part-").len(), 40, "all are named");
}

#[test]
fn leftovers_of_a_crash_do_not_count_and_go_at_the_next_claim() {
    let root = tempfile::tempdir().unwrap();
    let mut bed = Bed::at(root.path(), "{}");
    bed.write(vec![some_rows()], b"p").unwrap();
    let table = root.path().join("shop/or%2fders");
    // As a kill between the data files and the manifest leaves them.
    fs::write(table.join("part-000000000004-1-0.ndjson"), "{}").unwrap();
    fs::write(table.join("part-000000000004-1-1.ndjson.tmp"), "{").unwrap();
    fs::write(root.path().join("shop/_cartridge/manifest-000000000004.json.tmp"), "{").unwrap();
    let mut next = Bed::at(root.path(), "{}");
    assert_eq!(next.marker().as_deref(), Some(&b"p"[..]));
    assert_eq!(files(&table, "part-").len(), 1);
    assert!(files(&root.path().join("shop/_cartridge"), ".tmp").is_empty());
}

#[test]
fn a_damaged_or_missing_manifest_stops() {
    for (damage, code) in [(true, "damaged-manifest"), (false, "damaged-manifest")] {
        let root = tempfile::tempdir().unwrap();
        Bed::at(root.path(), "{}").write(vec![some_rows()], b"p").unwrap();
        let manifest = &files(&root.path().join("shop/_cartridge"), "manifest-")[1];
        if damage {
            let bytes = fs::read(manifest).unwrap();
            fs::write(manifest, &bytes[..bytes.len() - 3]).unwrap();
        } else {
            fs::remove_file(manifest).unwrap();
        }
        let failure = connect(root.path(), "{}").get_marker("shop", "s").unwrap_err();
        assert_eq!((failure.action, failure.code.as_str()), (Action::Stop, code));
    }
}

#[test]
fn looking_leaves_nothing_behind() {
    let root = tempfile::tempdir().unwrap();
    let mut destination = connect(root.path(), "{}");
    destination.test_connection().unwrap();
    assert_eq!(destination.get_marker("shop", "s").unwrap(), None);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn batches_of_one_commit_are_listed_in_their_order() {
    let root = tempfile::tempdir().unwrap();
    let mut bed = Bed::at(root.path(), "{}");
    bed.write((1..=12).map(|id| row(id, None)).collect(), b"p").unwrap();
    let rows = read(&root.path().join(TABLE)).concat();
    assert_eq!(rows, (1..=12).map(|id| (29_999_999 + id, id)).collect::<Vec<_>>());
}
