//! The requests that a run answers, as `openapi` describes them.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{
    approvals::{Approvals, ApprovalsQuery},
    letters::{LetterList, LettersAnswer, LettersBody, LettersQuery},
    orders::{OrderAnswer, OrderBody},
    overview::Overview,
    process::{Draining, Level, Reload},
    repair::{RepairAnswer, RepairBody},
    tables::{TablePage, TablesQuery},
    verify::{VerifyQuery, VerifyReports},
    view::Status,
};
use crate::monitor::Event;

/// The form of a body, and the place for what it is made of.
pub type Form = fn(&mut SchemaGenerator) -> Schema;

/// One request.
pub struct Request {
    pub method: &'static str,
    pub path: &'static str,
    pub does: &'static str,
    /// What is asked behind `?`.
    pub query: Option<Form>,
    pub body: Option<Form>,
    pub code: &'static str,
    pub answer: Option<Form>,
    pub kind: &'static str,
    /// Codes of answers that are errors, with when they come.
    pub errors: &'static [(&'static str, &'static str)],
}

pub const JSON: &str = "application/json";
const BAD_BODY: (&str, &str) = ("400", "The body is none that is understood.");
const BAD_QUERY: (&str, &str) = ("400", "What is asked behind `?` is not understood.");
const NOT_LOOKED: (&str, &str) =
    ("409", "There is no such schema, a side does not answer, or it keeps no dead letters.");

/// All of them.
pub const REQUESTS: &[Request] = &[
    Request {
        method: "get",
        path: "/v1/status",
        does: "What each schema, table and connector of the run is doing, as of now.",
        query: None,
        body: None,
        code: "200",
        answer: Some(of::<Status>),
        kind: JSON,
        errors: &[],
    },
    Request {
        method: "get",
        path: "/v1/overview",
        does: "The run in a few numbers, however many tables it has, and what changed lately.",
        query: None,
        body: None,
        code: "200",
        answer: Some(of::<Overview>),
        kind: JSON,
        errors: &[],
    },
    Request {
        method: "get",
        path: "/v1/tables",
        does: "Tables by the page, sought and sorted.",
        query: Some(of::<TablesQuery>),
        body: None,
        code: "200",
        answer: Some(of::<TablePage>),
        kind: JSON,
        errors: &[BAD_QUERY],
    },
    Request {
        method: "get",
        path: "/v1/letters",
        does: "Open dead letters of a schema, without their rows; asks its destination.",
        query: Some(of::<LettersQuery>),
        body: None,
        code: "200",
        answer: Some(of::<LetterList>),
        kind: JSON,
        errors: &[BAD_QUERY, NOT_LOOKED],
    },
    Request {
        method: "post",
        path: "/v1/letters",
        does: "Tries open dead letters of a schema again, or discards them; answers when that is committed.",
        query: None,
        body: Some(of::<LettersBody>),
        code: "200",
        answer: Some(of::<LettersAnswer>),
        kind: JSON,
        errors: &[BAD_BODY, NOT_LOOKED],
    },
    Request {
        method: "get",
        path: "/v1/approvals",
        does: "Changes of the shapes of a schema's tables; asks its source and its destination.",
        query: Some(of::<ApprovalsQuery>),
        body: None,
        code: "200",
        answer: Some(of::<Approvals>),
        kind: JSON,
        errors: &[BAD_QUERY, NOT_LOOKED],
    },
    Request {
        method: "get",
        path: "/v1/verify",
        does: "What the last comparison of each schema's rows found.",
        query: Some(of::<VerifyQuery>),
        body: None,
        code: "200",
        answer: Some(of::<VerifyReports>),
        kind: JSON,
        errors: &[BAD_QUERY],
    },
    Request {
        method: "get",
        path: "/v1/events",
        does: "What changes from now on, as server-sent events: `state` with an event, `lost` with how many were \
               lost by reading too slowly.",
        query: None,
        body: None,
        code: "200",
        answer: Some(of::<Event>),
        kind: "text/event-stream",
        errors: &[("503", "Too many listen already.")],
    },
    Request {
        method: "post",
        path: "/v1/orders",
        does: "Pauses tables, has them back or copied again, forgets them, decides about changes of their shape; answers when \
               that is committed.",
        query: None,
        body: Some(of::<OrderBody>),
        code: "200",
        answer: Some(of::<OrderAnswer>),
        kind: JSON,
        errors: &[
            BAD_BODY,
            ("409", "Some schemas refuse it (an answer with `refused`), or all (an error)."),
        ],
    },
    Request {
        method: "post",
        path: "/v1/repair",
        does: "Looks rows up at the source by their keys and writes them as they are there; answers when that is committed.",
        query: None,
        body: Some(of::<RepairBody>),
        code: "200",
        answer: Some(of::<RepairAnswer>),
        kind: JSON,
        errors: &[
            BAD_BODY,
            ("409", "There is no such schema or table, or a side does not answer."),
        ],
    },
    Request {
        method: "post",
        path: "/v1/drain",
        does: "Ends the run as SIGTERM does.",
        query: None,
        body: None,
        code: "202",
        answer: Some(of::<Draining>),
        kind: JSON,
        errors: &[],
    },
    Request {
        method: "post",
        path: "/v1/reload",
        does: "Reads the configuration again, as SIGHUP does.",
        query: None,
        body: None,
        code: "200",
        answer: Some(of::<Reload>),
        kind: JSON,
        errors: &[
            ("422", "It cannot be run; the run goes on as it was."),
            ("409", "The run is ending."),
        ],
    },
    Request {
        method: "put",
        path: "/v1/log-level",
        does: "Sets the level of the log, until the configuration is read again.",
        query: None,
        body: Some(of::<Level>),
        code: "200",
        answer: Some(of::<Level>),
        kind: JSON,
        errors: &[BAD_BODY, ("409", "A variable of the environment says what is logged.")],
    },
    Request {
        method: "get",
        path: "/v1/openapi.json",
        does: "This document.",
        query: None,
        body: None,
        code: "200",
        answer: None,
        kind: JSON,
        errors: &[],
    },
];

/// The form of this type.
pub fn of<T: JsonSchema>(forms: &mut SchemaGenerator) -> Schema {
    forms.subschema_for::<T>()
}
