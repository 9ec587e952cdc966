//! A small shop whose files grow, and that knows what a copy of them must hold.
//!
//! `customers.csv` and `orders.ndjson` are keyed and see inserts, updates and deletes;
//! `events.ndjson` is a log that is only appended to, where a row written twice would show.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::{Pipeline, rows::Row};

/// The shop's state, which is what the destination must come to.
pub struct Shop {
    random: Rng,
    pub orders: BTreeMap<u64, Value>,
    pub customers: BTreeMap<u64, Value>,
    /// Number of events ever written; their ids are 0, 1, 2, …
    pub events: u64,
    next_order: u64,
    next_customer: u64,
}

impl Shop {
    /// A shop without rows; the seed decides all that is to come.
    pub fn new(seed: u64) -> Self {
        Self {
            random: Rng::with_seed(seed),
            orders: BTreeMap::new(),
            customers: BTreeMap::new(),
            events: 0,
            next_order: 1,
            next_customer: 1,
        }
    }

    /// Writes the first files.
    pub fn open(&mut self, pipeline: &Pipeline, orders: usize, customers: usize, events: usize) {
        pipeline.write("customers.csv", "_op,id,name,email,active\n");
        pipeline.append("customers.csv", &self.many(customers, Self::insert_customer));
        pipeline.append("orders.ndjson", &self.many(orders, Self::insert_order));
        pipeline.append("events.ndjson", &self.many(events, Self::event));
    }

    /// Appends some changes of every kind.
    pub fn trade(&mut self, pipeline: &Pipeline, changes: usize) {
        let orders = self.many(changes, |shop| match shop.random.u8(0..10) {
            0..4 => shop.insert_order(),
            4..8 => shop.update_order(),
            _ => shop.delete_order(),
        });
        pipeline.append("orders.ndjson", &orders);
        let customers = self.many(changes / 4, |shop| match shop.random.u8(0..4) {
            0..3 => shop.insert_customer(),
            _ => shop.delete_customer(),
        });
        pipeline.append("customers.csv", &customers);
        let events = self.many(changes / 2, Self::event);
        pipeline.append("events.ndjson", &events);
    }

    fn many(&mut self, count: usize, mut line: impl FnMut(&mut Self) -> String) -> String {
        let mut lines = String::new();
        for _ in 0..count {
            lines.push_str(&line(self));
            lines.push('\n');
        }
        lines
    }

    fn order(&mut self, id: u64) -> Value {
        let states = ["open", "paid", "shipped"];
        json!({
            "id": id,
            "customer_id": self.random.u64(1..1000),
            "amount": f64::from(self.random.u32(1..100_000)) / 4.0,
            "state": states[self.random.usize(0..states.len())],
            "note": if self.random.bool() { Value::Null } else { json!("Grüße, \"quoted\"\n") },
        })
    }

    fn insert_order(&mut self) -> String {
        let id = self.next_order;
        self.next_order += 1;
        let order = self.order(id);
        self.orders.insert(id, order.clone());
        order.to_string()
    }

    fn some_order(&mut self) -> Option<u64> {
        let below = self.random.u64(0..self.next_order);
        self.orders.range(below..).next().map(|(id, _)| *id)
    }

    fn update_order(&mut self) -> String {
        let Some(id) = self.some_order() else { return self.insert_order() };
        let order = self.order(id);
        self.orders.insert(id, order.clone());
        let mut line = order;
        line["_op"] = json!("update");
        line.to_string()
    }

    fn delete_order(&mut self) -> String {
        let Some(id) = self.some_order() else { return self.insert_order() };
        self.orders.remove(&id);
        json!({"_op": "delete", "id": id}).to_string()
    }

    fn insert_customer(&mut self) -> String {
        let id = self.next_customer;
        self.next_customer += 1;
        let name = format!("Customer, {id}");
        let (email, active) = (format!("c{id}@example.com"), self.random.bool());
        let row = json!({"id": id, "name": name, "email": email, "active": i64::from(active)});
        self.customers.insert(id, row);
        format!("insert,{id},\"{name}\",{email},{active}")
    }

    fn delete_customer(&mut self) -> String {
        let below = self.random.u64(0..self.next_customer);
        match self.customers.range(below..).next().map(|(id, _)| *id) {
            Some(id) => {
                self.customers.remove(&id);
                format!("delete,{id},,,")
            }
            None => self.insert_customer(),
        }
    }

    fn event(&mut self) -> String {
        let id = self.events;
        self.events += 1;
        json!({"event": id, "kind": "click"}).to_string()
    }

    /// The rows that a table must hold, by key.
    pub fn expected(table: &BTreeMap<u64, Value>) -> Vec<Row> {
        let row = |value: &Value| {
            let object = value.as_object().expect("rows are objects");
            object.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        table.values().map(row).collect()
    }

    /// The first difference between the shop and a SQLite copy of it; none when they are equal.
    pub fn difference(&self, pipeline: &Pipeline) -> Option<String> {
        let database = pipeline.database();
        let keyed = [("orders", &self.orders), ("customers", &self.customers)];
        for (table, rows) in keyed {
            let found = crate::rows::sqlite_rows(&database, table, "id");
            let expected = Self::expected(rows);
            if found.len() != expected.len() {
                return Some(format!("{table}: {} rows, not {}", found.len(), expected.len()));
            }
            if let Some((have, want)) = found.iter().zip(&expected).find(|(a, b)| a != b) {
                return Some(format!("{table}: {have:?}, not {want:?}"));
            }
        }
        let sql = "SELECT count(*) AS n, count(DISTINCT event) AS d, max(event) AS m FROM events";
        let events = crate::rows::sqlite_query(&database, sql).remove(0);
        let number = |column: &str| events[column].as_u64().unwrap_or_default();
        let (rows, distinct, last) = (number("n"), number("d"), number("m"));
        if (rows, distinct, last + 1) != (self.events, self.events, self.events) {
            return Some(format!(
                "events: {rows} rows, {distinct} distinct, last {last}, not {} once each",
                self.events
            ));
        }
        None
    }
}
