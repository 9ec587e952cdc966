//! Dead letters whose rows come again.

use serde_json::json;

use super::letters::picky;
use super::{Bed, Bench, orders, rows, upsert};
use crate::Operation::{Insert, Update};
use crate::sql::DEAD_LETTERS;
use crate::{DeadLetter, Destination, KeptLetter, LetterFilter, Settlement, TableRows};

fn bad(ids: &[Option<u32>], name: &str) -> TableRows {
    let row = |id: &Option<u32>| (Insert, json!({"id": id, "name": name, "price": "1.00"}));
    rows(&orders(), &ids.iter().map(row).collect::<Vec<_>>())
}

fn all<B: Bench>(bed: &mut Bed<B>) -> Vec<KeptLetter> {
    let all = LetterFilter::default();
    bed.bench.destination().list_letters("shop", &all, 0, 100, 10_000).unwrap().letters
}

fn letter(key: Option<&str>, message: &str) -> DeadLetter {
    let letter = DeadLetter::new("orders", "c", message, "p", "o").operation(Update);
    letter.key(key.map(str::to_owned))
}

/// Of those whose rows are refused again the newest of the key stays, with the new words; others are settled.
pub fn letters_are_tried_again<B: Bench>() {
    let mut bed = Bed::<B>::new("{}");
    bed.plan(&upsert(&orders())).unwrap();
    let mut request = bed.request(Vec::new());
    let keys = [Some(r#"{"id":"1"}"#), Some(r#"{"id":"2"}"#), None];
    let [one, two, none] = keys;
    request.dead_letters = vec![
        letter(one, "first"),
        letter(one, "second"),
        letter(two, "third"),
        letter(none, "fourth"),
        letter(two, "settled by a person"),
    ];
    bed.send(request).unwrap();
    let ids: Vec<u64> = all(&mut bed).iter().map(|letter| letter.id).collect();
    let discarded = Settlement {
        ids: vec![ids[4]],
        status: "discarded".to_owned(),
        resolution: "not wanted".to_owned(),
    };
    assert_eq!(bed.bench.destination().settle("shop", &discarded).unwrap(), 1);
    let retry = |ids: &[u64]| Settlement {
        ids: ids.to_vec(),
        status: Settlement::RESOLVED.to_owned(),
        resolution: "it's now".to_owned(),
    };
    let mut request = bed.request(vec![bad(&[Some(2)], "written")]);
    request.dead_letters = vec![letter(one, "again"), letter(Some(r#"{"id":"9"}"#), "new")];
    request.retry = Some(retry(&ids));
    bed.send(request).unwrap();
    let told = |letter: &KeptLetter| {
        let KeptLetter { status, count, resolution, letter, .. } = letter;
        format!("{} {status} {count} {}", letter.message, resolution.as_deref().unwrap_or("-"))
    };
    let found: Vec<String> = all(&mut bed).iter().map(told).collect();
    let expected = [
        "first resolved 1 it's now",
        "again pending 2 -",
        "third resolved 1 it's now",
        "fourth resolved 1 it's now",
        "settled by a person discarded 1 not wanted",
        "new pending 1 -",
    ];
    assert_eq!(found, expected);
    assert_eq!(bed.query("SELECT id, name FROM orders"), ["2|written"]);
    // The same letter again is that one.
    let mut request = bed.request(Vec::new());
    request.dead_letters = vec![letter(one, "again"), letter(two, "again")];
    bed.send(request).unwrap();
    let counts: Vec<u64> = all(&mut bed).iter().map(|letter| letter.count).collect();
    assert_eq!(counts, [1, 3, 1, 1, 1, 1, 1], "of another key it is another one");
}

/// A row that is refused has the key of its table; a table from before keys is brought up to date.
pub fn letters_have_the_keys_of_their_rows<B: Bench>() {
    let mut bed = picky::<B>("");
    bed.write(vec![bad(&[Some(7), None], "bad")]).unwrap();
    let keys = |bed: &mut Bed<B>| -> Vec<Option<String>> {
        all(bed).into_iter().map(|letter| letter.letter.key).collect()
    };
    let key = Some(r#"{"id":"7"}"#.to_owned());
    assert_eq!(keys(&mut bed), [key.clone(), None]);
    bed.run(&format!("ALTER TABLE {} DROP COLUMN row_key", bed.bench.metadata(DEAD_LETTERS)));
    assert_eq!(keys(&mut bed), [None, None], "read as it is");
    bed.bench.destination().create_schema_if_not_exists("shop").unwrap();
    bed.write(vec![bad(&[Some(7)], "bad")]).unwrap();
    assert_eq!(keys(&mut bed), [None, None, key]);
}
