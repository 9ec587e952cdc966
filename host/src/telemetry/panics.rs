//! Panics as lines of the log: with thread and place, without secrets, escaped.
//!
//! Before the log is set up, and where the panic is one of writing the log, the line goes to stderr
//! as it is, escaped all the same.

use std::{
    cell::Cell,
    io::Write,
    panic::{PanicHookInfo, set_hook},
    thread,
};

use crate::model::{panics, text};

/// A message is an assertion with two values at most, but may be made of anything.
const MESSAGE_BYTES_MAX: usize = 4 * 1024;
const NAME_BYTES_MAX: usize = 256;

thread_local! {
    /// This thread is writing a line: the log's locks are taken.
    static WRITING: Cell<bool> = const { Cell::new(false) };
}

/// From now on no panic of this process prints anything but one line of the log. One that
/// [`panics::caught`] expects is a line for debugging.
pub fn catch_panics() {
    set_hook(Box::new(report));
}

/// Lives while a thread writes a line.
pub(super) struct Writing {
    before: bool,
}

impl Writing {
    pub(super) fn begin() -> Self {
        Self { before: WRITING.replace(true) }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        WRITING.set(self.before);
    }
}

fn report(panic: &PanicHookInfo<'_>) {
    let message = text::one_line(panic.payload_as_str().unwrap_or("no message"), MESSAGE_BYTES_MAX);
    let place = panic.location().map_or_else(String::new, ToString::to_string);
    let current = thread::current();
    let name = text::one_line(current.name().unwrap_or("without name"), NAME_BYTES_MAX);
    let ready = tracing::dispatcher::has_been_set() && !WRITING.get();
    match (ready, panics::is_expected()) {
        (true, true) => {
            tracing::debug!(thread = name, place, "a decoder gave up on its input: {message}");
        }
        (true, false) => {
            tracing::error!(thread = name, place, "panic, a defect of this program: {message}");
        }
        (false, true) => {}
        (false, false) => {
            let line =
                format!("panic, a defect of this program: {message} thread={name} place={place}\n");
            // There is nobody to tell that it failed.
            let _ = std::io::stderr().lock().write_all(line.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use serde_json::Value;
    use tracing::Level;

    use super::*;
    use crate::{
        model::redaction,
        telemetry::{Format, TelemetrySettings, init},
    };

    /// Makes [`child`] panic instead of passing.
    const MARK: &str = "CARTRIDGE_WARP_TEST_PANICS";
    const MESSAGE: &str = "on \u{1b}[2J purpose: a-secret-of-panics\nand \u{202e}more";

    /// Panics in every way, in a process of its own.
    #[test]
    fn child() {
        let Ok(level) = std::env::var(MARK) else { return };
        redaction::learn("a-secret-of-panics");
        catch_panics();
        let before = thread::Builder::new().name("too-early".to_owned());
        before.spawn(|| panic!("{MESSAGE}")).unwrap().join().unwrap_err();
        let level = if level == "debug" { Level::DEBUG } else { Level::INFO };
        init(&TelemetrySettings { level, connectors: level, format: Format::Json, filter: None })
            .unwrap();
        let plugin = thread::Builder::new().name("source-evil".to_owned());
        plugin.spawn(|| panic!("{MESSAGE}")).unwrap().join().unwrap_err();
        assert!(panics::caught(|| panic!("{MESSAGE}")).is_none());
        assert_eq!(panics::caught(|| 7), Some(7));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(runtime.spawn(async { panic!("{MESSAGE}") })).unwrap_err();
    }

    fn stderr_of_child(level: &str) -> String {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["telemetry::panics::tests::child", "--exact", "--nocapture"]);
        let output = child.env(MARK, level).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    #[test]
    fn a_panic_is_one_line_with_thread_and_place_and_a_caught_one_none() {
        for (level, lines) in [("info", 3), ("debug", 4)] {
            let text = stderr_of_child(level);
            let hidden = |c: char| text::is_hidden(c) && c != '\n';
            assert!(!text.contains(hidden) && !text.contains("a-secret-of"), "{text}");
            assert_eq!(text.lines().count(), lines, "{level}: {text}");
            let (early, logged) = text.split_once('\n').unwrap();
            assert!(early.contains("thread=too-early place=") && early.contains("***"), "{early}");
            let logged: Vec<Value> =
                logged.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let (first, last) = (&logged[0], &logged[logged.len() - 1]);
            assert_eq!(
                (&first["level"], &first["thread"]),
                (&"ERROR".into(), &"source-evil".into())
            );
            assert!(first["place"].as_str().unwrap().contains("panics.rs:"), "{first}");
            assert!(first["message"].as_str().unwrap().contains("purpose: ***"), "{first}");
            assert_eq!(
                (&last["level"], logged[lines - 3]["level"] == "DEBUG"),
                (&"ERROR".into(), lines == 4)
            );
        }
    }
}
