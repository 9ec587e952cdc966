//! Looks at the log that the source keeps for a schema, for as long as the schema runs: while it copies, follows,
//! waits to try again or for its schedule.
//!
//! Each look has a connection of its own, since a call occupies an instance and the stream's may wait for
//! long. It shows at the same time whether the source can be reached.

use std::{
    convert::Infallible,
    time::{Duration, SystemTime},
};

use tokio::time::timeout;

use crate::{
    monitor::SourceLog,
    plugin::{RetainedLog, SourceConnection},
    runner::{attempt::other_holder, context::SchemaContext, error::RunError, retained::Level},
};

/// How long a destination may take to say whose the schema is: it may be what keeps the log from being read.
const ASK_MAX: Duration = Duration::from_secs(10);

/// Looks until it is dropped. Sources whose system keeps nothing are not looked at.
pub async fn watch(context: &SchemaContext) -> Infallible {
    if context.config.dry_run || !context.source.plugin.info.has("backlog") {
        return std::future::pending().await;
    }
    let mut level = Level::Fine;
    let mut pause = context.retained.first_look_after();
    loop {
        tokio::time::sleep(pause).await;
        pause = context.retained.look_every();
        let looked = look(context, &mut level).await;
        context.metrics.source_up(looked.is_ok());
        if let Err(error) = looked {
            // Attempts say what is wrong with the source.
            tracing::debug!(error = error.chain(), "the source's log cannot be looked at");
        }
    }
}

async fn look(context: &SchemaContext, level: &mut Level) -> Result<(), RunError> {
    let source = context.open_source().await?;
    let position = context.retained.committed();
    let log = source.backlog(context.name(), position.as_ref()).await?.unwrap_or_default();
    context.metrics.source_log(&log, SystemTime::now());
    let shown = SourceLog { words: log.words.clone(), bytes: log.bytes };
    context.health.set_source_log(context.name(), shown);
    let before = std::mem::replace(level, context.retained.level(log.bytes));
    tell(context, &log, before, *level);
    if *level == Level::Full && context.retained.releases() {
        give_up(context, &source, &log, before).await?;
    }
    source.close().await;
    Ok(())
}

/// A line where it became more, or is well again; `/health` says it for as long as it holds.
fn tell(context: &SchemaContext, log: &RetainedLog, before: Level, now: Level) {
    let max = context.retained.max().map(|max| max.to_string()).unwrap_or_default();
    let words = &log.words;
    let shown = match now {
        Level::Fine => None,
        Level::Near => Some(format!("nearly `source.max_retained` ({max}): {words}")),
        Level::Full => Some(format!("more than `source.max_retained` ({max}): {words}")),
    };
    context.health.set_retained(context.name(), shown);
    match now {
        Level::Full if before < now => {
            tracing::error!(max, "the source keeps more log than it may: {words}");
        }
        Level::Near if before < now => {
            tracing::warn!(max, "the source keeps nearly as much log as it may: {words}");
        }
        Level::Fine if before > now => {
            tracing::info!(max, "the source keeps little log again: {words}");
        }
        _ => {}
    }
}

/// Has the log given up, where that would free it.
async fn give_up(
    context: &SchemaContext,
    source: &SourceConnection,
    log: &RetainedLog,
    before: Level,
) -> Result<(), RunError> {
    let foreseen = source.release(context.name(), true).await?;
    if foreseen.frees_log {
        context.retained.give_up(&log.words);
    } else if before < Level::Full {
        let kept = foreseen.kept.join("; ");
        tracing::error!(
            "the log cannot be given up by `source.on_max_retained`, since it is kept for what is not this \
             pipeline's own: {kept}"
        );
    }
    Ok(())
}

/// Gives the log up; the error that the schema goes on with. Where it cannot be, it is told again by the
/// next look. A run that stood still may have lost the schema meanwhile, and the log with it (I11).
pub async fn release(context: &SchemaContext, full: RunError) -> RunError {
    if is_anothers(context).await {
        return RunError::Fenced { schema: context.name().to_owned() };
    }
    let released = async {
        let source = context.open_source().await?;
        let released = source.release(context.name(), false).await?;
        source.close().await;
        Ok::<_, RunError>(released)
    };
    match released.await {
        Ok(released) => {
            let removed = released.dropped.join(", ");
            tracing::error!(removed, "the source's log is given up, and the position with it");
            full
        }
        Err(error) => {
            tracing::warn!(error = error.chain(), "the source's log could not be given up");
            error
        }
    }
}

/// Whether another run has the schema, from which this one may not take it. A destination that cannot be asked has no
/// answer, and log is given up for it.
async fn is_anothers(context: &SchemaContext) -> bool {
    let asked = async {
        let destination = context.open_destination().await?;
        let other = other_holder(context, &destination).await?;
        destination.close().await;
        Ok::<_, RunError>(other)
    };
    let Ok(Ok(Some(other))) = timeout(ASK_MAX, asked).await else { return false };
    !context.takeover.allows(&other)
}
