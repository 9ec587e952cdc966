//! What the pages say. Pure reads of the shared state.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;

use super::{
    super::{Health, Metrics, MonitorError, SchemaState, health::SchemaHealth},
    page::MetricsPage,
};
use crate::model::{redaction::redact, text::escaped_json};

const PROBES: [&str; 3] = ["/health", "/ready", "/startup"];

/// Tables that a probe shows, of all schemas together (I7).
const TABLES_SHOWN_MAX: usize = 1_000;

/// A probe's body.
#[derive(Serialize)]
struct Report {
    status: &'static str,
    /// Names what makes the answer a no, with the error where there is one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    because: BTreeMap<String, String>,
    schemas: BTreeMap<String, SchemaHealth>,
    /// Tables beyond those that are shown.
    #[serde(skip_serializing_if = "is_zero")]
    tables_left_out: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

pub(super) fn routes(
    path_of_metrics: &str,
    metrics: Metrics,
    health: Health,
    unready_after: Duration,
) -> Result<Router, MonitorError> {
    if !is_usable(path_of_metrics) {
        return Err(MonitorError::MetricsPath { path: path_of_metrics.to_owned() });
    }
    let page = MetricsPage::new(metrics);
    let probe = |answer: fn(&Health) -> Response| {
        let health = health.clone();
        get(move || std::future::ready(answer(&health)))
    };
    let of_ready = health.clone();
    let ready = get(move || std::future::ready(ready_page(&of_ready, unready_after)));
    Ok(Router::new()
        .route(path_of_metrics, get(move || page.clone().answer()))
        .route("/health", probe(health_page))
        .route("/ready", ready)
        .route("/startup", probe(startup_page)))
}

/// A plain path: the router would read braces as captures, and panic on a duplicate.
fn is_usable(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    path.len() > 1 && path.starts_with('/') && path.bytes().all(plain) && !PROBES.contains(&path)
}

/// No while a schema has failed; a schema that retries is still in order. One with parked tables, open
/// dead letters, too much log at its source or rows that are not its source's is degraded, which is a yes: to start
/// again would help none of them.
fn health_page(health: &Health) -> Response {
    let schemas = health.snapshot();
    let failed = schemas.iter().filter_map(|(name, schema)| match &schema.state {
        SchemaState::Failed { error } => Some((name.clone(), error.clone())),
        _ => None,
    });
    let is_degraded = schemas.values().any(|schema| {
        let has_drift = schema.proof.as_ref().is_some_and(|it| it.tables_drifted() > 0);
        has_drift
            || !schema.parked.is_empty()
            || !schema.dead_letters.is_empty()
            || schema.retained.is_some()
    });
    report(if is_degraded { "degraded" } else { "ok" }, "failed", failed.collect(), schemas)
}

/// Yes once every schema has worked, and while none has failed or tries again for so long.
fn ready_page(health: &Health, unready_after: Duration) -> Response {
    let schemas = health.snapshot();
    let waiting = schemas.iter().filter(|(_, schema)| match schema.state {
        SchemaState::Failed { .. } => true,
        SchemaState::Retrying { .. } => {
            let since = schema.retrying_since.map(|since| since.elapsed());
            !schema.has_worked || since.is_some_and(|since| since >= unready_after)
        }
        _ => !schema.has_worked,
    });
    let because = waiting.map(|(name, schema)| (name.clone(), why_waiting(&schema.state)));
    report("ready", "not_ready", because.collect(), schemas)
}

fn startup_page(health: &Health) -> Response {
    let mut because = BTreeMap::new();
    if !health.is_started() {
        because.insert("process".to_owned(), "connectors are being opened".to_owned());
    }
    report("started", "starting", because, health.snapshot())
}

fn why_waiting(state: &SchemaState) -> String {
    match state {
        SchemaState::Retrying { error, .. } | SchemaState::Failed { error } => error.clone(),
        _ => "not connected yet".to_owned(),
    }
}

fn report(
    yes: &'static str,
    no: &'static str,
    because: BTreeMap<String, String>,
    mut schemas: BTreeMap<String, SchemaHealth>,
) -> Response {
    let tables_left_out = leave_out(&mut schemas, TABLES_SHOWN_MAX);
    let (code, status) = match because.is_empty() {
        true => (StatusCode::OK, yes),
        false => (StatusCode::SERVICE_UNAVAILABLE, no),
    };
    match serde_json::to_string(&Report { status, because, schemas, tables_left_out }) {
        Ok(body) => {
            let body = escaped_json(redact(&body).into_owned());
            (code, [(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Keeps the first `shown_max` tables of all schemas; the number of the others.
fn leave_out(schemas: &mut BTreeMap<String, SchemaHealth>, shown_max: usize) -> usize {
    let mut room = shown_max;
    let mut left_out = 0;
    for schema in schemas.values_mut() {
        left_out += cut(&mut schema.parked, &mut room);
        left_out += cut(&mut schema.dead_letters, &mut room);
        left_out += cut(&mut schema.tables, &mut room);
        if let Some(proof) = &mut schema.proof {
            left_out += cut(&mut proof.remarks, &mut room);
        }
    }
    left_out
}

/// Keeps as many as there is room for; the number of the others.
fn cut<V>(tables: &mut BTreeMap<String, V>, room: &mut usize) -> usize {
    let shown = tables.len().min(*room);
    *room -= shown;
    let left_out = tables.len() - shown;
    if let Some(first) = tables.keys().nth(shown).cloned() {
        tables.split_off(&first);
    }
    left_out
}
