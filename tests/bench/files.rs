//! Rows of files into SQLite and Parquet, and what the sandbox costs.
//!
//! Copies a million rows of NDJSON with the real binary, then with the same connectors' code called
//! natively in a process of its own.

use std::{io::Write as _, path::Path};

use cartridge_warp_tests::Pipeline;
use serde_json::json;

use crate::measure::{Measured, catch_up, heading, measure};

/// Rows that are generated at once.
const PIECE: usize = 10_000;

/// A destination and its configuration.
struct Target {
    name: &'static str,
    destination: serde_json::Value,
    append: bool,
}

/// Prints one line for each way, and their ratios.
pub fn run(rows: u64) {
    let targets = [
        Target {
            name: "sqlite",
            destination: json!({"type": "sqlite", "connection_string": "./copy.db"}),
            append: false,
        },
        Target {
            name: "parquet",
            destination: json!({
                "type": "files", "connection_string": "./lake", "options": {"format": "parquet"},
            }),
            append: true,
        },
    ];
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{rows} rows of NDJSON, 8 columns\n{}", heading());
    for target in &targets {
        let pipeline = prepare(target, rows);
        let sandboxed = catch_up(&pipeline);
        let native = run_native(&pipeline, target, "native");
        // The baseline against itself: no smaller difference means anything.
        let again = run_native(&pipeline, target, "native-again");
        for (how, measured) in [("sandboxed", &sandboxed), ("native", &native)] {
            let _ = writeln!(out, "{}", measured.line(&format!("{} {how}", target.name), rows));
        }
        let _ = writeln!(out, "{}", sandboxed.shares_line(rows));
        let _ = writeln!(out, "{}", again.ratio_line("  native again", &native));
        let name = format!("{} ratio", target.name);
        let _ = writeln!(out, "{}", sandboxed.ratio_line(&name, &native));
    }
}

/// The source file, the configuration, and connectors that are compiled already.
fn prepare(target: &Target, rows: u64) -> Pipeline {
    let mut pipeline = Pipeline::new();
    // In pieces: a child's peak memory is never counted lower than its parent's.
    for first in (1..=rows).step_by(PIECE) {
        let piece = (first..=rows).take(PIECE).map(row).collect::<String>();
        pipeline.append("orders.ndjson", &piece);
    }
    pipeline.set("destination", target.destination.clone());
    std::fs::create_dir_all(pipeline.path("lake")).expect("a directory");
    let mode = if target.append { "append" } else { "upsert" };
    pipeline.set("schemas.0.tables", json!([{"name": "orders", "write_mode": mode}]));
    assert!(pipeline.run(&["check"]).status.success(), "the connectors compile");
    pipeline
}

fn row(id: u64) -> String {
    let (customer, amount, paid) = (id % 5000, id % 10_000, id.is_multiple_of(2));
    let (name, micros) = (id % 777, id % 1_000_000);
    format!(
        "{{\"id\":{id},\"customer\":{customer},\"amount\":{amount}.5,\"paid\":{paid},\
         \"state\":\"shipped\",\"name\":\"Customer number {name}\",\
         \"at\":\"2026-01-02T03:04:05.{micros:06}Z\",\"note\":null}}\n"
    )
}

fn run_native(pipeline: &Pipeline, target: &Target, name: &str) -> Measured {
    let this = std::env::current_exe().expect("this program has a path");
    let destination = pipeline.path(&format!("{name}.{}", target.name));
    if target.append {
        std::fs::create_dir_all(&destination).expect("a directory");
    }
    let mut command = std::process::Command::new(this);
    let path = |path: &Path| path.to_str().expect("a temporary path").to_owned();
    command.args(["--native", target.name, &path(&pipeline.path("data")), &path(&destination)]);
    measure(command)
}
