//! Progress bars of snapshots, and of what makes a start take long.

use std::{io::IsTerminal, time::Duration};

use indicatif::{DecimalBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Format, output::Writer};
use crate::model::text::one_line;

const KNOWN_SIZE: &str = "{prefix:.bold} {wide_bar} {human_pos}/~{human_len} rows {per_sec} {eta}";
const UNKNOWN_SIZE: &str = "{prefix:.bold} {spinner} {human_pos} rows {per_sec} {elapsed}";
/// A longer name leaves no room for the bar.
const NAME_BYTES_MAX: usize = 48;
const COMPILING: &str = "{spinner} {msg} {elapsed}";
const TICK: Duration = Duration::from_millis(200);

/// The bars of one process. A clone draws on the same lines.
#[derive(Clone, Debug)]
pub struct Progress {
    bars: MultiProgress,
}

impl Progress {
    /// Bars that are never drawn: for tests, and for commands that have none.
    pub fn hidden() -> Self {
        Self { bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()) }
    }

    /// Drawn only where a person sees them: on a terminal, and not between JSON lines.
    pub(super) fn on_stderr(format: Format) -> Self {
        match format {
            Format::Human { .. } if std::io::stderr().is_terminal() => {
                Self { bars: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()) }
            }
            Format::Human { .. } | Format::Json => Self::hidden(),
        }
    }

    /// Whether nobody sees the bars.
    pub fn is_hidden(&self) -> bool {
        self.bars.is_hidden()
    }

    /// A bar for the snapshot of a table; without an estimate it only counts.
    pub fn snapshot_bar(&self, table: &str, rows_estimated: Option<u64>) -> SnapshotBar {
        let (bar, template) = match rows_estimated {
            Some(rows) => (ProgressBar::new(rows), KNOWN_SIZE),
            None => (ProgressBar::no_length(), UNKNOWN_SIZE),
        };
        let bar = self.bars.add(bar);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(one_line(table, NAME_BYTES_MAX));
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        SnapshotBar { bar }
    }

    /// A spinner while a connector of this file is compiled, until the answer is dropped.
    pub fn compiling(&self, file: &str, bytes: u64) -> Spinner {
        let bar = self.bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template(COMPILING) {
            bar.set_style(style);
        }
        let (file, size) = (one_line(file, NAME_BYTES_MAX), DecimalBytes(bytes));
        bar.set_message(format!("compiling {file} ({size}), once per version"));
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        Spinner { bar }
    }

    pub(super) fn writer(&self) -> Writer {
        Writer::Stderr(self.bars.clone())
    }
}

/// Something that takes its time; it disappears when dropped.
#[derive(Debug)]
pub struct Spinner {
    bar: ProgressBar,
}

impl Spinner {
    #[cfg(test)]
    pub(super) fn message(&self) -> String {
        self.bar.message()
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// One table's bar; it disappears when dropped.
#[derive(Debug)]
pub struct SnapshotBar {
    bar: ProgressBar,
}

impl SnapshotBar {
    /// So many more rows are committed.
    pub fn advance(&self, rows: u64) {
        self.bar.inc(rows);
        // An estimate is one: a bar that is full while rows still come would be a lie.
        if self.bar.length().is_some_and(|estimated| self.bar.position() > estimated) {
            self.bar.set_length(self.bar.position());
        }
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> (u64, Option<u64>) {
        (self.bar.position(), self.bar.length())
    }
}

impl Drop for SnapshotBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
