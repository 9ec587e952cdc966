//! Configuration files. They are the operator's: what matters is that a mistake is told, not obeyed.
#![no_main]

use std::fs;

use cartridge_warp::config::{ConfigSources, WarpConfig};

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let path = std::env::temp_dir().join(format!("fuzzed-{}.yaml", std::process::id()));
    fs::write(&path, text).expect("the folder for temporary files is writable");
    let sources = ConfigSources::new().file(&path).env([("HOME", "/home/x"), ("SECRET", "pw")]);
    match WarpConfig::load(sources) {
        Ok(config) => drop(config.effective()),
        Err(error) => {
            let _ = (error.to_string(), format!("{:?}", miette::Report::new(error)));
        }
    }
});
