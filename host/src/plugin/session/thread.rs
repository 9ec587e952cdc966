//! What a connection's task costs, and its start.

use std::future::Future;

use crate::{
    model::{Action, Failure},
    plugin::{
        Cause, Resource,
        ledger::{Account, Charge},
        limits::CONNECTION_BYTES,
        threads::Threads,
    },
};

/// Starts `task`, with the timers of the runtime that this is called in. The thread that it may take
/// and what belongs to it are charged until it ends, also when the system keeps the thread.
pub(super) fn start(
    threads: &Threads,
    account: &Account,
    task: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Cause> {
    let held = charge(account)?;
    let started = threads.start(async move {
        task.await;
        drop(held);
    });
    started.map_err(|error| {
        Cause::Failure(Box::new(Failure {
            action: Action::Retry,
            code: "no-thread".to_owned(),
            message: format!("the system gives no thread for the connector: {error}"),
            detail: None,
            retry_after: None,
            tables: Vec::new(),
        }))
    })
}

fn charge(account: &Account) -> Result<[Charge; 2], Cause> {
    let charge = |resource, amount| account.charge(resource, amount).map_err(Cause::Exhausted);
    Ok([charge(Resource::Threads, 1)?, charge(Resource::Memory, CONNECTION_BYTES)?])
}
