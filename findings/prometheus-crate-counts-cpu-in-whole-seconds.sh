#!/usr/bin/env bash
# The Rust crate `prometheus` 0.14.0 (feature `process`) tells process_cpu_seconds_total in whole seconds.
#
# The metric's name is the one that clients of other languages use, where it has fractions. Here it is an integer
# counter, cut down: a process that has used 0.9 s shows 0, and `rate()` over a short range of a quiet one jumps between
# nothing and a whole second. Graphs and alerts that are taken over from other programs read steps.
#
# Needs Rust with cargo, on Linux.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "cpu"
version = "0.1.0"
edition = "2024"

[dependencies]
prometheus = { version = "=0.14.0", default-features = false, features = ["process"] }
TOML
cat >src/main.rs <<'RUST'
use prometheus::{Registry, TextEncoder, process_collector::ProcessCollector};

/// What the system has counted so far: user and system time, in hundredths of a second.
fn used() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn main() {
    let registry = Registry::new();
    registry.register(Box::new(ProcessCollector::for_self())).unwrap();
    for wanted in [0.7, 1.7] {
        let mut number = 1_u64;
        while used() < wanted {
            for step in 0..100_000_u64 {
                number = std::hint::black_box(number.wrapping_mul(31).wrapping_add(step));
            }
        }
        let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        let told = text.lines().find_map(|line| line.strip_prefix("process_cpu_seconds_total "));
        println!("used {wanted} s, told {}", told.unwrap());
    }
}
RUST
cargo build --quiet
told=$(target/debug/cpu)
printf '%s\n' "$told"
if [ "$told" = $'used 0.7 s, told 0\nused 1.7 s, told 1' ]; then
    echo "as found: fractions of a second are left out"
else
    echo "CHANGED: it counts otherwise" >&2
    exit 1
fi
