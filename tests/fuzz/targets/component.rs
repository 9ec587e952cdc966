//! Component files, before a compiler sees them.
#![no_main]

use cartridge_warp::plugin::fuzzing::component;
use cartridge_warp_fuzz::{memory::bounded, seeds};

/// Components in the text format: one that runs here, and some that don't.
const COMPONENTS: [&str; 4] = [
    "(component (instance $i) (export \"cartridge:warp/source@0.1.0\" (instance $i)))",
    "(component (import \"wasi:cli/environment@0.2.0\" (instance)) (core module)
        (component (instance $i) (export \"a\" (instance $i)))
        (instance $i) (export \"cartridge:warp/destination@0.1.7\" (instance $i)))",
    "(component (import \"wasi:http/types@0.2.0\" (instance)) (instance $i)
        (export \"cartridge:warp/source@0.9.0-rc.1\" (instance $i)))",
    "(module (memory 1) (func (export \"f\")))",
];

libfuzzer_sys::fuzz_target!(
    init: seeds::write(COMPONENTS.iter().map(|text| wat::parse_str(text).expect("it is valid"))),
    |bytes: &[u8]| {
        let result = bounded(64 * bytes.len() + 1024 * 1024, || component(bytes));
        if let Err(error) = result {
            let shown = error.to_string();
            assert!(shown.len() < 256 * 1024, "an error of {} bytes", shown.len());
        }
    }
);
