//! Markers: a destination brings back what the host stored, or something else.
#![no_main]

use cartridge_warp::runner::fuzzing::markers;
use cartridge_warp_fuzz::memory::bounded;

libfuzzer_sys::fuzz_target!(|value: &[u8]| {
    let _ = bounded(64 * value.len() + 16 * 1024 * 1024, || markers(value));
});
