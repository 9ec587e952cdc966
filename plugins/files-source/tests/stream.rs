//! The change stream: appended lines, new files, operations, rotation, and loss.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod support;

use cartridge_warp_sdk::{ChangeKind, Limits, Source};
use std::time::{Duration, Instant};
use support::{Shop, rows_at_a_time};

#[test]
fn appended_lines_and_new_files_are_changes() {
    let shop = Shop::new();
    shop.write("t.ndjson", "{\"id\":1}\n");
    let mut driver = shop.driver().limits(rows_at_a_time(2));
    driver.source.get_schema("shop").unwrap();
    let start = driver.position().unwrap();
    assert_eq!(driver.changes(&start).unwrap().rows(), 0);

    shop.append("t.ndjson", "{\"id\":2}\n{\"id\":3}\n{\"id\":4}\n{\"id\"");
    shop.write("u/a.csv", "id,v\n1,x\n2,y\n");
    let read = driver.changes(&start).unwrap();
    assert_eq!(read.column("t", "id"), ["2", "3", "4"]);
    assert_eq!(read.column("u", "v"), ["x", "y"]);
    let added: Vec<_> =
        read.schema_changes.iter().map(|change| (&change.kind, change.table.as_str())).collect();
    assert_eq!(added, [(&ChangeKind::AddTable, "u")]);

    shop.append("t.ndjson", ":5}\n");
    shop.write("u/b.csv", "v,id\nz,3\n");
    // A new process goes on from the stored position.
    let read = shop.driver().changes(&read.position).unwrap();
    assert_eq!(read.column("t", "id"), ["5"]);
    assert_eq!(read.column("u", "id"), ["3"]);
    assert_eq!(shop.driver().changes(&read.position).unwrap().rows(), 0);
}

#[test]
fn operations_are_read_from_the_op_field_and_never_from_a_snapshot() {
    let shop = Shop::new();
    shop.write(
        "t.ndjson",
        "{\"_op\":\"insert\",\"id\":1,\"_ts\":\"2024-05-01T00:00:00Z\"}\n{\"_op\":\"u\",\"id\":1}\n\
         {\"_op\":\"Delete\",\"id\":1}\n{\"_op\":\"t\"}\n{\"_op\":\"r\",\"id\":2}\n\
         {\"_op\":\"snapshot\",\"id\":3}\n",
    );
    shop.write("c.csv", "id,_op\n1,c\n1,d\n");
    let mut driver = shop.driver();
    let start = driver.position().unwrap();
    assert_eq!(driver.snapshot("t", &start, 1).unwrap().rows(), 0);
    let read = driver.changes(&start).unwrap();
    assert_eq!(read.column("t", "id"), ["1", "update 1", "delete 1", "truncate null", "2", "3"]);
    assert_eq!(read.column("c", "id"), ["1", "delete 1"]);
    let t = read.batches.iter().find(|rows| rows.table() == "t").unwrap();
    assert_eq!(t.timestamp(0), Some(1_714_521_600_000_000));
    assert_eq!(t.columns().len(), 1);
}

#[test]
fn a_log_that_begins_as_plain_rows_and_has_an_unknown_operation_is_read_whole() {
    let shop = Shop::new();
    let plain: String = (0..2000).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    shop.write("t.ndjson", plain + "{\"id\":1,\"_op\":\"explode\"}\n{\"id\":1,\"_op\":\"d\"}\n");
    let mut driver = shop.driver();
    let start = driver.position().unwrap();
    assert_eq!(driver.snapshot("t", &start, 1).unwrap().rows(), 0);
    let read = driver.changes(&start).unwrap();
    assert_eq!(read.rows(), 2001);
    let letter = &read.rejected[0];
    assert_eq!(
        (letter.code.as_str(), letter.origin.as_str()),
        ("malformed-row", "shop/t.ndjson:2001")
    );
}

#[test]
fn a_new_field_ends_the_batch_and_is_announced_before_its_row() {
    let shop = Shop::new();
    shop.write("t.ndjson", "{\"id\":1}\n");
    let mut source = shop.source();
    source.get_schema("shop").unwrap();
    let start = source.current_position("shop").unwrap();
    shop.append("t.ndjson", "{\"id\":2}\n{\"id\":3,\"note\":\"x\"}\n{\"id\":4}\n");

    let first = source.get_changes("shop", &start, Limits::default()).unwrap();
    assert_eq!((first.tables[0].len(), first.schema_changes.len(), first.caught_up), (1, 0, false));
    let change = source.get_changes("shop", &first.position, Limits::default()).unwrap();
    let kinds: Vec<_> = change.schema_changes.iter().map(|change| change.column.clone()).collect();
    assert_eq!(kinds, [Some("note".to_owned())]);
    let rest = source.get_changes("shop", &change.position, Limits::default()).unwrap();
    assert_eq!((rest.tables[0].len(), rest.caught_up), (2, true));
    assert_eq!(rest.tables[0].value(0, 1).to_string(), "x");
}

#[test]
fn a_rotated_file_is_finished_before_its_successor() {
    let shop = Shop::new();
    shop.write("t.ndjson", "{\"id\":1}\n");
    let start = shop.driver().position().unwrap();
    shop.append("t.ndjson", "{\"id\":2}\n");
    shop.rename("t.ndjson", "t.ndjson.1");
    shop.append("t.ndjson.1", "{\"id\":3}\n");
    shop.write("t.ndjson", "{\"id\":4}\n");
    let read = shop.driver().changes(&start).unwrap();
    assert_eq!(read.column("t", "id"), ["2", "3", "4"]);

    // Twice while nobody looked.
    shop.rename("t.ndjson.1", "t.ndjson.3");
    shop.rename("t.ndjson", "t.ndjson.2");
    shop.append("t.ndjson.2", "{\"id\":5}\n");
    shop.write("t.ndjson.1", "{\"id\":6}\n");
    shop.write("t.ndjson", "{\"id\":7}\n");
    let read = shop.driver().changes(&read.position).unwrap();
    assert_eq!(read.column("t", "id"), ["5", "6", "7"]);

    // What was read may be deleted.
    shop.remove("t.ndjson.3");
    assert_eq!(shop.driver().changes(&read.position).unwrap().rows(), 0);
}

#[test]
fn a_rename_to_another_tables_name_keeps_the_table() {
    let shop = Shop::new();
    shop.write("t.ndjson", "{\"id\":1}\n");
    let start = shop.driver().position().unwrap();
    shop.rename("t.ndjson", "t-old.ndjson");
    shop.append("t-old.ndjson", "{\"id\":2}\n");
    shop.write("t.ndjson", "{\"id\":3}\n");
    let mut ids = shop.driver().changes(&start).unwrap().column("t", "id");
    ids.sort();
    assert_eq!(ids, ["2", "3"]);
}

#[test]
fn lost_rows_ask_for_a_new_snapshot() {
    type Harm = fn(&Shop);
    let cases: [(&str, Harm, &str); 3] = [
        ("cut", |shop| shop.write("t.ndjson", "{\"id\":1}\n"), "file-truncated"),
        ("overwritten", |shop| shop.write("t.ndjson", "{\"id\":7}\n".repeat(9)), "file-truncated"),
        ("deleted unread", |shop| shop.remove("t.ndjson"), "file-gone"),
    ];
    for (case, harm, code) in cases {
        let shop = Shop::new();
        shop.write("t.ndjson", "");
        let mut driver = shop.driver();
        let start = driver.position().unwrap();
        shop.append("t.ndjson", "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n");
        let part = Limits { rows_max: 2, ..Limits::default() };
        let mut position = start;
        // The table is announced by a call of its own.
        while driver.source.get_changes("shop", &position, part).is_ok_and(|batch| {
            position = batch.position;
            batch.tables.is_empty()
        }) {}
        harm(&shop);
        let failure = driver.changes(&position).map(|read| read.rows()).unwrap_err();
        assert_eq!((failure.action.as_str(), failure.code.as_str()), ("resync", code), "{case}");
        assert!(failure.message.contains("t.ndjson"), "{}", failure.message);
    }
}

#[test]
fn a_call_waits_no_longer_than_it_may_and_wakes_for_new_lines() {
    let shop = Shop::new();
    shop.write("t.ndjson", "{\"id\":1}\n");
    let mut source = shop.source();
    let start = source.current_position("shop").unwrap();
    let limits = Limits { wait: Duration::from_millis(200), ..Limits::default() };
    let began = Instant::now();
    let batch = source.get_changes("shop", &start, limits).unwrap();
    assert!(batch.caught_up && batch.tables.is_empty() && batch.position == start);
    assert!(began.elapsed() >= Duration::from_millis(200));

    let limits = Limits { wait: Duration::from_secs(30), ..Limits::default() };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            shop.append("t.ndjson", "{\"id\":2}\n");
        });
        let batch = source.get_changes("shop", &start, limits).unwrap();
        assert_eq!(batch.tables[0].len(), 1);
    });
}

#[test]
fn limits_hold_over_all_tables_and_nobody_starves() {
    let shop = Shop::new();
    let lines: String = (0..100).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    let mut source = shop.source();
    let mut position = source.current_position("shop").unwrap();
    ["a.ndjson", "b.ndjson"].iter().for_each(|name| shop.write(name, &lines));
    let mut order = Vec::new();
    loop {
        let batch = source.get_changes("shop", &position, rows_at_a_time(40)).unwrap();
        assert!(batch.tables.iter().map(|rows| rows.len()).sum::<usize>() <= 40);
        order.extend(batch.tables.iter().map(|rows| rows.table().to_owned()));
        position = batch.position;
        if batch.caught_up {
            break;
        }
    }
    assert!(order[..3].contains(&"b".to_owned()), "{order:?}");
    let bytes = Limits { bytes_max: 400, ..Limits::default() };
    let empty = source.get_changes("shop", &[], bytes).unwrap();
    assert!((1..40).contains(&empty.tables[0].len()), "{}", empty.tables[0].len());
}

#[test]
fn only_selected_tables_are_read() {
    let shop = Shop::new();
    ["a.ndjson", "b.ndjson"].iter().for_each(|name| shop.write(name, "{\"id\":1}\n"));
    let mut driver = shop.driver();
    driver.source.get_schema("shop").unwrap();
    let start = driver.position().unwrap();
    driver.source.select_tables("shop", &["a".to_owned()]).unwrap();
    ["a.ndjson", "b.ndjson"].iter().for_each(|name| shop.append(name, "{\"id\":2}\n"));
    // The host could not select what was not there, so it is told of it.
    shop.write("new.ndjson", "{\"id\":1}\n");
    let read = driver.changes(&start).unwrap();
    let count = |table| read.column(table, "id").len();
    assert_eq!((count("a"), count("b"), count("new")), (1, 0, 1));
}
