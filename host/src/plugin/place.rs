//! Where a guest was when its call had to be ended: for whoever mends the connector, or the server
//! that it waits for.
//!
//! A guest that computes is found by the epoch's callback, which sees its frames. One that waits is
//! in an import, of which the interface is known. Everything is cut and escaped (I7, I8).

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use wasmtime::WasmBacktrace;

use super::{
    limits::{FRAME_BYTES_MAX, FRAMES_SHOWN_MAX},
    text,
};

/// The frames of a guest, the import it waits in, its last log lines; on one line.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Place(String);

impl Place {
    /// `parts` that are empty say nothing.
    pub(super) fn new(parts: impl IntoIterator<Item = String>) -> Self {
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Self(parts.join("; "))
    }

    pub(super) fn is_known(&self) -> bool {
        !self.0.is_empty()
    }
}

/// Follows one instance; its connection's handles look on.
#[derive(Default)]
pub(super) struct Whereabouts(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    /// The import that was called last.
    import: Option<&'static str>,
    /// Where it was seen computing, shortly before the deadline.
    computing: String,
    /// From when on it is worth a look.
    look_at: Option<Instant>,
}

impl Whereabouts {
    /// A call begins that may last this long.
    pub(super) fn begin_call(&self, deadline: Duration) {
        // A computing guest comes by at every tick, so a few ticks before are early enough.
        let look_after = deadline.saturating_sub(LOOK_BEFORE);
        *self.inside() =
            Inside { look_at: Instant::now().checked_add(look_after), ..Inside::default() };
    }

    pub(super) fn entered(&self, import: &'static str) {
        self.inside().import = Some(import);
    }

    /// True shortly before the deadline.
    pub(super) fn is_time_to_look(&self, now: Instant) -> bool {
        self.inside().look_at.is_some_and(|look_at| now >= look_at)
    }

    pub(super) fn computes(&self, trace: &WasmBacktrace) {
        self.inside().computing = frames(trace);
    }

    /// Where it is; one that was not seen computing waits.
    pub(super) fn place(&self) -> String {
        let inside = self.inside();
        match (inside.computing.as_str(), inside.import) {
            ("", Some(import)) => format!("it waits in the import {import}"),
            ("", None) => String::new(),
            (computing, Some(import)) => {
                format!("it computes {computing}; the import it called last is {import}")
            }
            (computing, None) => format!("it computes {computing}"),
        }
    }

    fn inside(&self) -> std::sync::MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long before a deadline guests are looked at: as long as they may wait for their turn.
const LOOK_BEFORE: Duration = super::cpu::TURN_WAIT_MAX.saturating_add(Duration::from_millis(50));

/// The innermost functions, by the names that the component has for them.
pub(super) fn frames(trace: &WasmBacktrace) -> String {
    // Only wasmtime's own text has the names as they were written.
    let text = trace.to_string();
    let names: Vec<String> = text.lines().filter_map(function).collect();
    if names.is_empty() {
        return String::new();
    }
    if names.iter().all(|name| is_nameless(name)) {
        return "in functions without names: the component was built without them".to_owned();
    }
    let shown = own(&names).iter().take(FRAMES_SHOWN_MAX).map(|name| format!("`{name}`"));
    format!("in {}", shown.collect::<Vec<_>>().join(", called by "))
}

/// `  3:   0x1f2 - module!crate::function::h0123456789abcdef` → `crate::function`.
fn function(line: &str) -> Option<String> {
    let (number, rest) = line.trim_start().split_once(':')?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let name = rest.split_once('!').map_or(rest, |(_, name)| name).trim();
    let name = match name.rsplit_once("::h") {
        Some((name, hash)) if is_hash(hash) => name,
        _ => name,
    };
    Some(text::one_line(&without_hashes(name), FRAME_BYTES_MAX))
}

/// `std[d123b7a1a2ed1472]::io` → `std::io`.
fn without_hashes(name: &str) -> String {
    let mut parts = name.split('[');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(']') {
            Some((hash, rest)) if is_hash(hash) => plain.push_str(rest),
            _ => {
                plain.push('[');
                plain.push_str(part);
            }
        }
    }
    plain
}

fn is_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_nameless(name: &str) -> bool {
    name.starts_with("<wasm function")
}

/// Without the frames of Rust's own way from a panic to the trap, which every panic has.
fn own(names: &[String]) -> &[String] {
    let machinery = |name: &String| {
        let starts =
            ["std::", "core::panicking", "core::result", "core::option", "__rust", "rust_"];
        name == "abort" || starts.iter().any(|start| name.starts_with(start))
    };
    let skipped = names.iter().take_while(|name| machinery(name)).count();
    names.get(skipped..).filter(|rest| !rest.is_empty()).unwrap_or(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_its_functions_name() {
        let cases = [
            (
                "    0:   0x1f2a - evil.wasm!evil_source::deeds::trap::h0123456789abcdef",
                Some("evil_source::deeds::trap"),
            ),
            ("   12:  0x1 - <unknown>!<wasm function 7>", Some("<wasm function 7>")),
            (
                "    2:   0x1 - m!std[d123b7a1a2ed1472]::sort::<[u8; 4], x[d123b7a1a2ed1472]::Y>",
                Some("std::sort::<[u8; 4], x::Y>"),
            ),
            ("    1: m!main\u{1b}[31m", Some("main\\u{1b}[31m")),
            ("error while executing at wasm backtrace:", None),
            ("note: using the `WASMTIME_BACKTRACE_DETAILS=1` environment variable", None),
        ];
        for (line, expected) in cases {
            assert_eq!(function(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn the_way_from_a_panic_to_the_trap_is_left_out() {
        let names =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let panic = names(&[
            "abort",
            "std::process::abort",
            "rust_panic",
            "core::panicking::panic_fmt",
            "mine",
            "std::io::x",
        ]);
        assert_eq!(own(&panic), names(&["mine", "std::io::x"]));
        let all = names(&["std::process::abort"]);
        assert_eq!(own(&all), all);
    }

    #[test]
    fn a_guest_that_was_not_seen_computing_waits() {
        let whereabouts = Whereabouts::default();
        whereabouts.begin_call(Duration::from_secs(60));
        assert!(whereabouts.place().is_empty());
        assert!(!whereabouts.is_time_to_look(Instant::now()));
        assert!(whereabouts.is_time_to_look(Instant::now() + Duration::from_secs(60)));
        whereabouts.entered("wasi:io/poll");
        assert_eq!(whereabouts.place(), "it waits in the import wasi:io/poll");
    }
}
