//! The command line: words, flags and their help.

mod config;
mod conformance;
mod connectors;
mod letters;
mod tables;
mod top_sort;

use std::{num::NonZeroU32, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};
use clap_complete::Shell;

pub use self::{
    config::ConfigArgs,
    conformance::TestArgs,
    connectors::{CompileArgs, ConnectorsCommand, NewArgs},
    letters::{DlqCommand, LetterStatus, LettersArgs, RetryArgs},
    tables::{DecisionArgs, DropArgs, ResumeArgs, SchemaCommand, TablesArgs},
    top_sort::TopSort,
};
use crate::config::Interval;

const MCP_EXAMPLE: &str = "\
An agent's configuration names the command:
  {\"mcpServers\": {\"shop\": {\"command\": \"cartridge-warp\", \"args\": [\"mcp\", \"-c\", \"shop.yaml\"]}}}";

const EXAMPLES: &str = "\
Examples:
  cartridge-warp init                             write a commented configuration
  cartridge-warp validate -c shop.yaml            check it; shows every value and its origin
  cartridge-warp check -c shop.yaml               open both sides, write nothing
  cartridge-warp run -c shop.yaml --dry-run       read and report, write nothing
  cartridge-warp run -c shop.yaml                 copy, then follow changes
  cartridge-warp run -c shop.yaml --full-resync=orders   copy this table anew, then follow
  cartridge-warp run -c shop.yaml --standby       wait while another run works, and take over when it ends
  cartridge-warp status -c shop.yaml              where each table is, what is parked and why
  cartridge-warp status -c shop.yaml --watch      the same of a run, again and again
  cartridge-warp resume -c shop.yaml orders       have a parked table copied again, while it runs or not
  cartridge-warp dlq list -c shop.yaml            rows that could not be written, and why
  cartridge-warp dlq retry -c shop.yaml --all     write those rows again, as they are now
  cartridge-warp verify -c shop.yaml              prove that both sides have the same rows
  cartridge-warp schema list -c shop.yaml         changes of shape that wait for a person
  cartridge-warp adopt -c shop.yaml               go on with the state of a pipeline of another name
  cartridge-warp teardown -c shop.yaml            remove its slot, publication and state, after asking
  cartridge-warp explain fenced                   what an error's code means and what to do
  cartridge-warp connectors inspect sqlite        what a connector is, takes and wants
  cartridge-warp connectors inspect sqlite -c shop.yaml   and what this would grant it
  cartridge-warp connectors compile -c shop.yaml  compile them now, so that a start need not
  cartridge-warp connectors new shop --source --sdk ../cartridge-warp/sdk   begin a connector in Rust
  cartridge-warp connectors test x.wasm -c case.yaml   whether a component keeps the contract

Exit codes: 0 done; 1 a schema failed; 2 the command line or the configuration is wrong;
3 done, but tables failed and were left out; 4 done, but rows went to the dead letters; 5 another runner has taken over, so leave this one stopped
(a run with `--standby` waits instead);
6 rows of the destination are not those of the source (`verify`).";

const VERIFY_EXAMPLES: &str = "\
Examples:
  cartridge-warp verify -c shop.yaml                  all tables
  cartridge-warp verify -c shop.yaml --table orders   one
  cartridge-warp verify -c shop.yaml --output json    a line of JSON for each table
  cartridge-warp verify -c shop.yaml --repair         write the rows that drifted again

Exit codes: 0 all that was compared is equal, or waits for the destination; 1 something could not be
decided, or nothing be compared; 6 rows of the destination are not those of the source.";

const TEARDOWN_EXAMPLES: &str = "\
Examples:
  cartridge-warp teardown -c shop.yaml               show what there is, and ask
  cartridge-warp teardown -c shop.yaml --yes         for scripts; --output json tells what went
  cartridge-warp teardown -c shop.yaml --take-over   its run was killed and gave nothing back

What options name (`options.slot`, `options.publication`) is the operator's and stays, and so do the
destination's tables, dead letters and journal. A pipeline that is begun again finds the old rows in
the tables: begin it with --full-resync.";

const ORDER_EXAMPLES: &str = "\
Examples:
  cartridge-warp pause -c shop.yaml orders            pass over its changes
  cartridge-warp resume -c shop.yaml                  all that are parked or paused come back
  cartridge-warp resync -c shop.yaml shop.orders      a table in multi mode
  cartridge-warp resync -c shop.yaml --table 'a,b'    a name with a comma

A run of the same configuration on this machine carries it out, while its other tables go on, and the command
is back when that is committed. Where nothing runs, the command changes what is stored itself.";

/// Change data capture whose connectors are sandboxed WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "cartridge-warp", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// Directory of connector components [also: CARTRIDGE_WARP_PLUGIN_DIR; else `plugins/` beside
    /// the binary, else ~/.local/share/cartridge-warp/plugins].
    #[arg(long, global = true, value_name = "DIR")]
    pub plugin_dir: Option<PathBuf>,

    /// How results, errors and log lines look [default: human on a terminal, else json where
    /// `monitoring.structured_logging` is on].
    #[arg(long, global = true, value_enum)]
    pub output: Option<OutputFormat>,
}

/// How results look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For eyes: colours and progress bars on a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Copy what is there, then follow changes until stopped.
    Run(RunArgs),
    /// Check a configuration and show every value and where it came from.
    #[command(
        after_help = "Example: cartridge-warp validate --schema > cartridge-warp.schema.json"
    )]
    Validate(ValidateArgs),
    /// Write a commented configuration to start from.
    Init(InitArgs),
    /// List the environment variables that set configuration keys.
    EnvHelp,
    /// Show the connectors of the plugin directory, and begin one of your own.
    #[command(subcommand, visible_alias = "plugin")]
    Connectors(ConnectorsCommand),
    /// Open both sides of a configuration and test them; writes nothing.
    Check(ConfigArgs),
    /// Take over what another pipeline stored at the destination: after the source moved, say. The
    /// runner that has it ends with exit code 5.
    Adopt(ConfigArgs),
    /// Show where each table is in its life: copying, streaming, parked and why. Where the pipeline runs,
    /// also how fast, how far behind, and what its connectors use.
    #[command(after_help = "Example: cartridge-warp status -c shop.yaml --watch")]
    Status(StatusArgs),
    /// Watch the running pipeline on one screen: its tables by lag, rates, and what is wrong; q quits. Without a
    /// terminal it is shown once.
    #[command(after_help = "Example: cartridge-warp top -c shop.yaml --sort rate")]
    Top(TopArgs),
    /// Follow what changes in the running pipeline: states of schemas and tables, errors.
    #[command(after_help = "Example: cartridge-warp events -c shop.yaml --output json")]
    Events(ConfigArgs),
    /// Leave tables out, and pass over what changes in them: at once in a running pipeline, else from the next run
    /// on.
    #[command(after_help = ORDER_EXAMPLES)]
    Pause(TablesArgs),
    /// Have parked or paused tables copied again, by the running pipeline or the next run.
    #[command(after_help = ORDER_EXAMPLES)]
    Resume(ResumeArgs),
    /// Have tables copied again, whatever they are doing, by the running pipeline or the next run.
    #[command(after_help = ORDER_EXAMPLES)]
    Resync(TablesArgs),
    /// End the running pipeline as SIGTERM does: it commits the batch in flight first.
    #[command(after_help = "Example: cartridge-warp drain -c shop.yaml")]
    Drain(ConfigArgs),
    /// Have the running pipeline read its configuration again, as on SIGHUP, and say what counts of it.
    #[command(after_help = "Example: cartridge-warp reload -c shop.yaml")]
    Reload(ConfigArgs),
    /// Set the level of the running pipeline's log, until its configuration is read again.
    #[command(after_help = "Example: cartridge-warp log-level -c shop.yaml debug")]
    LogLevel(LogLevelArgs),
    /// Forget tables that the lists leave out, and remove them at the destination.
    #[command(after_help = "Example: cartridge-warp drop -c shop.yaml --keep-rows old_orders")]
    Drop(DropArgs),
    /// Show or settle dead letters: rows that could not be written.
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// Compare the rows of both sides, beside a run or without one. Writes nothing.
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Show, approve or reject changes of tables' shapes that wait for a person.
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// Remove what a pipeline has at its source (slot, publication) and its state at the destination,
    /// after showing it. The tables and their rows stay.
    #[command(after_help = TEARDOWN_EXAMPLES)]
    Teardown(TeardownArgs),
    /// List the source's schemas and tables of a configuration.
    Discover(ConfigArgs),
    /// Answer agents by the Model Context Protocol, over standard input and output: what the running pipeline
    /// does, and orders where they are allowed.
    #[command(after_help = MCP_EXAMPLE)]
    Mcp(McpArgs),
    /// Say what an error's code means, why it is an error, and what to do about it.
    #[command(after_help = "Example: cartridge-warp explain fenced")]
    Explain {
        /// As it stands in an error or a log line.
        code: String,
    },
    /// Print a completion script for a shell.
    #[command(after_help = "Example: cartridge-warp completions bash > \
        ~/.local/share/bash-completion/completions/cartridge-warp")]
    Completions { shell: Shell },
}

#[derive(Debug, Args)]
pub struct ValidateArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Print a JSON Schema of the configuration file instead, for editors.
    #[arg(long, conflicts_with_all = ["config", "set"])]
    pub schema: bool,
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Show it again every two seconds until the run ends; on a terminal in place of the last.
    #[arg(long)]
    pub watch: bool,
}

#[derive(Debug, Args)]
pub struct McpArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Let agents pause, resume and copy tables again, and retry dead letters.
    #[arg(long)]
    pub allow_changes: bool,
}

#[derive(Debug, Args)]
pub struct TopArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Which tables come first.
    #[arg(long, value_enum, default_value_t = TopSort::Lag)]
    pub sort: TopSort,

    /// Between two looks, such as 500ms.
    #[arg(long, value_name = "INTERVAL", default_value = "1s")]
    pub every: Interval,
}

#[derive(Debug, Args)]
pub struct LogLevelArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// The least important line that is written.
    #[arg(value_enum, ignore_case = true)]
    pub level: LogLevelArg,
}

/// A level of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevelArg {
    Debug,
    Info,
    Warning,
    Error,
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Only of this schema.
    #[arg(long, value_name = "NAME")]
    pub schema: Option<String>,

    /// Only this table.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub table: Option<String>,

    /// How long rows of a table that differ are looked at again, in seconds: rows that are written to
    /// all the time and a run that is late take longer.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub wait: u32,

    /// Compare again and again, so long after the last comparison began, such as 24h; until it is interrupted.
    #[arg(long, value_name = "INTERVAL", conflicts_with = "repair")]
    pub every: Option<Interval>,

    /// Read at most so many rows a second of each side; without it, as many as it can.
    #[arg(long, value_name = "ROWS")]
    pub rows_per_second: Option<NonZeroU32>,

    /// Show the values that differ, but for those of masked columns.
    #[arg(long)]
    pub show_values: bool,

    /// Write rows that drifted as they are at the source, and compare again. A run of the pipeline does it,
    /// where there is one.
    #[arg(long)]
    pub repair: bool,

    /// Repair although a run holds the schema: its process is gone, or ends with exit code 5.
    #[arg(long, requires = "repair")]
    pub take_over: bool,
}

#[derive(Debug, Args)]
pub struct TeardownArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Do not ask. Without it, and without a terminal, it only shows, and ends with 2.
    #[arg(long)]
    pub yes: bool,

    /// Do it although a run holds the schema: its process is gone, or ends with exit code 5.
    #[arg(long)]
    pub take_over: bool,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// One schema (`single`) or all of them (`multi`).
    #[arg(long, value_name = "MODE")]
    pub mode: Option<String>,

    /// The schema to run in single mode.
    #[arg(long, value_name = "NAME")]
    pub schema: Option<String>,

    /// Read and report; write nothing, move no position.
    #[arg(long, conflicts_with = "standby")]
    pub dry_run: bool,

    /// Empty the destination's tables and copy them again: all of them, or those that are named
    /// (`orders,customers`; in multi mode `shop.orders`) while the others go on.
    #[arg(
        long,
        value_name = "TABLES",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub full_resync: Option<String>,

    /// Empty a table and copy it again by its name as it is, commas and all; may repeat.
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with = "full_resync",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub full_resync_table: Vec<String>,

    /// End with 0 when the source reports no more.
    #[arg(long)]
    pub until_caught_up: bool,

    /// Wait for schemas that another run holds, and take them over when it ends or says nothing any more
    /// (`standby.ttl_seconds`). Without it they are taken over at once, and the other run ends with exit code 5.
    #[arg(long)]
    pub standby: bool,
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where to write it.
    #[arg(default_value = "cartridge-warp-config.yaml")]
    pub path: PathBuf,

    /// Overwrite a file that is there without asking.
    #[arg(long)]
    pub force: bool,
}
