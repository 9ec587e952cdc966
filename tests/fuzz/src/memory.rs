//! Counts what a reader allocates.
//!
//! Every Rust allocation of a target goes through here. C code is not counted, and libFuzzer's own
//! work neither: it happens outside of [`bounded`].

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: all is the system's, which keeps the contract; the counters don't touch memory.
#[allow(unsafe_code, reason = "an allocator is unsafe by its interface")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(live, Relaxed);
        // SAFETY: as for this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as for this function.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Runs a reader.
///
/// # Panics
/// When it held more than `bytes_max` at a time.
pub fn bounded<T>(bytes_max: usize, read: impl FnOnce() -> T) -> T {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = read();
    let held = PEAK.load(Relaxed).saturating_sub(before);
    assert!(held <= bytes_max, "{held} bytes were allocated, {bytes_max} are allowed");
    result
}
