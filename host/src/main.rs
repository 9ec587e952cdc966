//! The `cartridge-warp` binary.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    cartridge_warp::cli::main().await
}
