//! What was made sure of, in a form that may be handed on: which bytes, by which kit, when, and how it went.

use serde::Serialize;

use super::{
    bench::Bench,
    check::{Outcome, Verdict},
};
use crate::config::KitOperation;

/// The result of a run of the kit. It counts for these bytes of the component alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Statement {
    pub component: String,
    pub version: String,
    /// SHA-256 of the component's file, in hex.
    pub sha256: String,
    /// `source` or `destination`.
    pub class: &'static str,
    /// The release that the kit belongs to.
    pub kit: &'static str,
    /// When it was made, as a moment in UTC.
    pub made_at: String,
    /// What was written to a source where its driver cannot write everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations: Option<Vec<KitOperation>>,
    pub passed: usize,
    pub failed: usize,
    pub not_applicable: usize,
    /// Whether all checks of the class were asked for.
    pub complete: bool,
}

impl Statement {
    pub fn new(bench: &Bench, verdicts: &[Verdict], made_at: String, complete: bool) -> Self {
        let plugin = &bench.plugin;
        let count = |is: fn(&Outcome) -> bool| verdicts.iter().filter(|it| is(&it.outcome)).count();
        Self {
            component: plugin.info.name.clone(),
            version: plugin.info.version.clone(),
            sha256: plugin.digest.clone(),
            class: plugin.info.role.word(),
            kit: env!("CARGO_PKG_VERSION"),
            made_at,
            operations: bench.case.operations.clone(),
            passed: count(|outcome| *outcome == Outcome::Passed),
            failed: count(|outcome| matches!(outcome, Outcome::Failed(_))),
            not_applicable: count(|outcome| matches!(outcome, Outcome::NotApplicable(_))),
            complete,
        }
    }
}
