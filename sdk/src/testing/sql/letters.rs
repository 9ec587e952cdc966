//! Rows that the database refuses, and rows that never were rows (I5).

use serde_json::json;

use super::{Bed, Bench, orders, rows, upsert};
use crate::{Action, DeadLetter, Operation::Insert, Operation::Update, TableRows};

/// `orders` without bad names; `words` says more about them.
fn picky<B: Bench>(words: &str) -> Bed<B> {
    let mut bed = Bed::<B>::new("{}");
    bed.run(&format!(
        "CREATE TABLE orders (id {} PRIMARY KEY, name TEXT {words} CHECK (name <> 'bad'), price {})",
        B::WORDS.key,
        B::WORDS.price,
    ));
    bed.plan(&upsert(&orders())).unwrap();
    bed
}

fn mixed() -> TableRows {
    let all = [
        (Insert, json!({"id": 1, "name": "good", "price": "1.00"})),
        (Insert, json!({"id": 2, "name": null, "price": "1.00"})),
        (Update, json!({"id": 3, "name": "bad", "price": "0.00"})),
        (Insert, json!({"name": "no key"})),
        (Insert, json!({"id": 4, "name": "good", "price": "2.00"})),
    ];
    rows(&orders(), &all)
}

/// In the transaction of the others.
pub fn refused_rows_are_kept_and_the_others_are_written<B: Bench>() {
    let mut bed = picky::<B>("NOT NULL");
    let outcome = bed.write(vec![mixed()]).unwrap();
    assert_eq!(outcome.rows_written, 2);
    let rejected: Vec<_> = outcome.rejected.iter().map(|r| (r.row, r.code.as_str())).collect();
    assert_eq!(rejected, [(1, "constraint"), (2, "constraint"), (3, "null-key")]);
    assert_eq!(bed.query("SELECT id FROM orders ORDER BY id"), ["1", "4"]);
    assert_eq!(
        bed.letters(),
        [
            r#"orders|insert|{"id":2,"name":null,"price":"1.00"}|constraint|1|pending"#,
            r#"orders|update|{"id":3,"name":"bad","price":"0.00"}|constraint|1|pending"#,
            r#"orders|insert|{"id":null,"name":"no key","price":null}|null-key|1|pending"#,
        ]
    );
}

/// And the failure says which row it was.
pub fn without_dead_letters_nothing_is_written<B: Bench>() {
    let mut bed = picky::<B>("NOT NULL");
    let good = (Insert, json!({"id": 1, "name": "good", "price": "1.00"}));
    for (bad, words) in [
        (json!({"id": 2, "name": null}), ["row 1 ", "orders", "constraint", "name"]),
        (json!({"name": "no key"}), ["row 1 ", "orders", "null-key", "column id"]),
    ] {
        let mut request = bed.request(vec![rows(&orders(), &[good.clone(), (Insert, bad)])]);
        request.dead_letter_rejected = false;
        request.dead_letters = vec![DeadLetter::new("orders", "x", "y", "z", "o")];
        let failure = bed.send(request).unwrap_err();
        assert_eq!((failure.action, failure.code.as_str()), (Action::Stop, "row-rejected"));
        for word in words {
            assert!(failure.message.contains(word), "{word}: {failure}");
        }
    }
    assert_eq!(bed.query("SELECT count(*) FROM orders"), ["0"]);
    assert!(bed.letters().is_empty());
    let markers = format!("SELECT stream FROM {}", bed.bench.metadata(crate::sql::MARKERS));
    assert!(bed.query(&markers).is_empty());
}

/// A batch that is written again brings its letters again.
pub fn the_same_letter_again_raises_its_count<B: Bench>() {
    let mut bed = Bed::<B>::new("{}");
    for payload in ["{", "{", "["] {
        let mut request = bed.request(Vec::new());
        request.dead_letters =
            vec![DeadLetter::new("orders", "malformed-row", "m", payload, "f:1")];
        bed.send(request).unwrap();
    }
    assert_eq!(
        bed.letters(),
        ["orders|unknown|{|malformed-row|2|pending", "orders|unknown|[|malformed-row|1|pending"]
    );
}

/// However many rows there are beside it.
pub fn what_a_key_was_before_its_bad_row_stays<B: Bench>() {
    let all = [
        (Insert, json!({"id": 1, "name": "first", "price": "1.00"})),
        (Update, json!({"id": 1, "name": "bad", "price": "0.00"})),
        (Update, json!({"id": 1, "name": "~", "price": "9.00"})),
    ];
    for others in [0, 100, 10_100] {
        let mut bed = picky::<B>("");
        let other = |id| (Insert, json!({"id": id, "name": "other", "price": "1.00"}));
        let rest: Vec<_> = (10..10 + others).map(other).collect();
        let outcome = bed.write(vec![rows(&orders(), &[&all[..], &rest].concat())]).unwrap();
        let places: Vec<_> = outcome.rejected.iter().map(|rejected| rejected.row).collect();
        assert_eq!(places, [1], "{others}");
        let row = "SELECT id, name, price FROM orders WHERE id = 1";
        assert_eq!(bed.query(row), ["1|first|9.00"], "{others}");
    }
}
