//! SIGINT and SIGTERM: the first one stops in order, the second one at once. SIGHUP has the configuration read
//! again, or stops a run whose terminal is gone.

use std::{
    io::{self, IsTerminal},
    sync::Arc,
    thread,
    time::Duration,
};

use miette::Diagnostic;
use thiserror::Error;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};
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

/// What the process has been told.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// Cancelled when it is to end.
    pub stop: CancellationToken,
    /// Notified when it is to read its configuration again.
    pub reload: Arc<Notify>,
    /// Notified to have it end as by a first signal, however often.
    pub drain: Arc<Notify>,
}

/// Hears signals from now on.
pub fn listen() -> Result<Signals, SignalError> {
    // On a thread and a runtime of its own: work that occupies the other one must not keep anybody
    // from ending the process.
    let own = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let entered = own.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    drop(entered);
    let signals = Signals::default();
    let heard = signals.clone();
    let listen = async move {
        loop {
            tokio::select! {
                () = either(&mut interrupt, &mut terminate) => break,
                () = heard.drain.notified() => break,
                _ = hangup.recv() => {}
            }
            // A terminal that is gone is nobody who edits a configuration.
            if io::stderr().is_terminal() {
                break;
            }
            heard.reload.notify_one();
        }
        tracing::info!("stopping: finishing the batch in flight; a second signal stops at once");
        heard.stop.cancel();
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
    Ok(signals)
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
