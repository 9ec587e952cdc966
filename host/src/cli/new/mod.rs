//! `connectors new`: a project that is a connector already.

mod template;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{CliError, Exit, args::NewArgs, output::Output, setup::FileError};

/// There is something where the project would be.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{} is there already and was not touched", .directory.display())]
#[diagnostic(code("file-exists"), help("name another directory by --dir, or an empty one"))]
struct Exists {
    directory: PathBuf,
}

pub fn run(args: &NewArgs, output: Output) -> Result<Exit, CliError> {
    let role = args.role.role();
    let directory =
        args.dir.clone().unwrap_or_else(|| PathBuf::from(format!("{}-{}", args.name, role.word())));
    if !is_free(&directory) {
        return Err(CliError::unusable(Exists { directory }));
    }
    let files = template::project(role, &args.name, &args.sdk);
    for (name, text) in &files {
        let path = directory.join(name);
        write(&path, text).map_err(|cause| {
            CliError::failed(FileError { doing: "cannot write", path: path.clone(), cause })
        })?;
    }
    if output.is_json() {
        let names: Vec<_> = files.iter().map(|(name, _)| name).collect();
        output.json(&serde_json::json!({
            "name": args.name, "role": role.word(), "directory": directory, "files": names,
        }));
    } else {
        output.line(&format!(
            "made the {role} `{0}` in {1}\nnext: `cd {1}`, then `cargo test`; README.md says how it goes on",
            args.name,
            directory.display()
        ));
    }
    Ok(Exit::Done)
}

/// Whether nothing is there, or an empty directory.
fn is_free(directory: &Path) -> bool {
    match fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Makes a file that is not there yet.
fn write(path: &Path, text: &str) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    io::Write::write_all(&mut fs::File::create_new(path)?, text.as_bytes())
}
