//! `init` and `env-help`: how to start writing a configuration.

use std::{
    fs::OpenOptions,
    io::{self, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{CliError, Exit, args::InitArgs, output::Output, setup::FileError};
use crate::config;

/// The file is there and nobody said that it may go.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{} is there already and was not touched", .path.display())]
#[diagnostic(code("file-exists"), help("name another file, or pass --force to overwrite it"))]
struct Exists {
    path: PathBuf,
}

pub fn run(args: &InitArgs, output: Output) -> Result<Exit, CliError> {
    let path = &args.path;
    if path.exists() && !args.force && !may_overwrite(path) {
        return Err(CliError::unusable(Exists { path: path.clone() }));
    }
    write(path).map_err(|cause| {
        CliError::failed(FileError { doing: "cannot write", path: path.clone(), cause })
    })?;
    output.line(&format!(
        "wrote {0}\nnext: edit it, then `cartridge-warp validate -c {0}`",
        path.display()
    ));
    Ok(Exit::Done)
}

/// Connection strings hold passwords, so the file is its user's own; one that is there keeps its mode.
fn write(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(config::template().as_bytes())
}

/// Asks, if there is anybody to ask.
fn may_overwrite(path: &Path) -> bool {
    if !io::stdin().is_terminal() {
        return false;
    }
    let question = write!(io::stderr(), "{} exists. Overwrite it? [y/N] ", path.display());
    let mut answer = String::new();
    question.and_then(|()| io::stdin().read_line(&mut answer)).is_ok()
        && matches!(answer.trim(), "y" | "Y" | "yes")
}

pub fn env_help(output: Output) -> Exit {
    for variable in config::env_help() {
        if output.is_json() {
            output.json(&serde_json::json!({
                "variable": variable.variable,
                "meaning": variable.meaning,
                "default": variable.default,
            }));
        } else {
            output.line(&format!("{} [{}]", variable.variable, variable.default));
            output.line(&format!("    {}", variable.meaning));
        }
    }
    Exit::Done
}
