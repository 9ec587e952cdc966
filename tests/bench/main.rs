//! How fast rows get through, and what it costs: `make bench`.
//!
//! Everything runs the real binary and is measured by what the operating system counted of its
//! process. Numbers of one run belong together; what carries over to other machines are the ratios.

#![allow(clippy::expect_used, clippy::cast_precision_loss)] // It ends when it cannot measure.

mod density;
mod drain;
mod files;
mod large;
mod latency;
mod measure;
mod mongodb;
mod native;
mod postgresql;
mod threads;

use std::process::ExitCode;

const ROWS: u64 = 1_000_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [native, target, source, destination, ..] = arguments.as_slice()
        && native == "--native"
    {
        native::copy(target, source, destination);
        return ExitCode::SUCCESS;
    }
    if let [drain, url, database, collection, what @ ..] = arguments.as_slice()
        && drain == "--drain"
    {
        drain::Drain::parse(what).expect("find or watch").run(url, database, collection);
        return ExitCode::SUCCESS;
    }
    // Without the product's prefix: its commands would take it for a key of the configuration.
    let rows = std::env::var("BENCH_ROWS");
    let rows = rows.ok().and_then(|rows| rows.parse().ok()).unwrap_or(ROWS);
    let all = ["files", "postgresql", "mongodb"].map(str::to_owned);
    let chosen = if arguments.is_empty() { &all[..] } else { &arguments[..] };
    for part in chosen {
        match part.as_str() {
            "files" => files::run(rows),
            "postgresql" => postgresql::run(rows),
            "mongodb" => mongodb::run(rows),
            "large" => large::run(rows),
            "density" => density::run(),
            other => {
                let known = all.join(", ");
                eprintln!("there is no benchmark `{other}`; there are: {known}, large, density");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
