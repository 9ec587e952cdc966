//! Who may write, and what the host keeps.

use serde_json::json;

use super::{Bed, Bench, marker, orders, rows, upsert};
use crate::{Action, Destination, Marker, Operation::Insert};

/// I3.
pub fn a_runner_that_lost_its_schema_writes_nothing<B: Bench>() {
    let mut old = Bed::<B>::new("{}");
    old.plan(&upsert(&orders())).unwrap();
    let epoch = old.bench.connect().claim_schema("shop", "later").unwrap();
    assert_eq!((old.epoch, epoch), (1, 2));
    let one = || rows(&orders(), &[(Insert, json!({"id": 1}))]);
    let failures = [
        old.write(vec![one()]).unwrap_err(),
        old.plan(&upsert(&orders())).unwrap_err(),
        old.bench.destination().update_marker("shop", &[marker("s", b"1")], 1).unwrap_err(),
        old.change(&[]).unwrap_err(),
        old.bench.destination().update_marker("other", &[], 1).unwrap_err(),
    ];
    for failure in failures {
        assert_eq!((failure.action, failure.code.as_str()), (Action::Stop, "fenced"), "{failure}");
    }
    assert_eq!(old.query("SELECT count(*) FROM orders"), ["0"]);
    let markers = format!("SELECT * FROM {}", old.bench.metadata(crate::sql::MARKERS));
    assert!(old.query(&markers).is_empty());
}

/// They are opaque, and a schema's own.
pub fn markers_are_stored_replaced_and_deleted<B: Bench>() {
    let mut bed = Bed::<B>::new("{}");
    let epoch = bed.epoch;
    let destination = bed.bench.destination();
    let get = |destination: &mut B::Destination, stream: &str| {
        destination.get_marker("shop", stream).unwrap()
    };
    assert_eq!(get(destination, "a"), None);
    let both = [marker("a", b"\x00\xff"), marker("b", b"")];
    destination.update_marker("shop", &both, epoch).unwrap();
    assert_eq!(get(destination, "a").as_deref(), Some(&b"\x00\xff"[..]));
    assert_eq!(get(destination, "b").as_deref(), Some(&b""[..]));
    let gone = Marker { stream: "a".to_owned(), value: None };
    destination.update_marker("shop", &[gone, marker("b", b"2")], epoch).unwrap();
    assert_eq!((get(destination, "a"), get(destination, "b")), (None, Some(b"2".to_vec())));
    assert_eq!(destination.get_marker("other", "b").unwrap(), None);
}
