//! Waiting on an open connection, where the connector asks for it.
//!
//! A failure `retry` that names a pause (a far side that is asked too often, say) leaves nothing of
//! its call behind, so the same call is made again on the same connection after the pause. Nobody
//! has to open and claim anything anew for it. All other failures are for the caller to judge.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    model::Action,
    plugin::{LogRate, PluginError},
};

/// The shortest pause, so that a connector that asks for none takes no core and floods no log.
const WAIT_MIN: Duration = Duration::from_millis(100);

/// The code of a failure that only says what has to end first: such a wait lasts as long as that does.
const WAITING: &str = "waiting";

/// How often and how long a caller waits within one call. The default does not wait.
#[derive(Clone, Debug, Default)]
pub struct Patience {
    /// Waits for one call; then its failure is the answer.
    pub waits_max: u32,
    /// The longest pause, whatever the connector asks for.
    pub wait_max: Duration,
    /// Ends every wait: the failure is the answer then, too.
    pub stop: CancellationToken,
}

impl Patience {
    /// Waits before the same call is made again, for the `waits`th time. False when this failure is
    /// the answer.
    pub(super) async fn wait(&self, error: &PluginError, waits: u32, log: &LogRate) -> bool {
        let Some(pause) = self.pause(error, waits) else { return false };
        if log.admits("waits") {
            let PluginError { plugin, role, call, cause } = error;
            tracing::warn!(
                plugin,
                role = role.word(),
                call,
                attempt = waits,
                pause_ms = pause.as_millis() as u64,
                error = %cause,
                "calling again after the pause that the connector asked for"
            );
        }
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }

    fn pause(&self, error: &PluginError, waits: u32) -> Option<Duration> {
        let asked = error.retry_after().filter(|_| error.action() == Action::Retry)?;
        // Of a caller that waits at all.
        let is_endless = error.has_code(WAITING) && !self.wait_max.is_zero();
        let is_within = waits <= self.waits_max || is_endless;
        let may_wait = is_within && !self.stop.is_cancelled();
        may_wait.then(|| asked.max(WAIT_MIN).min(self.wait_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Failure,
        plugin::{Cause, Role},
    };

    fn failed(action: Action, retry_after_ms: Option<u64>) -> PluginError {
        with_code("busy", action, retry_after_ms)
    }

    fn with_code(code: &str, action: Action, retry_after_ms: Option<u64>) -> PluginError {
        let failure = Failure {
            action,
            code: code.into(),
            message: "come back later".into(),
            detail: None,
            retry_after: retry_after_ms.map(Duration::from_millis),
            tables: Vec::new(),
        };
        let cause = Cause::Failure(Box::new(failure));
        PluginError { plugin: "p".into(), role: Role::Source, call: "get-changes", cause }
    }

    #[test]
    fn only_a_pause_that_was_asked_for_is_waited_on_the_connection() {
        let patience = Patience {
            waits_max: 2,
            wait_max: Duration::from_secs(60),
            stop: CancellationToken::new(),
        };
        let seconds = |n| Some(Duration::from_secs(n));
        let cases = [
            ("as asked", Action::Retry, Some(2_000), 1, seconds(2)),
            ("the last time", Action::Retry, Some(2_000), 2, seconds(2)),
            ("not for ever", Action::Retry, Some(2_000), 3, None),
            ("not for years", Action::Retry, Some(u64::MAX), 1, seconds(60)),
            ("not at once", Action::Retry, Some(0), 1, Some(WAIT_MIN)),
            ("nothing asked for", Action::Retry, None, 1, None),
            ("another connection is wanted", Action::Reconnect, Some(2_000), 1, None),
            ("the end is wanted", Action::Stop, Some(2_000), 1, None),
        ];
        for (name, action, asked, waits, expected) in cases {
            assert_eq!(patience.pause(&failed(action, asked), waits), expected, "{name}");
        }
        let waiting = with_code(WAITING, Action::Retry, Some(1_000));
        assert_eq!(patience.pause(&waiting, 1_000), seconds(1), "as long as it takes");
        assert_eq!(Patience::default().pause(&waiting, 1), None, "a caller that does not wait");
        assert_eq!(Patience::default().pause(&failed(Action::Retry, Some(1)), 1), None);
        patience.stop.cancel();
        assert_eq!(patience.pause(&failed(Action::Retry, Some(1)), 1), None, "stopping");
    }
}
