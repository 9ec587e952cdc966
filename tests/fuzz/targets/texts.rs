//! Words of guests on their way to logs, terminals and metrics.
#![no_main]

use std::sync::Arc;

use cartridge_warp::{
    config::redact,
    monitor::Metrics,
    plugin::{
        Observer, Origin, Role,
        fuzzing::{lines, one_line, print},
    },
};

const BYTES_MAX: usize = 64;
/// Longest form of one byte that is written out.
const ESCAPED_BYTES: usize = 10;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    for shown in [one_line(&text, BYTES_MAX), lines(&text, BYTES_MAX)] {
        assert!(shown.len() <= BYTES_MAX * ESCAPED_BYTES + '…'.len_utf8());
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
    }
    assert!(!one_line(&text, BYTES_MAX).contains(['\n', '\t']));
    assert_eq!(redact(&text).len(), text.len(), "spans into the text stay right");

    let metrics = Metrics::new("db").expect("its own metrics");
    let observer = Arc::new(metrics.observer());
    let origin = || Origin { plugin: "x", role: Role::Source, label: "s" };
    for name in text.split('\n') {
        observer.counter_add(origin(), name, input.len() as u64);
        observer.gauge_set(origin(), name, f64::NAN);
    }
    // Those of the process have the names that all programs use.
    let starts = ["# ", "cartridge_warp", "process_"];
    for line in metrics.encode().expect("names were checked").lines() {
        assert!(starts.iter().any(|start| line.starts_with(start)), "{line}");
    }
    print(observer, input.split_inclusive(|byte| byte % 16 == 0));
});
