//! What the host offers a connector: its log, metrics and granted secrets.
//!
//! Natively, in unit tests and benchmarks, there is no host: lines of the log and secrets are those of
//! [`testing`](crate::testing), and metrics go nowhere.

#[cfg(target_family = "wasm")]
use crate::export::bindings::cartridge::warp as imports;
#[cfg(not(target_family = "wasm"))]
use crate::native;

/// The connector's lines in the host's log. Never log row values or secrets.
pub mod log {
    macro_rules! levels {
        ($($(#[$doc:meta])* $name:ident $level:ident;)*) => {$(
            $(#[$doc])*
            pub fn $name(message: &str, fields: &[(&str, &str)]) {
                #[cfg(target_family = "wasm")]
                super::write(super::imports::log::Level::$level, message, fields);
                #[cfg(not(target_family = "wasm"))]
                super::native::log(stringify!($name), message, fields);
            }
        )*};
    }

    levels! {
        /// For following a single call.
        trace Trace;
        /// For finding a fault.
        debug Debug;
        /// What an operator likes to know.
        info Info;
        /// Something is wrong and the connector goes on.
        warn Warn;
        /// Something is wrong and an operator has to act.
        error Error;
    }
}

#[cfg(target_family = "wasm")]
fn write(level: imports::log::Level, message: &str, fields: &[(&str, &str)]) {
    let fields: Vec<_> =
        fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    imports::log::log(level, message, &fields);
}

/// The connector's own measurements; at most 64 names of each kind.
pub mod metrics {
    /// Adds to a counter.
    pub fn counter_add(name: &str, value: u64) {
        #[cfg(target_family = "wasm")]
        super::imports::metrics::counter_add(name, value);
        #[cfg(not(target_family = "wasm"))]
        let _ = (name, value);
    }

    /// Sets a gauge.
    pub fn gauge_set(name: &str, value: f64) {
        #[cfg(target_family = "wasm")]
        super::imports::metrics::gauge_set(name, value);
        #[cfg(not(target_family = "wasm"))]
        let _ = (name, value);
    }
}

/// Secrets granted by the operator under `grants.secrets`.
pub mod secrets {
    use crate::Failure;

    /// The secret's text.
    ///
    /// # Errors
    /// `config` with the host's reason when there is none.
    pub fn get(name: &str) -> Result<String, Failure> {
        #[cfg(target_family = "wasm")]
        let answer = super::imports::secrets::get(name);
        #[cfg(not(target_family = "wasm"))]
        let answer = super::native::secret(name);
        answer.map_err(|reason| Failure::config("missing-secret", reason))
    }
}
