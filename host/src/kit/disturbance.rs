//! What a connector has to do when its far side is disturbed.

use super::{
    bench::Bench,
    finding::{Broken, Checked},
};
use crate::{
    config::KitAbility,
    model::Action,
    plugin::{Cause, PluginError},
};

/// The disturbances that the driver can make.
pub fn kinds(bench: &Bench) -> Vec<KitAbility> {
    let abilities = bench.case.driver_can.iter().copied();
    abilities.filter(|it| matches!(it, KitAbility::Cut | KitAbility::Restart)).collect()
}

/// The reason where there are none.
pub fn spared(bench: &Bench) -> Option<String> {
    kinds(bench)
        .is_empty()
        .then(|| "the case's `driver_can` has neither `cut` nor `restart`".into())
}

/// A call that was disturbed has to say that it may be tried again.
pub fn must_pass(kind: KitAbility, error: &PluginError) -> Checked {
    let is_failure = matches!(error.cause, Cause::Failure(_));
    if is_failure && matches!(error.action(), Action::Retry | Action::Reconnect) {
        return Ok(());
    }
    let kind = serde_json::json!(kind);
    let expected = format!(
        "{} after {kind} does its work, or is a failure `retry` or `reconnect`",
        error.call
    );
    let advice = "tell a connection that broke from what will not be better another time";
    Err(Broken::new(&expected, &format!("{:?}: {}", error.action(), error.cause), advice))
}
