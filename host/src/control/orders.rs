//! `POST /v1/orders`: what is to become of tables.
//!
//! One form for all orders, since a table's name may have any character and one order may name several.

use std::collections::BTreeMap;

use axum::{http::StatusCode, response::Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    answers::{Told, json},
    done::TableDone,
};
use crate::{
    config::Resync,
    runner::{Answers, Choice, Desk, DeskError, Order},
};

/// What an order's body looks like.
pub const EXAMPLE: &str = r#"{"order": "pause", "tables": ["orders"]}"#;

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "order", rename_all = "lowercase")]
pub enum OrderBody {
    /// Leave tables out from now on.
    Pause(Tables),
    /// Have those back that are parked or paused; all of them, where none is named.
    Resume(Tables),
    /// Copy tables again, whatever they are doing.
    Resync(Tables),
    /// Forget tables that the lists leave out, and remove them at the destination.
    Drop(Forget),
    /// Let changes of shape through that wait for a person.
    Approve(Decide),
    /// Go on without them.
    Reject(Decide),
}

/// Which tables an order is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tables {
    /// Their names, `schema.table` where the run has several schemas.
    #[serde(default)]
    pub tables: Vec<String>,
    /// Do it although another run, which may be gone, holds the schema.
    #[serde(default)]
    pub take_over: bool,
}

/// Which tables are dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Forget {
    /// Their names, `schema.table` where the run has several schemas.
    #[serde(default)]
    pub tables: Vec<String>,
    /// Do it although another run, which may be gone, holds the schema.
    #[serde(default)]
    pub take_over: bool,
    /// Leave the destination's tables as they are.
    #[serde(default)]
    pub keep_rows: bool,
}

/// Which changes are decided about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// Their names, `schema.table` where the run has several schemas.
    #[serde(default)]
    pub tables: Vec<String>,
    /// Do it although another run, which may be gone, holds the schema.
    #[serde(default)]
    pub take_over: bool,
    /// Only the changes of these columns.
    #[serde(default)]
    pub columns: Vec<String>,
}

/// What came of an order, by schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderAnswer {
    /// What became of the tables of schemas in which the order is committed.
    pub done: BTreeMap<String, Vec<TableDone>>,
    /// Why nothing was changed in the others.
    pub refused: BTreeMap<String, Told>,
}

impl OrderBody {
    /// An order to change the states of tables.
    pub fn states(order: Order, tables: Tables) -> Self {
        match order {
            Order::Pause => Self::Pause(tables),
            Order::Resume => Self::Resume(tables),
            Order::Resync => Self::Resync(tables),
        }
    }
}

/// Carries an order out; the answer comes when it is committed.
pub async fn carry_out(desk: &Desk, body: OrderBody) -> Response {
    let done = match body {
        OrderBody::Pause(about) => states(desk, Order::Pause, about).await,
        OrderBody::Resume(about) => states(desk, Order::Resume, about).await,
        OrderBody::Resync(about) => states(desk, Order::Resync, about).await,
        OrderBody::Drop(about) => drop_tables(desk, about).await,
        OrderBody::Approve(about) => decide(desk, true, about).await,
        OrderBody::Reject(about) => decide(desk, false, about).await,
    };
    match done {
        Ok(answers) => answered(answers),
        Err(refused) => refused,
    }
}

/// What became of tables, by schema; or an answer that says why nothing was asked for.
type Done = Result<Answers<Vec<TableDone>>, Response>;

async fn states(desk: &Desk, order: Order, about: Tables) -> Done {
    let Tables { tables, take_over } = about;
    let tables = match (order, tables.is_empty()) {
        (Order::Resume, true) => Resync::All,
        _ => named(tables).ok_or_else(nameless)?,
    };
    let ordered = desk.order(order, tables, take_over).await.map_err(refused)?;
    Ok(each(ordered, |ordered| ordered.into_iter().map(TableDone::ordered).collect()))
}

async fn drop_tables(desk: &Desk, about: Forget) -> Done {
    let Forget { tables, take_over, keep_rows } = about;
    let tables = named(tables).ok_or_else(nameless)?;
    let dropped = desk.drop_tables(tables, keep_rows, take_over).await.map_err(refused)?;
    let done = |dropped| TableDone::dropped(dropped, keep_rows);
    Ok(each(dropped, |dropped| dropped.into_iter().map(done).collect()))
}

async fn decide(desk: &Desk, approved: bool, about: Decide) -> Done {
    let Decide { tables, take_over, columns } = about;
    let (tables, choice) = (named(tables).ok_or_else(nameless)?, Choice { approved, columns });
    let decided = desk.decide(tables, choice, take_over).await.map_err(refused)?;
    Ok(each(decided, |decided| TableDone::decided(decided, approved)))
}

/// None where none is named.
fn named(tables: Vec<String>) -> Option<Resync> {
    (!tables.is_empty()).then(|| Resync::Tables(tables.into_iter().collect()))
}

fn nameless() -> Response {
    let help = format!("name tables: {EXAMPLE}");
    let told = Told::bad_request("the order names no tables".to_owned(), help);
    json(StatusCode::BAD_REQUEST, &told)
}

fn refused(error: DeskError) -> Response {
    json(StatusCode::CONFLICT, &Told::of(&error))
}

fn each<T>(answers: Answers<T>, done: impl Fn(T) -> Vec<TableDone>) -> Answers<Vec<TableDone>> {
    answers.into_iter().map(|(schema, answer)| (schema, answer.map(&done))).collect()
}

fn answered(answers: Answers<Vec<TableDone>>) -> Response {
    let mut answer = OrderAnswer { done: BTreeMap::new(), refused: BTreeMap::new() };
    for (schema, outcome) in answers {
        match outcome {
            Ok(done) => drop(answer.done.insert(schema, done)),
            Err(error) => drop(answer.refused.insert(schema, Told::of(&error))),
        }
    }
    let code = if answer.refused.is_empty() { StatusCode::OK } else { StatusCode::CONFLICT };
    json(code, &answer)
}
