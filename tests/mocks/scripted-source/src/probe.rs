//! What a connector can reach and use, told in the log for a test to read.

use std::{fs, hint::black_box, path::Path};

use cartridge_warp_sdk::{Config, log, secrets};

use crate::Options;

/// A secret as no log may have it, in a form that a test can read.
fn spelled(secret: &str) -> String {
    secret.chars().map(|letter| format!("{letter}.")).collect()
}

pub(crate) fn run(config: &Config<Options>) {
    let probe = &config.options.probe;
    if let Some(name) = &probe.secret {
        let found =
            secrets::get(name).map_or_else(|refused| refused.message, |secret| spelled(&secret));
        log::info("probed a secret", &[("found", &found)]);
    }
    if let Some(name) = &probe.environment {
        let found = std::env::var(name).unwrap_or_else(|error| error.to_string());
        log::info("probed the environment", &[("found", &found)]);
    }
    if let Some(name) = &probe.file {
        for granted in config.paths.iter().filter(|path| path.key == "grants") {
            let found = match fs::write(Path::new(&granted.guest_path).join(name), "probe") {
                Ok(()) => "written".to_owned(),
                Err(error) => error.to_string(),
            };
            log::info("probed a directory", &[("at", &granted.configured), ("found", &found)]);
        }
    }
    for line in 0..probe.log_lines {
        log::info("one line of many", &[("number", &line.to_string())]);
    }
    black_box(vec![1_u8; probe.memory << 20]);
}
