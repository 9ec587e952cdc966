//! Arguments of the conformance kit.

use std::path::PathBuf;

use clap::Args;

pub const TEST_EXAMPLES: &str = "\
Examples:
  cartridge-warp connectors test shelf.wasm -c case.yaml
  cartridge-warp connectors test shelf.wasm -c case.yaml --only changes --only idle
  cartridge-warp connectors test shelf.wasm -c case.yaml --junit shelf.xml --output json
  cartridge-warp connectors test shelf.wasm --list

Exit codes: 0 all checks passed; 1 a check failed; 2 the case is wrong, or its driver failed.";

#[derive(Debug, Args)]
pub struct TestArgs {
    /// The component's file.
    #[arg(value_name = "FILE")]
    pub component: PathBuf,

    /// The case: how the component is opened, its tables and the author's driver.
    #[arg(short, long, value_name = "FILE", required_unless_present = "list")]
    pub config: Option<PathBuf>,

    /// Make only this check; may repeat.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,

    /// Write the result as JUnit's XML to this file, too.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Show the checks of the component's class, and make none.
    #[arg(long, conflicts_with_all = ["config", "only", "junit"])]
    pub list: bool,
}
