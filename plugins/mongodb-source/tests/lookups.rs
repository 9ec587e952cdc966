//! Documents that are looked up by their keys.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use cartridge_warp_sdk::{Operation, Source, Table, TableRows, TableWriter};
use cartridge_warp_test_mongodb::bson::{self, Bson, Uuid, doc, oid::ObjectId};
use support::{Database, limits};

/// Rows of the key column, from the rows of a copy: so their texts are those of letters.
fn keys(database: &Database, texts: &[String]) -> TableRows {
    let tables = database.source().get_schema(&database.name).unwrap();
    let table = tables.into_iter().find(|it| it.name == "t").unwrap();
    let of_key = Table::new("t").with(table.columns[0].clone());
    let mut writer = TableWriter::inserts(&of_key);
    for text in texts {
        let mut row = writer.row(Operation::Insert);
        row.set(0, text).unwrap();
        row.commit();
    }
    writer.finish().unwrap()
}

#[test]
fn documents_are_looked_up_by_ids_of_any_type() {
    let uuids = [1_u8, 2, 3].map(|it| Bson::from(Uuid::from_bytes([it; 16])));
    let cases: [(&str, [Bson; 3], &str); 6] = [
        ("objects", [1, 2, 3].map(|it| Bson::from(ObjectId::from_bytes([it; 12]))), "{}"),
        ("strings", ["a", "b\"'", "c"].map(Bson::from), "{}"),
        ("integers", [Bson::Int32(-1), Bson::Int64(1 << 40), Bson::Double(3.0)], "{}"),
        ("uuids", uuids, "{}"),
        ("documents", [1, 2, 3].map(|it| Bson::from(doc! { "z": it, "a": { "b": "x" } })), "{}"),
        (
            "mixed",
            [Bson::Int32(1), Bson::from("1"), Bson::from(ObjectId::from_bytes([1; 12]))],
            r#"{"id_type": "json"}"#,
        ),
    ];
    for (name, [first, second, third], options) in cases {
        let database = Database::with(&format!("lookups_{name}"), options);
        let document = |id: &Bson, v: i32| doc! { "_id": id.clone(), "v": v };
        database.insert("t", &[document(&first, 1), document(&second, 2), document(&third, 3)]);
        let mut driver = database.driver();
        let start = driver.position().unwrap();
        let copied = driver.snapshot("t", &start, 1).unwrap();
        let asked = keys(&database, &copied.column("t", "_id"));
        database.update("t", doc! { "_id": first }, doc! { "$set": { "v": 9, "more": "text" } });
        database.delete("t", doc! { "_id": second });
        for rows_max in [1, 100] {
            let mut driver = database.driver().limits(limits(rows_max));
            let (found, absent) = driver.lookup("t", &asked).unwrap();
            let mut rows = found.column("t", "v");
            rows.sort();
            assert_eq!(rows, ["3", "9"], "{name}");
            assert_eq!(absent.len(), 1, "{name}");
            let gone = copied.column("t", "v")[absent[0]].clone();
            assert_eq!((gone.as_str(), found.rejected.len()), ("2", 0), "{name}");
        }
    }
}

#[test]
fn a_document_that_is_no_row_and_an_id_that_cannot_be_are_dead_letters() {
    let database = Database::new("lookups_rejected");
    let far = bson::DateTime::from_millis(i64::MAX);
    let ids = [1, 2].map(|it| ObjectId::from_bytes([it; 12]));
    database.insert("t", &[doc! { "_id": ids[0], "at": far }, doc! { "_id": ids[1], "at": "x" }]);
    let texts = [ids[0].to_hex(), "no id".to_owned(), ids[1].to_hex()];
    let asked = keys(&database, &texts);
    let (found, absent) = database.driver().lookup("t", &asked).unwrap();
    assert_eq!(absent, [] as [usize; 0]);
    assert_eq!(found.column("t", "_id"), [ids[1].to_hex()]);
    let mut letters: Vec<_> =
        found.rejected.iter().map(|it| (it.code.as_str(), it.key.clone().unwrap())).collect();
    letters.sort();
    let key = |text: &str| format!(r#"{{"_id":"{text}"}}"#);
    assert_eq!(letters, [("date-out-of-range", key(&texts[0])), ("no-such-id", key(&texts[1]))]);
    assert!(found.rejected.iter().all(|it| it.table == "t"));
}
