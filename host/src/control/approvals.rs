//! `GET /v1/approvals`: changes of tables' shapes that the destination has not, and what the rules say of them.

use axum::{http::StatusCode, response::Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::{Told, json};
use crate::{
    runner::{Desk, Subject, Waiting, Waits},
    schema::Verdict,
};

/// What the request looks like.
pub const EXAMPLE: &str = "/v1/approvals?schema=public";

/// Whose changes are shown.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalsQuery {
    /// The schema, which a run of one schema need not be told.
    #[serde(default)]
    pub schema: Option<String>,
}

/// The changes of a schema's tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approvals {
    pub changes: Vec<ChangeView>,
}

/// A change that the source made and the destination has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeView {
    pub table: String,
    pub change: Subject,
    /// The column's type so far.
    pub was: Option<String>,
    /// `apply`, `keep`, `ask` or `refuse`: what the rules say.
    pub verdict: String,
    /// Why it is asked about, or refused.
    pub reason: Option<String>,
    /// `approved` or `rejected`, where a person said so.
    pub decision: Option<String>,
}

impl ChangeView {
    /// All changes of some tables.
    pub fn all(waits: &Waits) -> Vec<Self> {
        let each = waits
            .iter()
            .flat_map(|(table, changes)| changes.iter().map(move |change| Self::of(table, change)));
        each.collect()
    }

    fn of(table: &str, waiting: &Waiting) -> Self {
        let Waiting { about, was, verdict, decision } = waiting;
        let (verdict, reason) = match verdict {
            Verdict::Apply => ("apply", None),
            Verdict::Keep => ("keep", None),
            Verdict::Ask(reason) => ("ask", Some(reason)),
            Verdict::Refuse(reason) => ("refuse", Some(reason)),
        };
        let decided = decision.as_ref().map(|it| if it.approved { "approved" } else { "rejected" });
        Self {
            table: table.to_owned(),
            change: about.clone(),
            was: was.clone(),
            verdict: verdict.to_owned(),
            reason: reason.map(ToString::to_string),
            decision: decided.map(str::to_owned),
        }
    }
}

/// Looks at the source and the destination.
pub async fn list(desk: &Desk, query: ApprovalsQuery) -> Response {
    match desk.waits(query.schema.as_deref()).await {
        Ok(waits) => json(StatusCode::OK, &Approvals { changes: ChangeView::all(&waits) }),
        Err(error) => json(StatusCode::CONFLICT, &Told::of(&error)),
    }
}
