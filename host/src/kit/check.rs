//! A check: a name, what it means, whether it applies, and what it does.

use std::{future::Future, pin::Pin, time::Duration};

use super::{
    bench::Bench,
    finding::{Checked, Finding},
};

/// A check under way.
pub type Running<'a> = Pin<Box<dyn Future<Output = Checked> + 'a>>;

/// One thing that a connector has to do.
pub struct Check {
    /// Stable, by which it is asked for and reported.
    pub name: &'static str,
    /// What the connector does where it passes, in a sentence.
    pub meaning: &'static str,
    /// Why it says nothing of this component and case; none where it does.
    pub spared: fn(&Bench) -> Option<String>,
    pub run: for<'a> fn(&'a mut Bench) -> Running<'a>,
}

/// What became of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed(Finding),
    /// It says nothing of this component, for a reason.
    NotApplicable(String),
}

/// A check that was made.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub name: &'static str,
    pub meaning: &'static str,
    pub outcome: Outcome,
    pub took: Duration,
}

/// For checks that every component has to pass.
pub fn always(_: &Bench) -> Option<String> {
    None
}

/// The reason where a capability is not claimed.
pub fn unclaimed(bench: &Bench, capability: &str) -> Option<String> {
    let claims = bench.plugin.info.has(capability);
    (!claims).then(|| format!("the component does not claim `{capability}`"))
}
