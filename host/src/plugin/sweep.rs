//! Sweeps of destinations that have the capability `sweep`, which export `destination-sweep`.

use super::{
    Cause, DestinationConnection, PluginError, SweepRequest,
    bindings::in_full::exports::cartridge::warp::{
        destination as world, destination_sweep as export,
    },
    fault::answer,
    limits::MESSAGE_BYTES_MAX,
    session::Instance,
    text,
};
use crate::model::Marker;

impl DestinationConnection {
    /// Begins to copy a table again while its rows stay. A text says why it has to be emptied instead; then
    /// nothing was done.
    pub async fn begin_sweep(&self, request: SweepRequest) -> Result<Option<String>, PluginError> {
        self.call("begin-sweep", move |Instance { store, guest }| {
            Box::pin(async move {
                let api = guest.exports.sweep.as_ref().ok_or_else(missing)?;
                let request = shown(request);
                let called = api.call_begin_sweep(&mut *store, guest.connection, &request).await;
                let reason = answer(store, called)?;
                Ok(reason.map(|reason| text::one_line(&reason, MESSAGE_BYTES_MAX)))
            })
        })
        .await
    }

    /// Ends some of what is left over; how many rows it was, and whether nothing is left.
    pub async fn sweep(&self, request: SweepRequest) -> Result<(u64, bool), PluginError> {
        self.call("sweep", move |Instance { store, guest }| {
            Box::pin(async move {
                let api = guest.exports.sweep.as_ref().ok_or_else(missing)?;
                let request = shown(request);
                let called = api.call_sweep(&mut *store, guest.connection, &request).await;
                let export::Swept { rows, done } = answer(store, called)?;
                Ok((rows, done))
            })
        })
        .await
    }
}

fn missing() -> Cause {
    Cause::Malformed("it promises `sweep` and does not export `destination-sweep`".to_owned())
}

/// What the guest is shown.
fn shown(request: SweepRequest) -> export::SweepRequest {
    let SweepRequest { schema_name, table, keys, markers, epoch } = request;
    let markers = markers.into_iter();
    let markers = markers.map(|Marker { stream, value }| world::Marker { stream, value }).collect();
    export::SweepRequest { schema_name, table, keys, markers, epoch }
}
