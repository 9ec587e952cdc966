//! A connector's wishes for hosts and paths, and the operator's values that they speak of.
#![no_main]

use std::path::Path;

use cartridge_warp::plugin::{ConnectorInfo, GrantKind, Role, WantedGrant, derive_grants};
use cartridge_warp_fuzz::memory::bounded;
use serde_json::json;

const KINDS: [GrantKind; 4] =
    [GrantKind::Host, GrantKind::ReadDirectory, GrantKind::WriteDirectory, GrantKind::WriteFile];

fn info(value: &str) -> ConnectorInfo {
    let reason = "a reason".to_owned();
    let wish = |kind| WantedGrant { kind, value: value.to_owned(), reason: reason.clone() };
    ConnectorInfo {
        name: "x".to_owned(),
        role: Role::Source,
        version: "1.0.0".to_owned(),
        description: String::new(),
        capabilities: Vec::new(),
        options_schema: json!({}),
        wanted_grants: KINDS.map(wish).to_vec(),
    }
}

libfuzzer_sys::fuzz_target!(|input: &str| {
    let (wish, value) = input.split_once('\n').unwrap_or((input, ""));
    let mut info = info(wish);
    let options = json!({"a": value, "b": [value, value]});
    // All together, and each alone: an error of the first would hide the others.
    for wanted in info.wanted_grants.clone() {
        info.wanted_grants = vec![wanted];
        let bytes_max = 64 * input.len() + 1024 * 1024;
        let _ = bounded(bytes_max, || derive_grants(&info, value, &options, Path::new("/base")));
    }
});
