//! What every command that has a pipeline takes.

use std::path::PathBuf;

use clap::Args;

/// Where the configuration is, and what the command line changes in it.
#[derive(Clone, Debug, Args)]
pub struct ConfigArgs {
    /// The configuration file [default: ./cartridge-warp-config.yaml if it is there, else the
    /// environment alone].
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Set a configuration key, e.g. `--set schemas.0.default_batch_size=100`; may repeat.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}
