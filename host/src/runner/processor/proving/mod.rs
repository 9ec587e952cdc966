//! Compares the rows of both sides of a schema again and again while it runs (`verify.every`), and keeps what came of
//! it for whoever looks.
//!
//! It has connections of its own and writes nothing, so the attempt under way neither waits for it nor notices. A
//! comparison that fails is no failure of the schema.

mod told;

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{
    runtime::Handle,
    task::spawn_blocking,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use self::told::last_proof;
use super::verify::{Asked, Compared, Proof, Verified, verify};
use crate::{
    monitor::SchemaState,
    runner::{context::SchemaContext, error::RunError},
    telemetry::Progress,
};

/// Between two looks whether a schema follows its source.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After a comparison that came to no end, unless the next one is due before.
const AGAIN_AFTER: Duration = Duration::from_secs(300);

/// Compares until it is dropped.
pub async fn prove(context: &Arc<SchemaContext>) -> Infallible {
    let Some(every) = context.config.verify.every.filter(|_| !context.config.dry_run) else {
        return std::future::pending().await;
    };
    let every = every.duration();
    loop {
        while !is_ready(context) {
            sleep(LOOK_EVERY).await;
        }
        // The memory and the connections of one comparison, however many schemas there are (I7).
        let turn = context.proofs.acquire().await;
        let begun = Instant::now();
        let compared = compare(context).await;
        drop(turn);
        match compared {
            Ok(verified) => {
                keep(context, &verified, begun.elapsed());
                sleep_until(begun + every).await;
            }
            Err(error) => {
                failed(context, &error);
                sleep(every.min(AGAIN_AFTER)).await;
            }
        }
    }
}

/// Whether all of the schema is copied, or will not be by this run.
fn is_ready(context: &SchemaContext) -> bool {
    let state = context.health.get(context.name());
    matches!(state, Some(SchemaState::Streaming | SchemaState::Completed))
}

/// One comparison, on a thread of its own; it ends when this is dropped.
async fn compare(context: &Arc<SchemaContext>) -> Result<Verified, RunError> {
    let over = CancellationToken::new();
    let _ends = over.clone().drop_guard();
    // Bars are of copies.
    let quiet = SchemaContext { progress: Progress::hidden(), ..SchemaContext::clone(context) };
    let (quiet, runtime, span) = (Arc::new(quiet), Handle::current(), Span::current());
    let compared = spawn_blocking(move || {
        let rules = &quiet.config.verify;
        let asked = Asked {
            table: None,
            rows_per_second: Some(rules.rows_per_second),
            wait: rules.wait.duration(),
            shows_values: false,
            at_rest: false,
        };
        let verified = verify(&quiet, asked).instrument(span);
        runtime.block_on(over.run_until_cancelled(verified))
    });
    let what = || "a comparison of both sides ended by a panic".to_owned();
    compared.await.ok().flatten().unwrap_or_else(|| Err(RunError::NoProgress { what: what() }))
}

/// Shows what came of it: a line of the log, metrics, events, and what `status` and `/health` say.
fn keep(context: &SchemaContext, verified: &Verified, took: Duration) {
    let compared = || verified.0.values().filter_map(Proof::compared);
    let rows = compared().map(|table| table.source_rows).sum();
    let undecided = compared().map(|table| table.undecided + table.not_looked_into).sum();
    let drifted = verified.0.iter().filter_map(|(name, proof)| {
        let drifted = proof.compared().map_or(0, Compared::drifted);
        (drifted > 0).then(|| (name.clone(), drifted))
    });
    let drifted = drifted.collect();
    context.metrics.verified((rows, undecided), &drifted, SystemTime::now());
    let seconds = took.as_secs();
    let proof = last_proof(context.name(), verified, seconds);
    for (table, found) in proof.drifted() {
        let help = found.help.as_deref().unwrap_or_default();
        tracing::error!(table, help, "rows are not the source's: {}", found.message);
    }
    let (tables, drifted) = (verified.0.len(), drifted.len());
    tracing::info!(tables, rows, seconds, drifted, undecided, "compared the rows of both sides");
    context.health.set_proof(context.name(), proof);
}

fn failed(context: &SchemaContext, error: &RunError) {
    context.metrics.verify_failed();
    let error = error.chain();
    tracing::warn!(error, "the rows of both sides could not be compared");
    context.health.proof_failed(context.name(), error);
}
