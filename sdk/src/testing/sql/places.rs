//! Tables under other names than those of the source.

use serde_json::json;

use super::{Bed, Bench, orders, rows, upsert};
use crate::Operation::Insert;
use crate::{ChangeOutcome, Destination, Location, SchemaChange, TablePlace, TablePlan};

fn kept_as(name: &str, table: &str) -> TablePlan {
    let place = Some(TablePlace::new("shop", table));
    TablePlan { name: name.to_owned(), place, ..upsert(&orders()) }
}

fn locate<B: Bench>(bed: &mut Bed<B>, table: &str) -> Location {
    let place = TablePlace::new("shop", table);
    bed.bench.destination().locate("shop", &[place]).unwrap().remove(0)
}

/// By its name at the source everything else finds it, also on a connection that was not told.
pub fn a_table_is_kept_where_its_plan_says<B: Bench>() {
    let mut bed = Bed::<B>::new("{}");
    assert!(!locate(&mut bed, "sales").exists);
    bed.plan(&kept_as("orders", "sales")).unwrap();
    bed.write(vec![rows(&orders(), &[(Insert, json!({"id": 1, "name": "a"}))])]).unwrap();
    assert_eq!(bed.query("SELECT id FROM sales"), ["1"]);
    let found = locate(&mut bed, "sales");
    assert_eq!((found.exists, found.owner), (true, Some(TablePlace::new("shop", "orders"))));
    assert!(!locate(&mut bed, "orders").exists);
    let mut other = bed.bench.connect();
    let epoch = other.claim_schema("shop", "other").unwrap();
    let drop = [SchemaChange::drop_table("orders")];
    let dropped = other.apply_schema_changes("shop", &drop, epoch).unwrap();
    assert_eq!(dropped, [ChangeOutcome::Applied]);
    assert!(!locate(&mut bed, "sales").exists);
}

/// A table has one place, and what it leaves is nobody's.
pub fn a_table_that_moves_leaves_what_was_there<B: Bench>() {
    let mut bed = Bed::<B>::new("{}");
    bed.plan(&upsert(&orders())).unwrap();
    bed.write(vec![rows(&orders(), &[(Insert, json!({"id": 1}))])]).unwrap();
    bed.plan(&kept_as("orders", "sales")).unwrap();
    bed.write(vec![rows(&orders(), &[(Insert, json!({"id": 2}))])]).unwrap();
    assert_eq!(bed.query("SELECT id FROM orders"), ["1"]);
    assert_eq!(bed.query("SELECT id FROM sales"), ["2"]);
    let left = locate(&mut bed, "orders");
    assert_eq!((left.exists, left.owner), (true, None));
    let taken = bed.plan(&kept_as("items", "sales")).unwrap_err();
    assert_eq!(taken.code, "table-name-taken");
    bed.run("DROP TABLE sales");
    bed.plan(&kept_as("items", "sales")).unwrap();
    let items = Some(TablePlace::new("shop", "items"));
    assert_eq!(locate(&mut bed, "sales").owner, items);
}
