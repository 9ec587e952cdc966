//! Waits for a schema's turn where another run may hold it (`--standby`).

use std::sync::Arc;

use tokio::sync::watch::Receiver;

use crate::{
    monitor::SchemaState,
    runner::{context::SchemaContext, error::RunError, presence::Sight},
};

/// Waits until nobody holds the schema, or whoever does says nothing any more. None: the run is to end. A run that is
/// no standby waits for nobody.
pub async fn turn(context: &Arc<SchemaContext>) -> Option<()> {
    let Some(waiting) = &context.waiting else { return Some(()) };
    let mut sight = waiting.join(context.name());
    let mut failures = 0;
    loop {
        let seen = sight.borrow_and_update().clone();
        if let Sight::Free { abandoned } = seen {
            tell_free(abandoned.as_deref());
            context.takeover.allow(abandoned);
            return Some(());
        }
        show(context, seen, &mut failures);
        changed(context, &mut sight).await?;
    }
}

/// Whether a run that failed so waits for another turn.
pub fn waits_after(context: &SchemaContext, error: &RunError) -> bool {
    context.waiting.is_some() && (error.is_fenced() || error.is_file_in_use())
}

/// Waits for other news, and does meanwhile what comes; none when the run is to end.
async fn changed(context: &Arc<SchemaContext>, sight: &mut Receiver<Sight>) -> Option<()> {
    loop {
        tokio::select! {
            () = context.stop.cancelled() => return None,
            // An error says that it was free, which is what is seen then.
            _ = sight.changed() => return Some(()),
            () = context.interludes.come() => context.interludes.work_off(context).await,
        }
    }
}

fn tell_free(abandoned: Option<&str>) {
    match abandoned {
        None => tracing::info!("nobody holds the schema: it is claimed"),
        Some(run) => tracing::warn!(
            former = run,
            "the run that holds the schema says nothing any more: it is taken over"
        ),
    }
}

fn show(context: &SchemaContext, seen: Sight, failures: &mut u32) {
    let state = match seen {
        Sight::Unseen | Sight::Free { .. } => return,
        Sight::Held { by: held_by } => {
            tracing::info!(held_by, "standby: another run holds the schema");
            *failures = 0;
            context.health.set_started();
            context.metrics.stands_by();
            SchemaState::Standby { held_by }
        }
        Sight::Unreachable { error } => {
            *failures = failures.saturating_add(1);
            tracing::warn!(error, "standby: the destination cannot be asked; asking again");
            SchemaState::Retrying { attempt: *failures, error }
        }
    };
    context.health.set(context.name(), state);
}
