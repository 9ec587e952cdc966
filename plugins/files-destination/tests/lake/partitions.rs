//! Folders by commit time, and the lists of what is in them.

use std::fs;

use cartridge_warp_sdk::{Action, ChangeOutcome, ColumnType, Destination, SchemaChange, WriteMode};

use crate::bed::{Bed, TABLE, connect, listed, orders, read, row, rows};

/// 2026-11-29T04:59:59Z.
const MOMENT: i64 = 1_795_928_399_000_000;
const HOUR: i64 = 3_600_000_000;
const NOBODY: &str = "__HIVE_DEFAULT_PARTITION__";

#[test]
fn rows_lie_in_folders_by_their_commit_time_and_keep_their_order() {
    let hours = [
        format!("_date={NOBODY}/_hour={NOBODY}"),
        "_date=2026-11-29/_hour=04".to_owned(),
        "_date=2026-11-29/_hour=05".to_owned(),
    ];
    let days = [format!("_date={NOBODY}"), "_date=2026-11-29".to_owned()];
    let months = [format!("_month={NOBODY}"), "_month=2026-11".to_owned()];
    for format in ["ndjson", "parquet"] {
        for (by, folders) in [("hour", &hours[..]), ("day", &days), ("month", &months)] {
            let root = tempfile::tempdir().unwrap();
            let options = format!(r#"{{"format": "{format}", "partition_by": "{by}"}}"#);
            let mut bed = Bed::at(root.path(), &options);
            let (early, late) = (Some(MOMENT), Some(MOMENT + HOUR));
            let keys = [(1, None), (2, early), (3, late), (4, early), (5, None)];
            assert_eq!(bed.write(vec![rows(keys)], b"p").unwrap(), 5);
            let table = root.path().join(TABLE);
            for file in listed(&table) {
                let folder = file.rsplit_once('/').unwrap().0;
                assert!(folders.iter().any(|known| known == folder), "{by}: {folder}");
            }
            assert_eq!(listed(&table).len(), folders.len(), "{by}");
            let mut all = read(&table).concat();
            all.sort_unstable();
            let wanted = (0..5).map(|at| (30_000_000 + at, at + 1)).collect::<Vec<_>>();
            assert_eq!(all, wanted, "{by}");
        }
    }
}

#[test]
fn leftovers_in_folders_go_too_and_the_place_is_known_as_taken() {
    let root = tempfile::tempdir().unwrap();
    let options = r#"{"partition_by": "day"}"#;
    Bed::at(root.path(), options).write(vec![row(1, Some(MOMENT))], b"p").unwrap();
    let folder = root.path().join(TABLE).join("_date=2026-11-29");
    fs::write(folder.join("part-000000000009-1-00000.ndjson"), "{}").unwrap();
    fs::write(folder.join("part-000000000009-1-00001.ndjson.tmp"), "{").unwrap();
    fs::write(root.path().join(TABLE).join("a=b"), "somebody's").unwrap();
    Bed::at(root.path(), options);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    let place = cartridge_warp_sdk::TablePlace::new("shop", "or/ders");
    let found = connect(root.path(), options).locate("shop", &[place]).unwrap();
    assert!(found[0].exists);
}

#[test]
fn a_list_that_a_crash_left_behind_is_right_when_the_schema_is_claimed() {
    let root = tempfile::tempdir().unwrap();
    let mut bed = Bed::at(root.path(), "{}");
    bed.write(vec![row(1, None)], b"p").unwrap();
    let list = root.path().join(TABLE).join("_files.csv");
    let before = fs::read_to_string(&list).unwrap();
    assert_eq!(before, "file,rows,bytes\npart-000000000003-1-00000.ndjson,1,77\n");
    bed.write(vec![row(2, None)], b"q").unwrap();
    fs::write(&list, before).unwrap();
    Bed::at(root.path(), "{}");
    assert_eq!(read(&root.path().join(TABLE)).concat(), [(30_000_000, 1), (40_000_000, 2)]);
}

#[test]
fn a_table_that_begins_anew_or_is_dropped_is_listed_no_more_and_its_files_go_in_time() {
    for dropped in [false, true] {
        for keep in [0, 3600] {
            let root = tempfile::tempdir().unwrap();
            let options = format!(r#"{{"partition_by": "day", "keep_replaced_seconds": {keep}}}"#);
            let mut bed = Bed::at(root.path(), &options);
            bed.write(vec![row(1, Some(MOMENT))], b"p").unwrap();
            let table = root.path().join(TABLE);
            let file = table.join(&listed(&table)[0]);
            if dropped {
                let change = [SchemaChange::drop_table("or/ders")];
                let outcomes = bed.claimed.change(&change);
                assert_eq!(outcomes.unwrap(), [ChangeOutcome::Applied]);
                bed.plan(WriteMode::Append).unwrap();
            } else {
                bed.write_over(&["or/ders"], Vec::new(), b"q").unwrap();
            }
            assert_eq!(listed(&table), [""; 0], "{dropped} {keep}");
            assert!(file.exists(), "readers may still know it");
            // Whoever claims must not take it for what a crash left.
            let mut bed = Bed::at(root.path(), &options);
            assert!(file.exists(), "readers may still know it");
            bed.write(vec![row(2, None)], b"r").unwrap();
            assert_eq!(file.exists(), keep > 0, "{dropped}");
            assert_eq!(read(&table).concat().len(), 1);
        }
    }
}

#[test]
fn a_column_that_readers_would_mistake_is_refused_before_and_within_the_stream() {
    let root = tempfile::tempdir().unwrap();
    let mut bed = Bed::at(root.path(), r#"{"partition_by": "day"}"#);
    for name in ["_seq", "_date"] {
        let table = orders().column(name, ColumnType::BigInt);
        let failure = bed.plan_table(table.clone(), WriteMode::Append).unwrap_err();
        assert_eq!((failure.action, failure.code.as_str()), (Action::Config, "reserved-column"));
        assert!(failure.message.contains(name) && failure.message.contains("columns.rename"));
        let change = SchemaChange::add_column(name, table);
        let outcomes = bed.claimed.change(&[change]).unwrap();
        assert!(matches!(&outcomes[..], [ChangeOutcome::Refused(why)] if why.contains(name)));
    }
}
