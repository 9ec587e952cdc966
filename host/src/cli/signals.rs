//! SIGINT and SIGTERM: the first one stops in order, the second one at once.

use std::{io, thread, time::Duration};

use miette::Diagnostic;
use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long an orderly stop may take.
const STOP_DEADLINE: Duration = Duration::from_secs(30);
/// What a shell reports for a process that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// The process cannot listen to signals.
#[derive(Debug, Error, Diagnostic)]
#[error("signals cannot be handled")]
#[diagnostic(code("signals"))]
pub struct SignalError(#[from] io::Error);

/// Hears signals from now on; the first one cancels the answer.
pub fn stop_on_signal() -> Result<CancellationToken, SignalError> {
    // On a thread and a runtime of its own: work that occupies the other one must not keep anybody
    // from ending the process.
    let own = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let entered = own.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    drop(entered);
    let stop = CancellationToken::new();
    let heard = stop.clone();
    let listen = async move {
        either(&mut interrupt, &mut terminate).await;
        tracing::info!("stopping: finishing the batch in flight; a second signal stops at once");
        heard.cancel();
        tokio::select! {
            () = either(&mut interrupt, &mut terminate) => {
                tracing::warn!("stopped at once; the next run goes on from the last commit");
            }
            () = tokio::time::sleep(STOP_DEADLINE) => {
                tracing::error!("not stopped within {STOP_DEADLINE:?}; the next run goes on from the last commit");
            }
        }
        std::process::exit(INTERRUPTED);
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || own.block_on(listen))?;
    Ok(stop)
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
