//! The command line tool: arguments in, exit code out.
//!
//! Thin: each command loads what it needs, calls the library and prints. Nothing here decides
//! anything about data.

mod adopt;
mod args;
mod became;
mod check;
mod compile;
mod conformance;
mod connectors;
mod described;
mod dlq;
mod explain;
mod generations;
mod grants;
mod init;
mod live;
mod mcp;
mod meant;
mod monitoring;
mod new;
mod output;
mod pages;
mod read;
mod refused;
mod repair;
mod retry;
mod run;
mod run_status;
mod schema;
mod setup;
mod shown;
mod signals;
mod since;
mod tables;
mod teardown;
mod top;
mod usage;
mod validate;
mod verify;

use std::process::ExitCode;

use clap::CommandFactory;
use miette::Diagnostic;

use args::{Cli, Command};
use output::Output;
use tables::Ordering;

use crate::runner::Order;

/// How a command ended. The numbers are documented in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    Done = 0,
    Failed = 1,
    /// The command line or the configuration is wrong.
    Unusable = 2,
    /// Done, but tables failed and were left out.
    Parked = 3,
    /// Done, but rows went to the dead letters.
    DeadLetters = 4,
    /// Another runner has taken over; it goes on.
    Fenced = 5,
    /// The destination's rows are not the source's.
    Drift = 6,
}

/// An error that ends a command, and the exit code it leads to.
pub struct CliError {
    exit: Exit,
    diagnostic: Box<dyn Diagnostic + Send + Sync>,
}

impl CliError {
    fn failed(error: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self { exit: Exit::Failed, diagnostic: Box::new(error) }
    }

    fn unusable(error: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self { exit: Exit::Unusable, diagnostic: Box::new(error) }
    }
}

/// Runs the tool with the arguments of this process.
pub async fn main() -> ExitCode {
    let cli = match usage::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let output = Output::new(cli.output);
    let exit = match dispatch(cli, output).await {
        Ok(exit) => exit,
        Err(error) => {
            output.error(error.diagnostic.as_ref());
            error.exit
        }
    };
    ExitCode::from(exit as u8)
}

async fn dispatch(cli: Cli, output: Output) -> Result<Exit, CliError> {
    let plugin_dir = cli.plugin_dir;
    match cli.command {
        Command::Run(args) => run::run(args, plugin_dir, output).await,
        Command::Validate(args) => validate::run(args, plugin_dir, output).await,
        Command::Init(args) => init::run(&args, output),
        Command::EnvHelp => Ok(init::env_help(output)),
        Command::Connectors(command) => connectors::run(command, plugin_dir, output).await,
        Command::Check(args) => check::check(args, plugin_dir, output).await,
        Command::Adopt(args) => adopt::run(args, plugin_dir, output).await,
        Command::Status(args) => tables::status(args, plugin_dir, output).await,
        Command::Top(args) => top::run(args, plugin_dir, output).await,
        Command::Events(args) => live::events(&args, plugin_dir, output).await,
        Command::Drain(args) => live::drain(&args, plugin_dir, output).await,
        Command::Reload(args) => live::reload(&args, plugin_dir, output).await,
        Command::LogLevel(args) => live::set_level(args, plugin_dir, output).await,
        Command::Pause(args) => {
            tables::order(Ordering::named(Order::Pause, args), plugin_dir, output).await
        }
        Command::Resume(args) => tables::order(Ordering::resume(args), plugin_dir, output).await,
        Command::Resync(args) => {
            tables::order(Ordering::named(Order::Resync, args), plugin_dir, output).await
        }
        Command::Drop(args) => tables::drop_tables(args, plugin_dir, output).await,
        Command::Teardown(args) => teardown::run(args, plugin_dir, output).await,
        Command::Dlq(command) => dlq::run(command, plugin_dir, output).await,
        Command::Schema(command) => schema::run(command, plugin_dir, output).await,
        Command::Verify(args) => verify::run(args, plugin_dir, output).await,
        Command::Discover(args) => check::discover(args, plugin_dir, output).await,
        Command::Mcp(args) => mcp::run(args, plugin_dir, output).await,
        Command::Explain { code } => explain::run(&code, output),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "cartridge-warp", &mut script);
            output.line(String::from_utf8_lossy(&script).trim_end());
            Ok(Exit::Done)
        }
    }
}
