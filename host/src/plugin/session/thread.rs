//! The thread of a connection's task.

use std::future::Future;

use crate::{
    model::{Action, Failure},
    plugin::Cause,
};

/// Runs `task` on a thread of its own, with the timers of the runtime that this is called in.
pub(super) fn on_own(
    name: String,
    task: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Cause> {
    let runtime = tokio::runtime::Handle::current();
    let thread = std::thread::Builder::new().name(name);
    let started = thread.spawn(move || runtime.block_on(task));
    started.map(drop).map_err(|error| {
        Cause::Failure(Box::new(Failure {
            action: Action::Retry,
            code: "no-thread".to_owned(),
            message: format!("the system gives no thread for the connector: {error}"),
            detail: None,
            retry_after: None,
        }))
    })
}
