//! Which threads of a running process use the CPU: those of components, by their role.
//!
//! Linux tells it under `/proc`; elsewhere nobody does, and then the shares are not known.

use std::{collections::HashMap, fs, path::Path};

/// CPU seconds of a process's components.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shares {
    pub source: f64,
    pub destination: f64,
}

/// What was seen of each thread last: one that has ended is not seen any more.
#[derive(Default)]
pub struct Threads {
    seen: HashMap<String, (Role, f64)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    Source,
    Destination,
}

impl Threads {
    /// Looks at all threads of the process.
    pub fn look(&mut self, process: u32) {
        let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return };
        for thread in threads.flatten() {
            if let Some(seen) = used(&thread.path()) {
                self.seen.insert(thread.file_name().to_string_lossy().into_owned(), seen);
            }
        }
    }

    /// What was seen in all; none when nothing was.
    pub fn shares(&self) -> Option<Shares> {
        let sum = |role: Role| {
            let seen = self.seen.values().filter(|(of, _)| *of == role);
            seen.map(|(_, seconds)| seconds).sum()
        };
        let shares = Shares { source: sum(Role::Source), destination: sum(Role::Destination) };
        (!self.seen.is_empty()).then_some(shares)
    }
}

/// The role of a thread that runs a component, from its name, and the CPU seconds that it has used.
fn used(thread: &Path) -> Option<(Role, f64)> {
    let name = fs::read_to_string(thread.join("comm")).ok()?;
    let role = match name.split_once('-')?.0 {
        "source" => Role::Source,
        "destination" => Role::Destination,
        _ => return None,
    };
    let statistics = fs::read_to_string(thread.join("schedstat")).ok()?;
    let nanoseconds: u64 = statistics.split(' ').next()?.parse().ok()?;
    Some((role, nanoseconds as f64 / 1e9))
}
