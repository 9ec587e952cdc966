//! The `cartridge-warp` binary.

use std::process::ExitCode;

use tokio::runtime::Runtime;

fn main() -> ExitCode {
    if let Some(exit) = cartridge_warp::plugin::compiler_process() {
        return exit;
    }
    cartridge_warp::telemetry::catch_panics();
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the system gives no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let exit = runtime.block_on(cartridge_warp::cli::main());
    // A connector that was left behind by a failure may still be saying goodbye on its own thread: it
    // would panic if its timers went before the process does.
    std::mem::forget(runtime);
    exit
}
