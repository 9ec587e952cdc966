//! `GET /v1/verify`: what the last comparison of each schema's rows found.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::monitor::{Health, LastProof};

/// What the request looks like.
pub const EXAMPLE: &str = "/v1/verify?schema=public";
/// Schemas of one answer (I7).
const SCHEMAS_MAX: usize = 200;

/// Whose reports are wanted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyQuery {
    /// Only of this schema.
    #[serde(default)]
    pub schema: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifyReports {
    /// By schema; those whose rows were not compared yet are not there.
    pub schemas: BTreeMap<String, LastProof>,
    /// Schemas beyond those that are shown.
    pub schemas_left_out: usize,
}

/// The reports that are there.
pub fn reports(query: &VerifyQuery, health: &Health) -> VerifyReports {
    let is_wanted = |name: &String| query.schema.as_ref().is_none_or(|wanted| wanted == name);
    let all = health.snapshot().into_iter().filter(|(name, _)| is_wanted(name));
    let mut proofs: Vec<_> = all.filter_map(|(name, schema)| Some((name, schema.proof?))).collect();
    // Those that need a person first.
    proofs.sort_by_key(|(_, proof)| (proof.drifted().next().is_none(), proof.error.is_none()));
    let schemas_left_out = proofs.len().saturating_sub(SCHEMAS_MAX);
    VerifyReports { schemas: proofs.into_iter().take(SCHEMAS_MAX).collect(), schemas_left_out }
}
