//! The check of what a connector says of what it is told in confidence.

use super::{
    bench::Bench,
    check::Check,
    finding::{Broken, Checked},
    opening::opens,
};
use crate::model::redaction::redact;

/// The last one of either class, since it hears what was said in those before it.
pub const CHECKS: &[Check] = &[Check {
    name: "secrets",
    meaning: "no secret is in what it logs or in its failures, in all the checks that were made",
    spared: without_secrets,
    run: |bench| Box::pin(secrets(bench)),
}];

fn without_secrets(bench: &Bench) -> Option<String> {
    let (source, destination) = (bench.case.source.as_ref(), bench.case.destination.as_ref());
    let grants = source.map(|it| &it.grants).or_else(|| destination.map(|it| &it.grants));
    let given = format!("{} {}", bench.settings.connection_string, bench.settings.options);
    let has_some = grants.is_some_and(|grants| !grants.secrets.is_empty());
    let is_spared = !has_some && redact(&given) == given;
    is_spared.then(|| "the case has no secret, such as a password in its connection string".into())
}

async fn secrets(bench: &mut Bench) -> Checked {
    // Whether it opens is another check's business.
    if let Err(Broken::Driver(error)) = opens(bench).await {
        return Err(error.into());
    }
    let Some(words) = bench.ear.heard() else { return Ok(()) };
    let advice = "leave it out of logs and failures; the host replaces only those that it knows";
    Err(Broken::new("no secret is in what it says", &format!("it said `{words}`"), advice))
}
