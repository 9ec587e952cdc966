//! What the operating system says of a finished process.

use std::{
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use cartridge_warp_tests::Pipeline;
use wait4::Wait4;

use crate::threads::{Shares, Threads};

/// How often the threads of a process are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One process, from start to end.
#[derive(Debug)]
pub struct Measured {
    pub wall_seconds: f64,
    /// User and system time of all its threads.
    pub cpu_seconds: f64,
    pub peak_mebibytes: f64,
    /// How much of it the components used, where that can be told.
    pub shares: Option<Shares>,
}

impl Measured {
    /// Rows a second.
    pub fn rate(&self, rows: u64) -> f64 {
        rows as f64 / self.wall_seconds
    }

    /// A line below [`heading`].
    pub fn line(&self, name: &str, rows: u64) -> String {
        let per_million = self.cpu_seconds / (rows as f64 / 1e6);
        format!(
            "{name:<22} {:>10.0} {per_million:>14.2} {:>10.0}",
            self.rate(rows),
            self.peak_mebibytes
        )
    }

    /// How much faster it was than a baseline, and how many times its CPU it took.
    pub fn ratio_line(&self, name: &str, baseline: &Self) -> String {
        let faster = baseline.wall_seconds / self.wall_seconds;
        format!("{name:<22} {faster:>9.2}x {:>13.2}x", self.cpu_seconds / baseline.cpu_seconds)
    }

    /// Whose CPU it was, in seconds per million rows.
    pub fn shares_line(&self, rows: u64) -> String {
        let millions = rows as f64 / 1e6;
        let Some(Shares { source, destination }) = self.shares else {
            return "  whose CPU it was is not known".to_owned();
        };
        let host = self.cpu_seconds - source - destination;
        format!(
            "  source {:.2}, destination {:.2}, host {:.2}",
            source / millions,
            destination / millions,
            host / millions
        )
    }
}

/// What the columns of a table of measurements are.
pub fn heading() -> String {
    format!("{:<22} {:>10} {:>14} {:>10}", "", "rows/s", "CPU-s/M rows", "peak MiB")
}

/// Runs a pipeline until it has nothing more to do.
///
/// # Panics
/// When it fails: a number of a failed run would be a lie.
pub fn catch_up(pipeline: &Pipeline) -> Measured {
    measure(pipeline.command(&["run", "--until-caught-up"]))
}

/// Runs a command to its end.
///
/// # Panics
/// When it fails: a number of a failed run would be a lie.
pub fn measure(mut command: Command) -> Measured {
    let started = Instant::now();
    let child =
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command starts");
    let process = child.id();
    let (running, ended) = mpsc::channel::<()>();
    let watcher = thread::spawn(move || {
        let mut threads = Threads::default();
        while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            threads.look(process);
        }
        threads.shares()
    });
    let ended = child.wait4().expect("its usage is told");
    drop(running);
    assert!(ended.status.success(), "{command:?} failed: {}", ended.status);
    let usage = ended.rusage;
    Measured {
        wall_seconds: started.elapsed().as_secs_f64(),
        cpu_seconds: (usage.utime + usage.stime).as_secs_f64(),
        peak_mebibytes: usage.maxrss as f64 / (1024.0 * 1024.0),
        shares: watcher.join().expect("it only looks"),
    }
}
