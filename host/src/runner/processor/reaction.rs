//! What follows from a failure: one pure function.

use std::time::Duration;

use crate::model::Action;

/// The operator's limits on trying again (`error_handling`).
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Attempts after the first that may fail in a row without a commit in between.
    pub retries_max: u32,
    /// Positions that may be lost in a row without a commit of the change stream in between.
    pub resyncs_max: u32,
    pub backoff_factor: f64,
    pub backoff_max: Duration,
    /// A lost position leads to a full re-sync (`on_lost_position`).
    pub resync: bool,
}

/// What the runner does next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reaction {
    /// Both plugins are reopened after this pause and go on from the last commit.
    TryAgain { pause: Duration },
    /// The same, but the stored positions are forgotten and everything is copied anew.
    Resync { pause: Duration },
    /// The schema has failed.
    GiveUp,
}

/// Decides after `failures` failures in a row, this one included. For a lost position these are the
/// positions lost in a row: a re-sync commits rows, which does not show that it was any use.
/// `jitter` is the part of a pause that is waited, at most 1; a pause that was asked for is kept.
pub fn react(
    action: Action,
    failures: u32,
    retry_after: Option<Duration>,
    jitter: f64,
    policy: &RetryPolicy,
) -> Reaction {
    let max = if action == Action::Resync { policy.resyncs_max } else { policy.retries_max };
    if failures > max {
        return Reaction::GiveUp;
    }
    let pause = backoff(failures, policy).min(policy.backoff_max).mul_f64(jitter);
    let pause = pause.max(retry_after.unwrap_or_default().min(policy.backoff_max));
    match action {
        Action::Retry | Action::Reconnect => Reaction::TryAgain { pause },
        Action::Resync if policy.resync => Reaction::Resync { pause },
        _ => Reaction::GiveUp,
    }
}

/// One second before the first retry, then `backoff_factor` times as long before each further one.
fn backoff(failures: u32, policy: &RetryPolicy) -> Duration {
    let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
    let seconds = policy.backoff_factor.max(1.0).powi(exponent);
    // Infinity and NaN do not convert: then the bound applies.
    Duration::try_from_secs_f64(seconds).unwrap_or(policy.backoff_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_lead_to_bounded_pauses_or_the_end() {
        let policy = RetryPolicy {
            retries_max: 3,
            resyncs_max: 2,
            backoff_factor: 2.0,
            backoff_max: Duration::from_secs(3),
            resync: false,
        };
        let resyncing = RetryPolicy { resync: true, ..policy };
        let endless = RetryPolicy { retries_max: u32::MAX, ..policy };
        let pause = |seconds| Reaction::TryAgain { pause: Duration::from_secs(seconds) };
        let asked = Some(Duration::from_secs(2));
        let cases = [
            ("the first pause is a second", Action::Retry, 1, None, policy, pause(1)),
            ("pauses grow by the factor", Action::Reconnect, 2, None, policy, pause(2)),
            ("up to the bound", Action::Reconnect, 3, None, policy, pause(3)),
            ("until the retries are used up", Action::Retry, 4, None, policy, Reaction::GiveUp),
            ("a longer pause is granted", Action::Retry, 1, asked, policy, pause(2)),
            ("no count overflows", Action::Retry, u32::MAX, None, endless, pause(3)),
            (
                "a wrong configuration stays wrong",
                Action::Config,
                1,
                None,
                policy,
                Reaction::GiveUp,
            ),
            ("a lost position stays lost", Action::Resync, 1, None, policy, Reaction::GiveUp),
            (
                "or leads to a full re-sync",
                Action::Resync,
                2,
                None,
                resyncing,
                Reaction::Resync { pause: Duration::from_secs(2) },
            ),
            ("which has an end", Action::Resync, 3, None, resyncing, Reaction::GiveUp),
            ("nothing else does", Action::Stop, 1, None, resyncing, Reaction::GiveUp),
            ("stop means stop", Action::Stop, 1, None, policy, Reaction::GiveUp),
        ];
        for (name, action, failures, retry_after, policy, expected) in cases {
            assert_eq!(react(action, failures, retry_after, 1.0, &policy), expected, "{name}");
        }
        // What was asked for is not made shorter.
        let half = Reaction::TryAgain { pause: Duration::from_millis(500) };
        assert_eq!(react(Action::Retry, 1, None, 0.5, &policy), half);
        assert_eq!(react(Action::Retry, 1, asked, 0.5, &policy), pause(2));
    }
}
