//! `POST /v1/orders`: what is to become of tables.
//!
//! One form for all orders, since a table's name may have any character and one order may name several.

use std::collections::BTreeMap;

use axum::{http::StatusCode, response::Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::{Told, json};
use crate::{
    config::Resync,
    runner::{Answers, Desk, Order, Ordered},
};

/// What an order's body looks like.
pub const EXAMPLE: &str = r#"{"order": "pause", "tables": ["orders"]}"#;

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderBody {
    pub order: OrderWord,
    /// Names of tables, `schema.table` where the run has several schemas; `resume` without names is for all that
    /// are parked or paused.
    #[serde(default)]
    pub tables: Vec<String>,
    /// Do it although another run, which may be gone, holds the schema.
    #[serde(default)]
    pub take_over: bool,
}

/// What is to become of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrderWord {
    /// Leave them out from now on.
    Pause,
    /// Have those back that are parked or paused.
    Resume,
    /// Copy them again, whatever they are doing.
    Resync,
}

/// What came of an order, by schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderAnswer {
    /// What became of the tables of schemas in which the order is committed.
    pub done: BTreeMap<String, Vec<TableOrdered>>,
    /// Why nothing was changed in the others.
    pub refused: BTreeMap<String, Told>,
}

/// What became of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TableOrdered {
    pub table: String,
    /// Its states before and after.
    pub was: String,
    pub is: String,
}

impl From<Order> for OrderWord {
    fn from(order: Order) -> Self {
        match order {
            Order::Pause => Self::Pause,
            Order::Resume => Self::Resume,
            Order::Resync => Self::Resync,
        }
    }
}

impl From<OrderWord> for Order {
    fn from(word: OrderWord) -> Self {
        match word {
            OrderWord::Pause => Self::Pause,
            OrderWord::Resume => Self::Resume,
            OrderWord::Resync => Self::Resync,
        }
    }
}

/// Carries an order out; the answer comes when it is committed.
pub async fn carry_out(desk: &Desk, body: OrderBody) -> Response {
    let OrderBody { order, tables, take_over } = body;
    let tables = match (order, tables.is_empty()) {
        (OrderWord::Resume, true) => Resync::All,
        (_, true) => {
            let help = format!("name tables: {EXAMPLE}");
            let told = Told::bad_request("the order names no tables".to_owned(), help);
            return json(StatusCode::BAD_REQUEST, &told);
        }
        (_, false) => Resync::Tables(tables.into_iter().collect()),
    };
    match desk.order(order.into(), tables, take_over).await {
        Ok(answers) => answered(answers),
        Err(error) => json(StatusCode::CONFLICT, &Told::of(&error)),
    }
}

fn answered(answers: Answers<Vec<Ordered>>) -> Response {
    let mut answer = OrderAnswer { done: BTreeMap::new(), refused: BTreeMap::new() };
    for (schema, outcome) in answers {
        match outcome {
            Ok(ordered) => {
                drop(answer.done.insert(schema, ordered.into_iter().map(shown).collect()))
            }
            Err(error) => drop(answer.refused.insert(schema, Told::of(&error))),
        }
    }
    let code = if answer.refused.is_empty() { StatusCode::OK } else { StatusCode::CONFLICT };
    json(code, &answer)
}

fn shown(ordered: Ordered) -> TableOrdered {
    let Ordered { table, was, is } = ordered;
    TableOrdered { table, was: was.to_owned(), is: is.state.to_owned() }
}
