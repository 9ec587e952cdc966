//! Rows that SQLite refuses.

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used)]

mod support;

use cartridge_warp_sdk::testing::sql::Bench;
use cartridge_warp_sdk::{Destination, LetterFilter, Settlement};
use serde_json::json;
use support::{Bed, Insert, Update, orders, rows, upsert};

fn picky() -> Bed {
    let mut bed = Bed::new("{}");
    bed.run(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price TEXT
             CHECK (price <> '0.00'))",
    );
    bed.plan(&upsert(&orders())).unwrap();
    bed
}

fn mixed() -> cartridge_warp_sdk::TableRows {
    let all = [
        (Insert, json!({"id": 1, "name": "good", "price": "1.00"})),
        (Insert, json!({"id": 2, "name": null, "price": "1.00"})),
        (Update, json!({"id": 3, "name": "free", "price": "0.00"})),
        (Insert, json!({"name": "no key"})),
        (Insert, json!({"id": 4, "name": "good", "price": "2.00"})),
    ];
    rows(&orders(), &all)
}

#[test]
fn a_trigger_that_rolls_back_stops_the_batch() {
    let mut bed = picky();
    bed.run(
        "CREATE TRIGGER t BEFORE INSERT ON orders WHEN new.id = 4
             BEGIN SELECT RAISE(ROLLBACK, 'no fours'); END",
    );
    let failure = bed.write(vec![mixed()]).unwrap_err();
    assert_eq!(failure.code, "row-rejected");
    assert_eq!(bed.query("SELECT count(*) FROM orders"), ["0"]);
    bed.run("DROP TRIGGER t");
    assert_eq!(bed.write(vec![mixed()]).unwrap().rows_written, 2);
}

#[test]
fn rows_that_are_nothing_but_their_key_cannot_step_aside() {
    let table = cartridge_warp_sdk::Table::new("pairs")
        .column("a", cartridge_warp_sdk::ColumnType::String)
        .column("b", cartridge_warp_sdk::ColumnType::Integer)
        .key(["a", "b"]);
    let mut bed = Bed::new("{}");
    bed.plan(&upsert(&table)).unwrap();
    bed.run("CREATE UNIQUE INDEX second ON pairs (b)");
    let all = [("x", 1), ("y", 1), ("z", 1), ("w", 2)];
    let all = all.map(|(a, b)| (Insert, json!({"a": a, "b": b})));
    let outcome = bed.write(vec![rows(&table, &all)]).unwrap();
    let rejected: Vec<_> = outcome.rejected.iter().map(|rejected| rejected.row).collect();
    assert_eq!(rejected, [1, 2], "{outcome:?}");
    assert_eq!(bed.query("SELECT a, b FROM pairs ORDER BY a"), ["w|2", "x|1"]);
}

#[test]
fn letters_of_an_older_file_are_read_and_settled() {
    let mut bed = picky();
    bed.write(vec![mixed()]).unwrap();
    bed.run("ALTER TABLE cartridge_warp_metadata_dead_letter_queue DROP COLUMN resolution");
    let all = LetterFilter::default();
    let list = |bed: &mut Bed| {
        bed.bench.destination().list_letters("shop", &all, 0, 10, 1000).unwrap().letters
    };
    let letters = list(&mut bed);
    assert!(letters.len() == 3 && letters.iter().all(|letter| letter.resolution.is_none()));
    let settlement = Settlement {
        ids: vec![letters[1].id],
        status: "discarded".to_owned(),
        resolution: "why".to_owned(),
    };
    assert_eq!(bed.bench.destination().settle("shop", &settlement).unwrap(), 1);
    assert_eq!(list(&mut bed)[1].resolution.as_deref(), Some("why"));
}
