//! What the system says of a process that runs.

use std::{fs, path::Path};

/// Ticks of the times in `/proc/PID/stat`: Linux has shown them so on all machines since 2.6.
const TICKS_PER_SECOND: f64 = 100.0;

/// As of now.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// A page that many instances of a component share counts for each of them.
    pub resident_mebibytes: f64,
    /// Each page once: what the process takes of the machine.
    pub real_mebibytes: f64,
    /// The highest that it was.
    pub peak_mebibytes: f64,
    /// User and system time of all threads.
    pub cpu_seconds: f64,
    pub threads: u64,
    /// How often the threads that live now went to sleep of themselves.
    pub wakes: u64,
}

/// None where the process has ended, or nobody tells.
pub fn usage(process: u32) -> Option<Usage> {
    let directory = format!("/proc/{process}");
    let directory = Path::new(&directory);
    let status = fs::read_to_string(directory.join("status")).ok()?;
    // The name of the program may have spaces; it ends with the last parenthesis.
    let stat = fs::read_to_string(directory.join("stat")).ok()?;
    let times: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| times.get(at)?.parse::<u64>().ok();
    let shares = fs::read_to_string(directory.join("smaps_rollup")).ok()?;
    let mut wakes = 0;
    for thread in fs::read_dir(directory.join("task")).ok()?.flatten() {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        wakes += number(&status, "voluntary_ctxt_switches:").unwrap_or(0);
    }
    Some(Usage {
        resident_mebibytes: number(&status, "VmRSS:")? as f64 / 1024.0,
        real_mebibytes: number(&shares, "Pss:")? as f64 / 1024.0,
        peak_mebibytes: number(&status, "VmHWM:")? as f64 / 1024.0,
        cpu_seconds: (ticks(11)? + ticks(12)?) as f64 / TICKS_PER_SECOND,
        threads: number(&status, "Threads:")?,
        wakes,
    })
}

fn number(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(key))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
