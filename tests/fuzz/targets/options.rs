//! A connector's JSON Schema of its options, and the options that are checked by it.
#![no_main]

use cartridge_warp::plugin::fuzzing::{limits, options};
use cartridge_warp_fuzz::memory::bounded;
use serde_json::{Value, json};

/// Compiled patterns are the most of it.
const BYTES_MAX: usize = 64 * 1024 * 1024;

libfuzzer_sys::fuzz_target!(|input: &str| {
    let (schema, given) = input.split_once('\n').unwrap_or((input, "{}"));
    let Ok(schema) = serde_json::from_str::<Value>(schema) else { return };
    let given = serde_json::from_str(given).unwrap_or_else(|_| json!({"a": 1, "b": ["x"]}));
    if let Ok(errors) = bounded(BYTES_MAX, || options(&schema, &given)) {
        assert!(errors.len() <= limits::OPTION_ERRORS_MAX);
        let long = |text: &String| text.len() > 10 * limits::MESSAGE_BYTES_MAX + 3;
        assert!(!errors.iter().any(|error| long(&error.message)));
    }
});
