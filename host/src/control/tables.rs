//! `GET /v1/tables`: tables by the page, sought and sorted here, since there may be thousands.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{query::parsed, status::table_view, view::TableView};
use crate::monitor::{Health, Metrics};

/// What the request looks like.
pub const EXAMPLE: &str = "/v1/tables?search=order&state=attention&sort=lag&offset=0&limit=50";
/// Tables of one answer (I7).
const PAGE_TABLES_MAX: u32 = 200;
const PAGE_TABLES: u32 = 50;

/// Which tables, and in which order.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TablesQuery {
    /// Part of `schema.table`, in upper or lower case.
    #[serde(default)]
    pub search: String,
    /// Only tables in this state; `attention` are those that are parked, paused, have open dead letters or rows that
    /// are not their source's.
    #[serde(default)]
    pub state: String,
    #[serde(default)]
    pub sort: Sort,
    /// The other way round.
    #[serde(default, deserialize_with = "parsed")]
    pub reverse: bool,
    /// Tables that are left out before the first.
    #[serde(default, deserialize_with = "parsed")]
    pub offset: usize,
    /// Tables at most, 200 of them.
    #[serde(default = "page_tables", deserialize_with = "parsed")]
    #[schemars(range(min = 1, max = 200))]
    pub limit: u32,
}

/// What comes first: the largest of a number, names by the alphabet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    #[default]
    Name,
    State,
    Lag,
    Rows,
    Rate,
    DeadLetters,
}

/// Some of the tables that were sought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TablePage {
    /// How many were found.
    pub found: usize,
    /// How many there are.
    pub all: usize,
    pub tables: Vec<NamedTable>,
}

/// A table and whose it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NamedTable {
    pub schema: String,
    pub table: String,
    #[serde(flatten)]
    pub view: TableView,
}

fn page_tables() -> u32 {
    PAGE_TABLES
}

/// The tables of the run that are sought.
pub fn tables(query: &TablesQuery, health: &Health, metrics: &Metrics) -> TablePage {
    let (mut found, mut all) = (Vec::new(), 0);
    for (name, schema) in health.snapshot() {
        let numbers = metrics.schema(&name).numbers();
        all += schema.states.len();
        for (table, status) in &schema.states {
            let of_table = numbers.get(table).copied().unwrap_or_default();
            let view = table_view(table, status, &schema, of_table);
            let named = NamedTable { schema: name.clone(), table: table.clone(), view };
            if query.means(&named) {
                found.push(named);
            }
        }
    }
    found.sort_by(|a, b| query.order(a, b));
    let limit = query.limit.min(PAGE_TABLES_MAX) as usize;
    let count = found.len();
    let tables = found.into_iter().skip(query.offset).take(limit).collect();
    TablePage { found: count, all, tables }
}

impl TablesQuery {
    fn means(&self, named: &NamedTable) -> bool {
        let NamedTable { schema, table, view } = named;
        let has_state = match self.state.as_str() {
            "" => true,
            "attention" => {
                let has_drift = view.verify.as_ref().is_some_and(|found| found.drifted > 0);
                let is_left_out = ["parked", "paused"].contains(&view.state.as_str());
                has_drift || is_left_out || view.dead_letters > 0
            }
            state => view.state == state,
        };
        let full = || format!("{schema}.{table}").to_lowercase();
        has_state && (self.search.is_empty() || full().contains(&self.search.to_lowercase()))
    }

    fn order(&self, a: &NamedTable, b: &NamedTable) -> Ordering {
        let by_name = (&a.schema, &a.table).cmp(&(&b.schema, &b.table));
        let order = match self.sort {
            Sort::Name => by_name,
            Sort::State => a.view.state.cmp(&b.view.state),
            Sort::Lag => b.view.lag_seconds.total_cmp(&a.view.lag_seconds),
            Sort::Rows => b.view.rows.cmp(&a.view.rows),
            Sort::Rate => b.view.rows_per_second.total_cmp(&a.view.rows_per_second),
            Sort::DeadLetters => b.view.dead_letters.cmp(&a.view.dead_letters),
        };
        let order = if self.reverse { order.reverse() } else { order };
        order.then(by_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::TableStatus;

    fn names(line: &str) -> (usize, Vec<String>) {
        let (health, metrics) = (Health::new(["shop"]), Metrics::new("shop").unwrap());
        let (words, rows) = (["streaming", "parked", "paused"], [5_u64, 0, 9]);
        for (number, table) in ["Alpha", "beta", "gamma"].into_iter().enumerate() {
            let status = TableStatus { state: words[number], ..TableStatus::default() };
            health.set_table("shop", table, status);
            metrics.table("shop", table).records(crate::model::Operation::Insert, rows[number]);
        }
        let uri = line.parse().unwrap();
        let query = crate::control::query::asked::<TablesQuery>(&uri, EXAMPLE).unwrap();
        let page = tables(&query, &health, &metrics);
        assert_eq!(page.all, 3);
        (page.found, page.tables.into_iter().map(|named| named.table).collect())
    }

    #[test]
    fn tables_are_sought_sorted_and_shown_by_the_page() {
        let cases: [(&str, usize, &[&str]); 9] = [
            ("/", 3, &["Alpha", "beta", "gamma"]),
            ("/?reverse=true", 3, &["gamma", "beta", "Alpha"]),
            ("/?search=ALPHA", 1, &["Alpha"]),
            ("/?search=shop.b", 1, &["beta"]),
            ("/?search=nothing", 0, &[]),
            ("/?state=attention", 2, &["beta", "gamma"]),
            ("/?state=parked", 1, &["beta"]),
            ("/?sort=rows", 3, &["gamma", "Alpha", "beta"]),
            ("/?offset=1&limit=1", 3, &["beta"]),
        ];
        for (line, found, expected) in cases {
            assert_eq!(
                names(line),
                (found, expected.iter().map(|it| (*it).to_owned()).collect()),
                "{line}"
            );
        }
    }
}
