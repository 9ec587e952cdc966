//! Rows that the database refuses, and rows that never were rows (I5).

use serde_json::json;

use super::{Bed, Bench, orders, rows, upsert};
use crate::{
    Action, DeadLetter, Destination, LetterFilter, Operation::Delete, Operation::Insert,
    Operation::Update, Settlement, TableRows,
};

/// `orders` without bad names; `words` says more about them.
pub(super) fn picky<B: Bench>(words: &str) -> Bed<B> {
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

/// Its rows are all read again; the letters of other tables and schemas are none of its.
pub fn a_table_that_is_emptied_settles_its_letters<B: Bench>() {
    let mut bed = picky::<B>("");
    let letter = |table: &str, payload: &str| DeadLetter::new(table, "c", "m", payload, "o");
    let mut request = bed.request(Vec::new());
    request.dead_letters = vec![letter("orders", "1"), letter("orders", "2"), letter("other", "3")];
    bed.send(request).unwrap();
    let letters = bed.bench.metadata(crate::sql::DEAD_LETTERS);
    bed.run(&format!("UPDATE {letters} SET status = 'discarded' WHERE payload = '2'"));
    let mut again =
        bed.request(vec![rows(&orders(), &[(Insert, json!({"id": 3, "name": "bad"}))])]);
    again.clear_tables = vec!["orders".to_owned()];
    again.dead_letters = vec![letter("orders", "1")];
    bed.send(again).unwrap();
    assert_eq!(
        bed.letters(),
        [
            "orders|unknown|1|c|1|resolved",
            "orders|unknown|2|c|1|discarded",
            "other|unknown|3|c|1|pending",
            r#"orders|insert|{"id":3,"name":"bad","price":null}|constraint|1|pending"#,
            "orders|unknown|1|c|1|pending",
        ]
    );
    let said = format!("SELECT resolution FROM {letters} WHERE resolution IS NOT NULL");
    assert_eq!(bed.query(&said), [crate::sql::EMPTIED]);
}

/// A value that is not sent is nowhere where the row is not there; however many rows there are beside it.
pub fn an_update_that_leaves_values_out_needs_its_row<B: Bench>() {
    let one = |id: u64| (Insert, json!({"id": id, "name": "bad", "price": "1.00"}));
    let part = |id: u64| (Update, json!({"id": id, "name": "~", "price": "9.00"}));
    let whole = |id: u64| (Update, json!({"id": id, "name": "whole", "price": "9.00"}));
    let gone = |id: u64| (Delete, json!({"id": id}));
    let good = |id: u64| (Insert, json!({"id": id, "name": "good", "price": "1.00"}));
    for others in [0, 100, 3100] {
        let mut bed = picky::<B>("");
        let rest: Vec<_> = (10..10 + others).map(good).collect();
        bed.write(vec![rows(&orders(), &[&[good(1), one(2), one(3), one(4)], &rest[..]].concat())])
            .unwrap();
        let again: Vec<_> = (10..10 + others).map(part).collect();
        let all = [part(1), part(2), part(3), whole(3), gone(4), part(5), part(5)];
        let outcome = bed.write(vec![rows(&orders(), &[&all[..], &again].concat())]).unwrap();
        let rejected = outcome.rejected.iter().filter(|rejected| rejected.code == "missing-row");
        let mut places: Vec<usize> = rejected.map(|rejected| rejected.row).collect();
        // The row before the whole one may be told, or be one change with it.
        places.retain(|place| *place != 2);
        assert_eq!(places, [1, 5, 6], "{others}: {outcome:?}");
        let first = "SELECT id, name, price FROM orders WHERE id < 10 ORDER BY id";
        assert_eq!(bed.query(first), ["1|good|9.00", "3|whole|9.00"], "{others}");
        let of_rest = "SELECT count(*) FROM orders WHERE id >= 10 AND name = 'good'";
        assert_eq!(bed.query(of_rest), [others.to_string()], "{others}");
    }
}

/// By table, code, state, time and number; in pages that neither letters nor bytes overflow.
pub fn letters_are_read_back<B: Bench>() {
    let mut bed = Bed::<B>::new("{}");
    let none = LetterFilter::default();
    assert_eq!(bed.bench.destination().list_letters("shop", &none, 0, 9, 99).unwrap().letters, []);
    let mut request = bed.request(Vec::new());
    let letter = |table: &str, code: &str, payload: &str| {
        DeadLetter::new(table, code, "m", payload, "o").operation(Update)
    };
    request.dead_letters = vec![
        letter("orders", "a", "1234567890"),
        letter("orders", "b'", "12345\u{1f980}"),
        letter("o\"ther", "a", "x"),
    ];
    request.dead_letters.push(request.dead_letters[2].clone());
    bed.send(request).unwrap();
    let destination = bed.bench.destination();
    let mut list = |filter: &LetterFilter, after, limit, bytes_max| {
        destination.list_letters("shop", filter, after, limit, bytes_max).unwrap()
    };
    let all = list(&none, 0, 9, 999).letters;
    let [first, second, third] = &all[..] else { panic!("{all:?}") };
    assert_eq!(first.letter, letter("orders", "a", "1234567890"));
    assert_eq!((first.count, third.count), (1, 2));
    assert_eq!((first.status.as_str(), &first.resolution), ("pending", &None));
    assert!(0 < first.id && first.id < second.id && second.id < third.id);
    let year_2020 = 1_577_836_800_000_000;
    assert!(first.first_seen_us > year_2020 && first.last_seen_us >= first.first_seen_us);
    let text = |text: &str| Some(text.to_owned());
    let later = third.last_seen_us + 60_000_000;
    for (what, filter, expected) in [
        ("table", LetterFilter { table: text("orders"), ..none.clone() }, &[0, 1][..]),
        ("a name in quotes", LetterFilter { table: text("o\"ther"), ..none.clone() }, &[2]),
        ("code", LetterFilter { code: text("b'"), ..none.clone() }, &[1]),
        ("both", LetterFilter { table: text("orders"), code: text("a"), ..none.clone() }, &[0]),
        ("numbers", LetterFilter { ids: vec![third.id, first.id], ..none.clone() }, &[0, 2]),
        ("open", LetterFilter { status: text("open"), ..none.clone() }, &[0, 1, 2]),
        ("settled", LetterFilter { status: text("resolved"), ..none.clone() }, &[]),
        ("since", LetterFilter { since_us: Some(first.last_seen_us), ..none.clone() }, &[0, 1, 2]),
        ("later", LetterFilter { since_us: Some(later), ..none.clone() }, &[]),
    ] {
        let expected: Vec<_> = expected.iter().map(|at: &usize| all[*at].clone()).collect();
        let page = list(&filter, 0, 9, 999);
        assert_eq!((page.letters, page.more), (expected, false), "{what}");
    }
    for (after, limit, bytes_max, expected, more) in [
        (0, 2, 999, 0..2, true),
        (0, 9, 10, 0..1, true),
        (first.id, 9, 1, 1..2, true),
        (second.id, 9, 1, 2..3, false),
    ] {
        let page = list(&none, after, limit, bytes_max);
        assert_eq!((page.letters, page.more), (all[expected].to_vec(), more), "{after} {limit}");
    }
    assert_eq!(destination.list_letters("other", &none, 0, 9, 99).unwrap().letters, []);
}

/// Those that are open, of their schema; the same letter again is a new one then.
pub fn letters_are_settled<B: Bench>() {
    let mut bed = Bed::<B>::new("{}");
    let letters = || {
        let letter = |table: &str| DeadLetter::new(table, "c", "m", "p", "o");
        vec![letter("a"), letter("a"), letter("b")]
    };
    let mut request = bed.request(Vec::new());
    request.dead_letters = letters();
    bed.send(request).unwrap();
    let destination = bed.bench.destination();
    let open = |counts: &[(&str, u64)]| -> Vec<(String, u64)> {
        counts.iter().map(|(table, count)| ((*table).to_owned(), *count)).collect()
    };
    assert_eq!(destination.count_open("shop").unwrap(), open(&[("a", 1), ("b", 1)]));
    let all = destination.list_letters("shop", &LetterFilter::default(), 0, 9, 99).unwrap().letters;
    let settle = |ids: &[u64], word: &str| Settlement {
        ids: ids.to_vec(),
        status: "discarded".to_owned(),
        resolution: word.to_owned(),
    };
    let first = all[0].id;
    assert_eq!(destination.settle("other", &settle(&[first], "x")).unwrap(), 0);
    assert_eq!(destination.settle("shop", &settle(&[], "x")).unwrap(), 0);
    assert_eq!(destination.settle("shop", &settle(&[first, 999], "no 'use'")).unwrap(), 1);
    assert_eq!(destination.settle("shop", &settle(&[first], "again")).unwrap(), 0);
    assert_eq!(destination.count_open("shop").unwrap(), open(&[("b", 1)]));
    let mut request = bed.request(Vec::new());
    request.dead_letters = letters();
    bed.send(request).unwrap();
    assert_eq!(
        bed.letters(),
        ["a|unknown|p|c|2|discarded", "b|unknown|p|c|2|pending", "a|unknown|p|c|2|pending"]
    );
    let said = format!(
        "SELECT resolution FROM {} WHERE resolution IS NOT NULL",
        bed.bench.metadata(crate::sql::DEAD_LETTERS)
    );
    assert_eq!(bed.query(&said), ["no 'use'"]);
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
