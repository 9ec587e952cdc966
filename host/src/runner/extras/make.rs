//! Goes through the tables and makes what each lacks.

use std::{future::Future, time::Duration};

use super::{
    sides::Sides,
    stored::{Stored, WORDS_BYTES_MAX, shown},
    wanted::wanted,
};
use crate::{
    config::Create,
    model::{Action, Extra, ExtraOutcome, text},
    monitor::TableStatus,
    runner::{
        commit::Writer,
        error::RunError,
        parking::table_status,
        state::{TableState, extras_stream, marker},
    },
};

/// Tries of one table, over new connections each.
const TRIES_MAX: u32 = 3;
/// Between them.
const PAUSE: Duration = Duration::from_secs(10);
/// The word under which lines about it share a rate.
const LINES: &str = "extras";

/// Makes what tables are to have while `following` goes on. Where that comes to its end without being asked to, what
/// is still to be made is waited for; an error, or a stop, leaves it to the next start.
pub async fn beside<T>(
    writer: &Writer,
    following: impl Future<Output = Result<T, RunError>>,
) -> Result<T, RunError> {
    // Both are large, and the one has mostly nothing to do.
    let (mut making, mut following) = (Box::pin(make(writer)), Box::pin(following));
    let stop = &writer.context.stop;
    tokio::select! {
        ended = &mut following => {
            if ended.is_ok() {
                stop.run_until_cancelled(making).await;
            }
            ended
        }
        () = &mut making => following.await,
    }
}

/// Makes all that is to be made, table by table.
async fn make(writer: &Writer) {
    let names: Vec<String> = {
        let tables = writer.tables.lock().await;
        let wants = tables.iter().filter(|(_, table)| !table.settings.create.is_empty());
        wants.map(|(name, _)| name.clone()).collect()
    };
    let mut sides = Sides::default();
    for name in names {
        let mut tries = 1;
        while let Err(error) = make_for(writer, &mut sides, &name).await {
            sides = Sides::default();
            // The stream finds that out, too.
            if error.is_fenced() {
                return;
            }
            let may_pass = matches!(error.action(), Action::Retry | Action::Reconnect);
            if tries == TRIES_MAX || !may_pass {
                let stored = Stored::asked(Create::default(), &[error.chain()]);
                tell(writer, &name, &stored);
                break;
            }
            tracing::debug!(table = name, error = error.chain(), "trying again");
            tries += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
    sides.close().await;
}

/// Makes what one table lacks, and stores that it is done.
async fn make_for(writer: &Writer, sides: &mut Sides, name: &str) -> Result<(), RunError> {
    let create = writer.context.table_settings(name).create;
    let stored = sides.stored(writer, name).await?;
    if stored.is_some_and(|stored| stored.is_done(&create)) {
        return Ok(());
    }
    let told = sides.told(writer, name).await?;
    let (extras, left_out) = {
        let tables = writer.tables.lock().await;
        let Some(table) = tables.get(name).filter(|table| !table.dropped) else { return Ok(()) };
        wanted(told, &create, |column| table.column_at_destination(column))
    };
    let (mut made, mut unmade) = (0_u32, Vec::new());
    for (number, extra) in extras.iter().enumerate() {
        show_progress(writer, name, extra, (number + 1, extras.len()));
        match sides.make(writer, name, extra).await? {
            ExtraOutcome::Made => made += 1,
            ExtraOutcome::Unchanged | ExtraOutcome::UnderWay => {}
            ExtraOutcome::Refused(why) => unmade.push(format!("{}: {why}", extra.words())),
        }
    }
    let stored = Stored::asked(create, &unmade);
    writer.commit_markers(vec![marker(extras_stream(name), &stored)]).await?;
    tell(writer, name, &stored);
    if writer.context.destination.log.admits(LINES) {
        let left_out = text::one_line(&left_out.join("; "), WORDS_BYTES_MAX);
        let of = extras.len();
        tracing::info!(table = name, made, of, left_out, "indexes and comments are looked after");
    }
    Ok(())
}

fn show_progress(writer: &Writer, table: &str, extra: &Extra, (number, of): (usize, usize)) {
    let message = Some(format!("making {} ({number} of {of})", extra.words()));
    show(writer, table, TableStatus { message, ..streaming(writer, table) });
}

/// Shows what a table goes on without, and says it in the log.
fn tell(writer: &Writer, table: &str, stored: &Stored) {
    show(writer, table, shown(streaming(writer, table), stored));
    if let Some(what) = stored.unmade()
        && writer.context.destination.log.admits(LINES)
    {
        tracing::warn!(table, code = "extra-not-made", "the table goes on without {what}");
    }
}

fn show(writer: &Writer, table: &str, status: TableStatus) {
    writer.context.health.set_table(writer.context.name(), table, status);
}

fn streaming(writer: &Writer, table: &str) -> TableStatus {
    table_status(writer.context.name(), table, &TableState::Streaming)
}
