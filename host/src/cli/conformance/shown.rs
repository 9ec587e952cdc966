//! What `connectors test` shows: for people, or a line of JSON for each thing.

use crate::{
    cli::output::Output,
    kit::{self, Check, Outcome, Statement, Verdict},
    plugin::Plugin,
};

pub fn list(plugin: &Plugin, output: Output) {
    for Check { name, meaning, .. } in kit::checks_of(plugin.info.role) {
        match output.is_json() {
            true => output.json(&serde_json::json!({ "check": name, "meaning": meaning })),
            false => output.line(&format!("{name:<18} {meaning}")),
        }
    }
}

pub fn show(verdict: &Verdict, output: Output) {
    let Verdict { name, meaning, outcome, took } = verdict;
    if output.is_json() {
        output.json(&as_json(verdict));
        return;
    }
    let seconds = took.as_secs_f64();
    match outcome {
        Outcome::Passed => output.line(&format!("ok      {name:<18} {seconds:>6.1} s")),
        Outcome::NotApplicable(reason) => {
            output.line(&format!("-       {name:<18} not applicable: {reason}"));
        }
        Outcome::Failed(finding) => {
            output.line(&format!("FAILED  {name:<18} {seconds:>6.1} s  {meaning}"));
            output.line(&format!("          expected  {}", finding.expected));
            output.line(&format!("          saw       {}", finding.seen));
            output.line(&format!("          help      {}", finding.advice));
        }
    }
}

fn as_json(Verdict { name, meaning, outcome, took }: &Verdict) -> serde_json::Value {
    let seconds = took.as_secs_f64();
    let mut line = serde_json::json!({ "check": name, "meaning": meaning, "seconds": seconds });
    match outcome {
        Outcome::Passed => line["outcome"] = "passed".into(),
        Outcome::NotApplicable(reason) => {
            line["outcome"] = "not-applicable".into();
            line["reason"] = reason.as_str().into();
        }
        Outcome::Failed(finding) => {
            line["outcome"] = "failed".into();
            line["expected"] = finding.expected.as_str().into();
            line["saw"] = finding.seen.as_str().into();
            line["help"] = finding.advice.as_str().into();
        }
    }
    line
}

pub fn conclude(statement: &Statement, output: Output) {
    if output.is_json() {
        output.json(&serde_json::json!({ "statement": statement }));
        return;
    }
    let Statement { class, component, version, sha256, kit, passed, failed, .. } = statement;
    let partly = if statement.complete { "" } else { ", of the checks that were asked for" };
    let spared = statement.not_applicable;
    output.line(&format!(
        "{class} `{component}` {version}: {passed} passed, {failed} failed, {spared} not applicable{partly}"
    ));
    output.line(&format!("sha256 {sha256}, kit {kit}, {}", statement.made_at));
}
