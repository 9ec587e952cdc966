//! What types can't say: which values may not stand together, or not be so.
//!
//! Each check looks at typed values and reports by path; [`Findings`] turns that into a problem
//! that points at whoever set the value. Nothing is changed here.

mod columns;
mod connectors;
mod control;
mod globs;
mod letters;
mod places;
mod schemas;

use std::ops::RangeInclusive;
use std::time::Duration;

use super::WarpConfig;
use super::error::{Code, Problem};
use super::layers::Layers;
use super::path::KeyPath;
use super::values::Interval;

/// What the checks have found.
pub(super) struct Findings<'a> {
    layers: &'a Layers,
    problems: Vec<Problem>,
}

impl Findings<'_> {
    fn invalid(&mut self, path: &str, message: &str, help: &str) {
        self.report(Code::InvalidValue, path, message, help);
    }

    fn conflict(&mut self, path: &str, message: &str, help: &str) {
        self.report(Code::Conflict, path, message, help);
    }

    fn report(&mut self, code: Code, path: &str, message: &str, help: &str) {
        let message = format!("`{path}` {message}");
        let path = KeyPath::parse(path, ".");
        self.problems.push(self.layers.problem(code, &path, message, help.to_owned()));
    }

    fn not_empty(&mut self, path: &str, text: &str) {
        if text.trim().is_empty() {
            self.invalid(path, "is empty", "write a name, or remove the key for its default");
        }
    }
}

/// Everything that is wrong with the typed values.
pub(super) fn check(config: &WarpConfig, layers: &Layers) -> Vec<Problem> {
    let mut findings = Findings { layers, problems: Vec::new() };
    connectors::check(config, &mut findings);
    schemas::check(config, &mut findings);
    control::check(config, &mut findings);
    letters::check(config, &mut findings);
    check_the_rest(config, &mut findings);
    findings.problems
}

/// How long the holder of a schema may say nothing.
const STANDBY_TTL: RangeInclusive<Interval> = Interval::seconds(5)..=Interval::seconds(3600);

/// Between the beginnings of two comparisons: each makes connections.
const VERIFY_EVERY_MIN: Duration = Duration::from_secs(1);
/// Longest name of a pipeline, in bytes.
const NAME_BYTES_MAX: usize = 200;

fn check_the_rest(config: &WarpConfig, findings: &mut Findings<'_>) {
    if let Some(name) = &config.name {
        findings.not_empty("name", name);
        if name.len() > NAME_BYTES_MAX || name.chars().any(crate::model::text::is_hidden) {
            let message =
                format!("is longer than {NAME_BYTES_MAX} bytes or has invisible characters");
            findings.invalid("name", &message, "write a short name, such as shop-eu");
        }
    }
    if config.verify.every.is_some_and(|every| every.duration() < VERIFY_EVERY_MIN) {
        let help = "write 1s or more, such as 24h, or remove the key: then a run compares nothing";
        findings.invalid("verify.every", "is less than a second", help);
    }
    let backoff = config.error_handling.backoff_factor;
    if !backoff.is_finite() || backoff < 1.0 {
        let help = "write a number of at least 1, such as 2.0; 1 keeps the wait as it is";
        findings.invalid("error_handling.backoff_factor", &format!("can't be {backoff}"), help);
    }
    let ttl = config.standby.ttl_seconds;
    if !STANDBY_TTL.contains(&ttl) {
        let help =
            "write 5 seconds to an hour, such as 10: a living run may need some seconds to answer";
        findings.invalid("standby.ttl_seconds", &format!("can't be {ttl}"), help);
    }
    let prometheus = &config.monitoring.prometheus;
    findings.not_empty("monitoring.prometheus.host", &prometheus.host);
    if !prometheus.path.starts_with('/') {
        findings.invalid("monitoring.prometheus.path", "must begin with `/`", "write /metrics");
    }
    if ["/health", "/ready", "/startup"].contains(&prometheus.path.as_str()) {
        let message = format!("can't be {}, which is served already", prometheus.path);
        findings.conflict("monitoring.prometheus.path", &message, "write /metrics");
    }
}
