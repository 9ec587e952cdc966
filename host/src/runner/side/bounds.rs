//! From the configured limits to the bounds of the ledger (I7).

use crate::{
    config::{self, Limits, ProcessLimits},
    plugin::{Bounds, CompileLimits},
};

/// Open files and sockets that the host keeps for itself: its port, its state, its logs.
const DESCRIPTORS_KEPT: u64 = 128;

const STARTS_PER_CORE: usize = 4;

/// What all plugins of the process may make it hold.
pub fn process_bounds(limits: &ProcessLimits) -> Bounds {
    Bounds {
        memory_bytes_max: limits.memory.get(),
        descriptors_max: limits.descriptors.map_or_else(descriptors, |max| max.get().into()),
        threads_max: limits.threads.get().into(),
    }
}

/// How many schemas start at a time. By default some for each core: most of a start is waiting for
/// servers.
pub fn starts_at_once(limits: &ProcessLimits) -> usize {
    let by_cores = || std::thread::available_parallelism().map_or(1, usize::from) * STARTS_PER_CORE;
    limits.starts.map_or_else(by_cores, |max| max.get() as usize)
}

/// What compiling one connector may take.
pub fn compile_limits(limits: &config::CompileLimits) -> CompileLimits {
    CompileLimits { memory_bytes_max: limits.memory.get(), time_max: limits.time.duration() }
}

/// What all instances of one plugin may make the process hold. By default the two sides of a
/// pipeline share its descriptors equally, so that neither takes the other's.
pub fn plugin_bounds(limits: &Limits) -> Bounds {
    Bounds {
        memory_bytes_max: limits.memory_total.get(),
        descriptors_max: limits
            .descriptors
            .map_or_else(|| descriptors() / 2, |max| max.get().into()),
        threads_max: limits.threads.get().into(),
    }
}

/// What the system gives this process, but for those that the host keeps: never all of a small
/// number.
fn descriptors() -> u64 {
    let given = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    shared(given.unwrap_or(u64::MAX))
}

fn shared(given: u64) -> u64 {
    given.saturating_sub(DESCRIPTORS_KEPT).max(given / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::limits;

    #[test]
    fn the_host_keeps_some_descriptors_for_itself() {
        for (given, expected) in [(1024, 896), (200, 100), (0, 0), (u64::MAX, u64::MAX - 128)] {
            assert_eq!(shared(given), expected, "{given}");
        }
    }

    #[test]
    fn a_compilation_has_the_same_limits_with_and_without_a_configuration() {
        let configured = compile_limits(&config::CompileLimits::default());
        assert_eq!(configured, CompileLimits::default());
    }

    #[test]
    fn all_connections_together_reserve_half_of_the_address_space() {
        let threads = process_bounds(&ProcessLimits::default()).threads_max;
        let each = limits::MEMORIES_MAX as u64 * limits::MEMORY_RESERVED_BYTES;
        assert!(threads * each <= (1 << 47) / 100 * 55, "{threads} connections of {each} bytes");
    }

    #[test]
    fn what_is_configured_wins_over_what_the_system_gives() {
        let mut limits = Limits::default();
        assert!(plugin_bounds(&limits).descriptors_max < descriptors());
        limits.descriptors = std::num::NonZeroU32::new(7);
        assert_eq!(plugin_bounds(&limits).descriptors_max, 7);
        let process = ProcessLimits { descriptors: limits.descriptors, ..ProcessLimits::default() };
        assert_eq!(process_bounds(&process).descriptors_max, 7);
    }
}
