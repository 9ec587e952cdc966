//! The routes, version 1.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{StatusCode, Uri},
    response::Response,
    routing::{get, post, put},
};
use tokio_util::sync::CancellationToken;

use super::{
    answers::{json, said},
    approvals,
    events::Events,
    letters::{self, LettersBody},
    openapi::DOCUMENT,
    orders::{self, OrderBody},
    overview::overview,
    process::{self, Level, Process},
    query::asked,
    repair::{self, RepairBody},
    status::status,
    tables::{self, tables},
    verify::{self, reports},
};
use crate::{
    monitor::{Health, Metrics},
    runner::Desk,
};

/// The run that is asked.
pub struct Run {
    /// The pipeline's name.
    pub pipeline: String,
    /// When the process began, as in RFC 3339.
    pub since: String,
    pub desk: Desk,
    pub health: Health,
    pub metrics: Metrics,
    pub process: Process,
}

/// What the routes share.
struct Shared {
    run: Arc<Run>,
    events: Events,
}

/// The routes of a run, until it is `over`.
pub fn routes(run: Arc<Run>, over: CancellationToken) -> Router {
    let events = Events::new(run.health.clone(), over);
    Router::new()
        .route("/v1/status", get(show_status))
        .route("/v1/overview", get(show_overview))
        .route("/v1/tables", get(show_tables))
        .route("/v1/letters", get(list_letters).post(settle_letters))
        .route("/v1/approvals", get(list_approvals))
        .route("/v1/verify", get(show_proofs))
        .route("/v1/events", get(listen))
        .route("/v1/orders", post(carry_out))
        .route("/v1/repair", post(repair_rows))
        .route("/v1/drain", post(drain))
        .route("/v1/reload", post(reload))
        .route("/v1/log-level", put(set_level))
        .route("/v1/openapi.json", get(describe))
        .with_state(Arc::new(Shared { run, events }))
}

type Asked = State<Arc<Shared>>;

async fn show_status(State(shared): Asked) -> Response {
    let Run { pipeline, since, health, metrics, .. } = &*shared.run;
    json(StatusCode::OK, &status(pipeline, since, health, metrics))
}

async fn show_overview(State(shared): Asked) -> Response {
    let Run { pipeline, since, health, metrics, .. } = &*shared.run;
    json(StatusCode::OK, &overview(pipeline, since, health, metrics))
}

async fn show_tables(State(shared): Asked, uri: Uri) -> Response {
    match asked(&uri, tables::EXAMPLE) {
        Ok(query) => json(StatusCode::OK, &tables(&query, &shared.run.health, &shared.run.metrics)),
        Err(told) => json(StatusCode::BAD_REQUEST, &told),
    }
}

async fn show_proofs(State(shared): Asked, uri: Uri) -> Response {
    match asked(&uri, verify::EXAMPLE) {
        Ok(query) => json(StatusCode::OK, &reports(&query, &shared.run.health)),
        Err(told) => json(StatusCode::BAD_REQUEST, &told),
    }
}

async fn list_letters(State(shared): Asked, uri: Uri) -> Response {
    match asked(&uri, letters::QUERY_EXAMPLE) {
        Ok(query) => letters::list(&shared.run.desk, query).await,
        Err(told) => json(StatusCode::BAD_REQUEST, &told),
    }
}

async fn settle_letters(State(shared): Asked, body: Body) -> Response {
    match said::<LettersBody>(body, letters::BODY_EXAMPLE).await {
        Ok(order) => letters::carry_out(&shared.run.desk, order).await,
        Err(refused) => refused,
    }
}

async fn list_approvals(State(shared): Asked, uri: Uri) -> Response {
    match asked(&uri, approvals::EXAMPLE) {
        Ok(query) => approvals::list(&shared.run.desk, query).await,
        Err(told) => json(StatusCode::BAD_REQUEST, &told),
    }
}

async fn listen(State(shared): Asked) -> Response {
    shared.events.answer()
}

async fn carry_out(State(shared): Asked, body: Body) -> Response {
    match said::<OrderBody>(body, orders::EXAMPLE).await {
        Ok(order) => orders::carry_out(&shared.run.desk, order).await,
        Err(refused) => refused,
    }
}

async fn repair_rows(State(shared): Asked, body: Body) -> Response {
    match said::<RepairBody>(body, repair::EXAMPLE).await {
        Ok(order) => repair::carry_out(&shared.run.desk, order).await,
        Err(refused) => refused,
    }
}

async fn drain(State(shared): Asked) -> Response {
    shared.run.process.drain()
}

async fn reload(State(shared): Asked) -> Response {
    shared.run.process.reload().await
}

async fn describe() -> Response {
    json(StatusCode::OK, &*DOCUMENT)
}

async fn set_level(State(shared): Asked, body: Body) -> Response {
    match said::<Level>(body, process::LEVEL_EXAMPLE).await {
        Ok(level) => shared.run.process.set_level(level),
        Err(refused) => refused,
    }
}
