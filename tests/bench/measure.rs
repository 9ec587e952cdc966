//! What the operating system says of a finished process.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use wait4::Wait4;

/// One process, from start to end.
#[derive(Debug)]
pub struct Measured {
    pub wall_seconds: f64,
    /// User and system time of all its threads.
    pub cpu_seconds: f64,
    pub peak_mebibytes: f64,
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
}

/// What the columns of a table of measurements are.
pub fn heading() -> String {
    format!("{:<22} {:>10} {:>14} {:>10}", "", "rows/s", "CPU-s/M rows", "peak MiB")
}

/// Runs a command to its end.
///
/// # Panics
/// When it fails: a number of a failed run would be a lie.
pub fn measure(mut command: Command) -> Measured {
    let started = Instant::now();
    let child =
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command starts");
    let ended = child.wait4().expect("its usage is told");
    assert!(ended.status.success(), "{command:?} failed: {}", ended.status);
    let usage = ended.rusage;
    Measured {
        wall_seconds: started.elapsed().as_secs_f64(),
        cpu_seconds: (usage.utime + usage.stime).as_secs_f64(),
        peak_mebibytes: usage.maxrss as f64 / (1024.0 * 1024.0),
    }
}
