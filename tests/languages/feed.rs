//! A feed that grows, and that knows what a copy of it must hold.

use std::collections::BTreeMap;

use cartridge_warp_tests::{Pipeline, rows::sqlite_query};
use fastrand::Rng;
use serde_json::{Value, json};

const ORDERS: &str = "id:bigint:key\tname:string\tprice:double\tpaid:boolean\n";
const EVENTS: &str = "id:bigint\ttext:string\n";

/// A value as a feed has it.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => "\\N".to_owned(),
        Value::String(text) => {
            let text = text.replace('\\', "\\\\").replace('\t', "\\t");
            text.replace('\n', "\\n").replace('\r', "\\r")
        }
        other => other.to_string(),
    }
}

/// `orders` with a key, which see every operation, and `events` without, where a row that comes twice would show.
pub struct Feed {
    random: Rng,
    orders: BTreeMap<i64, Vec<Value>>,
    events: i64,
}

impl Feed {
    /// Writes the rows that are there at the beginning.
    pub fn open(pipeline: &Pipeline, seed: u64, rows: i64) -> Self {
        let mut feed = Self { random: Rng::with_seed(seed), orders: BTreeMap::new(), events: rows };
        let orders: String = (0..rows).map(|id| feed.order(id)).collect();
        pipeline.write("orders.tsv", &(ORDERS.to_owned() + &orders));
        let events: String = (0..rows).map(event).collect();
        pipeline.write("events.tsv", &(EVENTS.to_owned() + &events));
        feed
    }

    /// Appends some changes of every kind.
    pub fn change(&mut self, pipeline: &Pipeline, changes: usize) {
        let mut lines = String::new();
        for _ in 0..changes {
            let id = self.random.i64(0..3000);
            let known = self.orders.contains_key(&id);
            lines += &match (known, self.random.u8(0..4)) {
                (true, 0) => {
                    self.orders.remove(&id);
                    format!("delete\t{id}\n")
                }
                (true, _) => format!("update\t{}", self.order(id)),
                (false, _) => format!("insert\t{}", self.order(id)),
            };
        }
        pipeline.append("orders.changes.tsv", &lines);
        let first = self.events;
        self.events += i64::try_from(changes).unwrap();
        let events: String =
            (first..self.events).map(|id| format!("insert\t{}", event(id))).collect();
        // A writer may be cut off in mid-line.
        let (begun, rest) = events.split_at(events.len() - 4);
        pipeline.append("events.changes.tsv", begun);
        pipeline.append("events.changes.tsv", rest);
    }

    /// What differs at the destination, if anything does.
    pub fn difference(&self, pipeline: &Pipeline) -> Option<String> {
        let rows = sqlite_query(&pipeline.database(), "SELECT * FROM orders ORDER BY id");
        let found: Vec<_> = rows
            .iter()
            .map(|row| ["id", "name", "price", "paid"].map(|name| row[name].clone()).to_vec())
            .collect();
        // SQLite has no booleans.
        let number =
            |value: &Value| value.as_bool().map_or(value.clone(), |it| json!(i64::from(it)));
        let wanted: Vec<Vec<Value>> =
            self.orders.values().map(|row| row.iter().map(number).collect()).collect();
        if found != wanted {
            let different = wanted.iter().zip(&found).find(|(wanted, found)| wanted != found);
            return Some(format!("orders: {} of {}, {different:?}", found.len(), wanted.len()));
        }
        let rows = sqlite_query(&pipeline.database(), "SELECT id, text FROM events ORDER BY id");
        let ids: Vec<i64> = rows.iter().map(|row| row["id"].as_i64().unwrap()).collect();
        let all = ids.iter().copied().eq(0..self.events);
        (!all).then(|| format!("events: {} of {}", ids.len(), self.events))
    }

    /// An order in its newest form.
    fn order(&mut self, id: i64) -> String {
        let random = &mut self.random;
        let names = [Value::Null, json!(""), json!("Grüße\t\\ 🌍\r\n"), json!("N"), json!("plain")];
        let name = names[random.usize(0..names.len())].clone();
        let price = json!(f64::from(random.i32(-100_000..100_000)) / 8.0);
        let paid = [Value::Null, json!(true), json!(false)][random.usize(0..3)].clone();
        let row = vec![json!(id), name, price, paid];
        let line = row.iter().map(cell).collect::<Vec<_>>().join("\t") + "\n";
        self.orders.insert(id, row);
        line
    }
}

fn event(id: i64) -> String {
    format!("{id}\tevent {id}\n")
}
