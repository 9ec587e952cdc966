//! `explain`: what an error's code means, why it is an error, and what to do about it.

use super::{
    CliError, Exit,
    output::Output,
    pages::{self, PAGES},
};
use crate::config::suggest;

/// No page has this name.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("`{code}` is no code of this program")]
#[diagnostic(
    code("unknown-code"),
    help(
        "{help}. A code that a connector chose is explained by its README, in the table of its failures \
         (`plugins/NAME/README.md` for those that come with this program), and by the message beside it"
    )
)]
struct Unknown {
    code: String,
    help: String,
}

/// The page of a code as it stands in errors and logs.
pub fn page(code: &str) -> Result<&'static str, CliError> {
    pages::page(code).ok_or_else(|| {
        let name = code.rsplit("::").next().unwrap_or(code);
        let help = suggest(name, PAGES.iter().map(|(page, _)| *page));
        CliError::unusable(Unknown { code: code.to_owned(), help })
    })
}

/// Prints the page of a code.
pub fn run(code: &str, output: Output) -> Result<Exit, CliError> {
    let page = page(code)?;
    match output.is_json() {
        true => output.json(&serde_json::json!({"code": code, "page": page})),
        false => page.trim_end().lines().for_each(|line| output.line(line)),
    }
    Ok(Exit::Done)
}
