//! The start of a stream that is not committed yet: what it made at the source holds log from then on, and
//! nobody would read it where the run ends before the destination has the position.

use crate::{
    model::Action,
    plugin::{Cause, SourceConnection},
    runner::{
        context::SchemaContext,
        error::RunError,
        state::{CHANGES, RUNNER},
    },
};

/// What is known of the start that this process made, with the position that was stored before, if any.
#[derive(Debug, Default)]
pub enum Beginning {
    /// It made none, or its position is committed, or it found there what somebody else had made.
    #[default]
    Settled,
    /// It is not committed.
    Open(Option<Vec<u8>>),
    /// The destination was asked to commit it and did not say whether it has.
    Unknown(Option<Vec<u8>>),
}

impl Beginning {
    /// The destination has this position under a claim, which lets no earlier commit come after it.
    pub fn seen(&mut self, stored: Option<&Vec<u8>>) {
        if let Self::Open(before) | Self::Unknown(before) = std::mem::take(self)
            && before.as_ref() == stored
        {
            *self = Self::Open(before);
        }
    }

    /// A start is about to be made. What holds log by now was not made by it.
    pub async fn make(
        &mut self,
        context: &SchemaContext,
        source: &SourceConnection,
        stored: Option<Vec<u8>>,
    ) -> Result<(), RunError> {
        // Other sources make nothing that would hold log.
        let may_hold = context.source.plugin.info.has("retained-log");
        if may_hold && matches!(self, Self::Settled) {
            let log = source.backlog(context.name(), None).await?;
            if log.and_then(|log| log.bytes).is_none() {
                *self = Self::Open(stored);
            }
        }
        Ok(())
    }

    /// The commit of its position ended so.
    pub fn committed(&mut self, error: Option<&RunError>) {
        *self = match (std::mem::take(self), error) {
            (Self::Open(before), Some(error)) if is_refused(error) => Self::Open(before),
            (Self::Open(before) | Self::Unknown(before), Some(_)) => Self::Unknown(before),
            _ => Self::Settled,
        };
    }
}

/// Whether nothing was committed for sure: who does not know that answers `reconnect`, or nothing at all.
fn is_refused(error: &RunError) -> bool {
    match error {
        RunError::Plugin(error) => {
            matches!(&error.cause, Cause::Failure(failure) if failure.action != Action::Reconnect)
        }
        _ => true,
    }
}

/// Removes what a start made whose position was never committed, when the run ends.
pub async fn remove(context: &SchemaContext, beginning: Beginning) {
    let before = match beginning {
        Beginning::Settled => return,
        Beginning::Open(before) => before,
        Beginning::Unknown(_) => {
            tracing::warn!(
                "the destination did not say whether it stored the stream's start, so what was made for \
                 it at the source stays and holds log: start again, or remove it with \
                 `cartridge-warp teardown`"
            );
            return;
        }
    };
    if is_anothers(context, before.as_ref()).await {
        return;
    }
    let removed = async {
        let source = context.open_source().await?;
        let released = source.release(context.name(), false).await?;
        source.close().await;
        Ok::<_, RunError>(released.dropped)
    };
    match removed.await {
        Ok(dropped) if dropped.is_empty() => {}
        Ok(dropped) => tracing::info!(
            removed = dropped.join(", "),
            "the stream's start was never stored, so what was made for it at the source is removed"
        ),
        Err(error) => tracing::warn!(
            error = error.chain(),
            "the stream's start was never stored, and what was made for it at the source could not be \
             removed: it holds log until the next start, or `cartridge-warp teardown`"
        ),
    }
}

/// Whether another run has begun since, which goes on with what is there. A destination that cannot be
/// asked stopped this one, and would stop others.
async fn is_anothers(context: &SchemaContext, before: Option<&Vec<u8>>) -> bool {
    let asked = async {
        let destination = context.open_destination().await?;
        let holder = destination.get_marker(context.name(), RUNNER).await?;
        let position = destination.get_marker(context.name(), CHANGES).await?;
        destination.close().await;
        let is_held = holder.is_some_and(|run| run != context.run.as_bytes());
        Ok::<_, RunError>(is_held || position.as_ref() != before)
    };
    asked.await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Failure,
        plugin::{PluginError, Role},
    };

    #[test]
    fn only_a_commit_that_was_refused_leaves_no_doubt() {
        let failed = |action| {
            let code = "c".to_owned();
            let message = "m".to_owned();
            let (detail, retry_after, tables) = (None, None, Vec::new());
            Cause::Failure(Box::new(Failure { action, code, message, detail, retry_after, tables }))
        };
        let cases = [
            (failed(Action::Retry), true),
            (failed(Action::Config), true),
            (failed(Action::Stop), true),
            (failed(Action::Reconnect), false),
            (Cause::Gone, false),
        ];
        for (cause, is_open) in cases {
            let words = format!("{cause:?}");
            let plugin = "p".to_owned();
            let error = PluginError { plugin, role: Role::Destination, call: "c", cause };
            let mut ended = Beginning::Open(None);
            ended.committed(Some(&error.into()));
            assert_eq!(matches!(ended, Beginning::Open(_)), is_open, "{words}");
            ended.seen(Some(&vec![1]));
            assert!(matches!(ended, Beginning::Settled), "{words}: it was committed after all");
        }
        let mut unknown = Beginning::Unknown(None);
        unknown.seen(None);
        assert!(matches!(unknown, Beginning::Open(None)), "the claim made it certain");
        unknown.committed(None);
        assert!(matches!(unknown, Beginning::Settled));
    }
}
