//! What wasmtime's error means.

use wasmtime::{Store, WasmBacktrace};

use crate::plugin::{
    Cause, Exhausted, Place, bindings::source::cartridge::warp::types::Failure,
    convert::bounds::failure, limits::MESSAGE_BYTES_MAX, place, state::State, text,
};

/// wasmtime has no type for this error.
const HOSTCALL_FUEL_WORDS: &str = "fuel allocated for hostcalls";

/// A guest's answer, or why there is none.
pub(in crate::plugin) fn answer<T>(
    store: &mut Store<State>,
    called: wasmtime::Result<Result<T, Failure>>,
) -> Result<T, Cause> {
    match called {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(mut said)) => {
            let log = &store.data().log;
            [Some(&said.message), said.detail.as_ref()]
                .into_iter()
                .flatten()
                .for_each(|it| log.said(it));
            // The guest had an error code; the operator wants to know why.
            let network = store.data().network.take_last_reason();
            let files = store.data_mut().files.take_last_reason();
            for (what, reason) in [("network", network), ("files", files)] {
                let Some(reason) = reason else { continue };
                let before = said.detail.take().map_or_else(String::new, |said| said + "\n");
                said.detail = Some(format!("{before}{what}: {reason}"));
            }
            Err(failure(said))
        }
        Err(error) => Err(cause(store, &error)),
    }
}

/// The cause of a call that wasmtime ended. The Store must not be entered again (I9).
pub(in crate::plugin) fn cause(store: &mut Store<State>, error: &wasmtime::Error) -> Cause {
    let last_words = store.data().log.take_last_words();
    if let Some(refusal) = store.data_mut().limiter.take_refusal() {
        return refusal;
    }
    if let Some(exhausted) = error.downcast_ref::<Exhausted>() {
        return Cause::Exhausted(exhausted.clone());
    }
    tracing::debug!("{error:?}");
    let reason = error.root_cause().to_string();
    if reason.contains(HOSTCALL_FUEL_WORDS) {
        let bytes_max = store.hostcall_fuel();
        return Cause::Malformed(format!("it is larger than {bytes_max} bytes"));
    }
    let reason = match error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        Some(exit) => format!("it called exit({})", exit.0),
        None => reason,
    };
    let reason = match last_words {
        Some(words) => format!("{reason}; its last words: {words}"),
        None => reason,
    };
    let frames = error.downcast_ref::<WasmBacktrace>().map_or_else(String::new, place::frames);
    let place = Place::new([frames, store.data().log.last_lines()]);
    Cause::Trap { reason: text::one_line(&reason, MESSAGE_BYTES_MAX), place }
}
