//! Commands about single tables.

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};

use super::config::ConfigArgs;

#[derive(Debug, Args)]
pub struct TablesArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Names of tables, `shop.orders` in multi mode.
    #[arg(
        required_unless_present = "exact",
        value_name = "TABLES",
        value_delimiter = ',',
        value_parser = NonEmptyStringValueParser::new()
    )]
    tables: Vec<String>,

    /// A table by its name as it is, commas and all; may repeat.
    #[arg(long = "table", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    exact: Vec<String>,

    /// Do it although a run holds the schema: its process is gone, or ends with exit code 5.
    #[arg(long)]
    pub take_over: bool,
}

#[derive(Debug, Args)]
pub struct ResumeArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Names of tables, `shop.orders` in multi mode [default: all that are parked or paused].
    #[arg(
        value_name = "TABLES",
        value_delimiter = ',',
        value_parser = NonEmptyStringValueParser::new()
    )]
    tables: Vec<String>,

    /// A table by its name as it is, commas and all; may repeat.
    #[arg(long = "table", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    exact: Vec<String>,

    /// Do it although a run holds the schema: its process is gone, or ends with exit code 5.
    #[arg(long)]
    pub take_over: bool,
}

#[derive(Debug, Args)]
pub struct DropArgs {
    #[command(flatten)]
    pub tables: TablesArgs,

    /// Forget them and leave the destination's tables as they are.
    #[arg(long)]
    pub keep_rows: bool,
}

impl TablesArgs {
    /// All that are named.
    pub fn names(&self) -> Vec<String> {
        named(&self.tables, &self.exact)
    }
}

impl ResumeArgs {
    /// All that are named; none for those that are parked or paused.
    pub fn names(&self) -> Vec<String> {
        named(&self.tables, &self.exact)
    }
}

fn named(tables: &[String], exact: &[String]) -> Vec<String> {
    let tables = tables.iter().map(|name| name.trim().to_owned());
    tables.chain(exact.iter().cloned()).collect()
}

#[derive(Debug, Subcommand)]
pub enum SchemaCommand {
    /// List what has become of tables since their shape was accepted, and what the rules make of it.
    List(ConfigArgs),
    /// Let changes through. A parked table is copied again by the next run, in its new shape.
    #[command(
        after_help = "Example: cartridge-warp schema approve -c shop.yaml orders --column note"
    )]
    Approve(DecisionArgs),
    /// Go on without changes: new columns stay away, and dropped ones are kept.
    #[command(
        after_help = "Example: cartridge-warp schema reject -c shop.yaml orders --column note"
    )]
    Reject(DecisionArgs),
}

#[derive(Debug, Args)]
pub struct DecisionArgs {
    #[command(flatten)]
    pub tables: TablesArgs,

    /// Only the changes of this column; may repeat [default: all that wait].
    #[arg(long = "column", value_name = "NAME")]
    pub columns: Vec<String>,
}
