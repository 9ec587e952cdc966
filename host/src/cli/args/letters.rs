//! Commands about dead letters.

use clap::{Args, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};

use super::config::ConfigArgs;

#[derive(Debug, Subcommand)]
pub enum DlqCommand {
    /// List dead letters, the oldest first, without their rows.
    List {
        #[command(flatten)]
        letters: LettersArgs,

        /// Which by their state [default: those that are open].
        #[arg(long, value_enum, default_value_t = LetterStatus::Open)]
        status: LetterStatus,

        /// The most that are listed of each schema.
        #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        limit: u16,
    },
    /// Show dead letters whole, with their rows.
    Show {
        #[command(flatten)]
        config: ConfigArgs,

        /// Their numbers, as `dlq list` shows them.
        #[arg(required = true, value_name = "NUMBERS", value_delimiter = ',')]
        ids: Vec<u64>,
    },
    /// Settle open dead letters without doing anything about their rows. A pipeline may run meanwhile.
    Discard {
        #[command(flatten)]
        letters: LettersArgs,

        /// Their numbers [default: all that match].
        #[arg(value_name = "NUMBERS", value_delimiter = ',')]
        ids: Vec<u64>,

        /// Why, for those who look later.
        #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        reason: String,

        /// All open ones, where nothing else says which.
        #[arg(long)]
        all: bool,
    },
    /// Write the rows of open dead letters as they are at the source now, and settle those that the
    /// destination takes. A run of the pipeline does it, where there is one.
    #[command(
        after_help = "Example: cartridge-warp dlq retry -c shop.yaml --table orders --code constraint

Exit codes: 0 all that match are settled; 4 some are still open, and the answer says why."
    )]
    Retry(RetryArgs),
}

#[derive(Debug, Args)]
pub struct RetryArgs {
    #[command(flatten)]
    pub letters: LettersArgs,

    /// Their numbers [default: all that match].
    #[arg(value_name = "NUMBERS", value_delimiter = ',')]
    pub ids: Vec<u64>,

    /// All open ones, where nothing else says which.
    #[arg(long)]
    pub all: bool,

    /// Do it although a run holds the schema: its process is gone, or ends with exit code 5.
    #[arg(long)]
    pub take_over: bool,
}

/// Which dead letters are meant.
#[derive(Debug, Args)]
pub struct LettersArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Only of this schema.
    #[arg(long, value_name = "NAME")]
    pub schema: Option<String>,

    /// Only of this table.
    #[arg(long, value_name = "NAME")]
    pub table: Option<String>,

    /// Only with this code, e.g. `type-conversion`.
    #[arg(long, value_name = "CODE")]
    pub code: Option<String>,

    /// Only those that came since: a time such as 2025-12-31T18:00:00Z, or how long ago, such as 2h.
    #[arg(long, value_name = "TIME", value_parser = crate::cli::since::micros)]
    pub since: Option<i64>,
}

/// What became of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LetterStatus {
    /// Not settled.
    Open,
    /// Nobody has touched it.
    Pending,
    /// It is being written again.
    Processing,
    /// Its row came otherwise, by a new copy, say.
    Resolved,
    /// A person has settled it.
    Discarded,
    /// Whatever it is.
    All,
}
