//! The thread of a connection's task.

use std::future::Future;

use crate::{
    model::{Action, Failure},
    plugin::{
        Cause, Resource,
        ledger::{Account, Charge},
        limits::CONNECTION_BYTES,
    },
};

/// Runs `task` on a thread of its own, with the timers of the runtime that this is called in. The
/// thread and what belongs to it are charged until it ends, also when the system keeps it.
pub(super) fn on_own(
    name: String,
    account: &Account,
    task: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Cause> {
    let held = charge(account)?;
    let runtime = tokio::runtime::Handle::current();
    let thread = std::thread::Builder::new().name(name);
    let started = thread.spawn(move || {
        runtime.block_on(task);
        drop(held);
    });
    started.map(drop).map_err(|error| {
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
