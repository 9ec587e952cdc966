//! `connectors`, also called `plugin`.

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};

use super::{
    ConfigArgs,
    conformance::{TEST_EXAMPLES, TestArgs},
};
use crate::plugin::Role;

const COMPILE_EXAMPLES: &str = "\
Examples:
  cartridge-warp connectors compile -c shop.yaml   what this configuration names
  CARTRIDGE_WARP_STATE_DIR=/var/lib/cartridge-warp cartridge-warp connectors compile --all";

const NEW_EXAMPLES: &str = "\
Examples:
  cartridge-warp connectors new shop --source --sdk ../cartridge-warp/sdk
  cartridge-warp connectors new shop --destination --sdk ../cartridge-warp/sdk --dir shop

The SDK is in no registry yet: it is the folder `sdk` of cartridge-warp's repository, and the project
depends on it by its path.";

/// The crate that `--sdk` has to be.
const SDK: &str = "name = \"cartridge-warp-sdk\"";
/// What the contract allows, less what the role takes of the crate's name.
const NAME_BYTES_MAX: usize = 48;

#[derive(Debug, Subcommand)]
pub enum ConnectorsCommand {
    /// List every component of the plugin directory, the broken ones with the reason.
    List,
    /// Write a project in Rust that is a connector already: it builds, is tested and runs as it stands.
    #[command(after_help = NEW_EXAMPLES)]
    New(NewArgs),
    /// Show what a connector is, the options it takes, the grants it wants, and what it weighs.
    Inspect {
        /// A connector's name, or the path of a component.
        name: String,

        /// A configuration: shows what it would grant this connector.
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Compile the connectors of a configuration and keep them below its `state_dir`, for images and
    /// for starts that should not take the time.
    #[command(after_help = COMPILE_EXAMPLES)]
    Compile(CompileArgs),
    /// Put a component through the conformance kit, by a case and a driver of its author's
    /// (docs/conformance.md).
    #[command(after_help = TEST_EXAMPLES)]
    Test(TestArgs),
}

#[derive(Debug, Args)]
pub struct CompileArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Every component of the plugin directory, without a configuration: kept below
    /// CARTRIDGE_WARP_STATE_DIR.
    #[arg(long, conflicts_with_all = ["config", "set"])]
    pub all: bool,
}

#[derive(Debug, Args)]
pub struct NewArgs {
    /// The word that `source.type` or `destination.type` will name: small letters, digits and `-`, a letter
    /// first.
    #[arg(value_parser = connector_name)]
    pub name: String,

    #[command(flatten)]
    pub role: RoleArgs,

    /// The SDK: the folder `sdk` of a checkout of cartridge-warp.
    #[arg(long, value_name = "DIR", value_parser = sdk)]
    pub sdk: PathBuf,

    /// Where to make it [default: NAME-source or NAME-destination]. It may not exist, or be empty.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// One of the two.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct RoleArgs {
    /// It reads a system's rows and changes.
    #[arg(long)]
    source: bool,

    /// It keeps a copy.
    #[arg(long)]
    destination: bool,
}

impl RoleArgs {
    pub fn role(&self) -> Role {
        if self.source { Role::Source } else { Role::Destination }
    }
}

/// A name that the contract allows and that makes a crate.
fn connector_name(text: &str) -> Result<String, String> {
    let is_word = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !text.ends_with('-');
    if !is_word {
        return Err(
            "a name has small letters, digits and `-`, a letter first and no `-` last".into()
        );
    }
    if text.len() > NAME_BYTES_MAX {
        return Err(format!("a name has at most {NAME_BYTES_MAX} characters"));
    }
    Ok(text.to_owned())
}

/// The SDK's folder, from wherever it is looked at.
fn sdk(text: &str) -> Result<PathBuf, String> {
    let folder = fs::canonicalize(text).map_err(|error| error.to_string())?;
    let manifest = fs::read_to_string(folder.join("Cargo.toml"));
    if !manifest.is_ok_and(|manifest| manifest.contains(SDK)) {
        return Err(
            "it is not the SDK; name the folder `sdk` of a checkout of cartridge-warp".into()
        );
    }
    Ok(folder)
}
